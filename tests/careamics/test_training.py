"""Networks are trained as by CAREamics: the same losses and predictions from the same weights and the same batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lightning import pytorch as pl

pytest.importorskip("careamics")

from careamics.config.factories import create_advanced_care_config, create_advanced_n2v_config
from careamics.lightning.modules.care_module import CAREModule
from careamics.lightning.modules.n2v_module import N2VModule

from patchmill import TrainDataModule
from patchmill.config import create_care_configuration, create_n2v_configuration
from patchmill.training import Trainer

SHAPES = {"SYX": (2, 96, 96), "ZYX": (16, 48, 48), "CYX": (2, 128, 128)}
N_EPOCHS = 3

Batches = list[list[torch.Tensor]]

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "n2v": ("n2v", "SYX", {}),
    "n2v, 3D": ("n2v", "ZYX", {}),
    "n2v, channels apart": ("n2v", "CYX", {"n_channels": 2}),
    "n2v, channels mixed": ("n2v", "CYX", {"n_channels": 2, "independent_channels": False}),
    "n2v, residual": ("n2v", "SYX", {"model_params": {"residual": True}}),
    "n2v2": ("n2v", "SYX", {"use_n2v2": True}),
    "care": ("care", "SYX", {}),
    "care, Adamax": ("care", "SYX", {"optimizer": "Adamax", "optimizer_params": {"lr": 1e-3}}),
}


def given(axes: str, **options: Any) -> dict[str, Any]:
    """Return the arguments that the factories of both take."""
    small = {"depth": 2, "num_channels_init": 8}
    options["model_params"] = small | options.get("model_params", {})
    return {
        "experiment_name": "training", "data_type": "array", "axes": axes, "batch_size": 4, "num_epochs": N_EPOCHS,
        "patch_size": [8, 16, 16] if "Z" in axes else [32, 32], "lr_scheduler": "StepLR",
        "lr_scheduler_params": {"step_size": 2, "gamma": 0.1}, "seed": 7, **options,
    }  # fmt: skip


class Recorded:
    """What `TrainDataModule` gives, but for its batches, which are the same in every epoch and of the same size."""

    def __init__(self, data_module: TrainDataModule) -> None:
        data_module.prepare_data()
        data_module.setup()
        self.data_config = data_module.data_config
        batches = [[part.clone() for part in batch] for batch in data_module.train_dataloader()]
        self.batches = [batch for batch in batches if len(batch[0]) == 4]

    def train_dataloader(self) -> Batches:
        return self.batches

    def val_dataloader(self) -> Batches:
        return []


def as_theirs(weights: dict[str, torch.Tensor], model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Name our weights as CAREamics does; the convolutions before its batch normalisations have a bias, too."""
    depth = sum(name.endswith("conv1.weight") for name in weights) // 2
    blocks = {"bottleneck.": "decoder.bottleneck.", "output.": "final_conv."}
    for level in range(depth):
        blocks[f"encoder.{level}."] = f"encoder.encoder_blocks.{2 * level}."
        blocks[f"decoder.{level}."] = f"decoder.decoder_blocks.{2 * level + 1}."
    named = {name: torch.zeros_like(value) for name, value in model.state_dict().items() if name.endswith("bias")}
    for name, value in weights.items():
        [block] = [block for block in blocks if name.startswith(block)]
        named[blocks[block] + name.removeprefix(block).replace("norm", "batch_norm")] = value
    return named


def trained_by_us(algorithm: str, arguments: dict[str, Any], folder: Path) -> tuple[Trainer, Recorded, dict[str, Any]]:
    """Train, and return what there is then, the batches, and the weights of the beginning."""
    shape = SHAPES[arguments["axes"]]
    noisy = np.random.default_rng(0).poisson(100, shape).astype(np.uint16)
    if algorithm == "n2v":
        config, target = create_n2v_configuration(**arguments), None
    else:
        config, target = create_care_configuration(**arguments), noisy * 2.0
    data = Recorded(TrainDataModule(config.data_config, train_data=noisy, train_data_target=target))
    trainer = Trainer(config, work_dir=folder, progress=False)
    weights = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.fit(data)
    return trainer, data, weights


def trained_by_careamics(
    algorithm: str, arguments: dict[str, Any], weights: dict[str, Any], batches: Batches
) -> tuple[Any, list[float]]:
    """Train from given weights on given batches, and return the module and the loss of every step."""
    create: Callable[..., Any] = create_advanced_n2v_config if algorithm == "n2v" else create_advanced_care_config
    config = create(**arguments).algorithm_config
    if algorithm == "n2v":
        module, steps = N2VModule(config), [[torch.stack([part.float() for part in batch])] for batch in batches]
        # The batches are masked already.
        module.n2v_manipulate = torch.unbind
    else:
        module, steps = CAREModule(config), batches
    module.model.load_state_dict(as_theirs(weights, module.model))
    for name, parameter in module.model.named_parameters():
        # Adam takes what rounding leaves of a gradient that is nothing for a gradient.
        parameter.requires_grad_(not name.endswith(("conv1.bias", "conv2.bias")))
    # It looks for CAREamics' own data module.
    module.on_fit_start = lambda: None
    losses: list[float] = []

    class Losses(pl.Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            losses.append(float(outputs["loss"]))

    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=N_EPOCHS, logger=False, callbacks=[Losses()], enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader([tuple(SimpleNamespace(data=part) for part in step) for step in steps], None))
    return module, losses


@pytest.mark.parametrize("name", CASES)
def test_losses_and_predictions_are_those_of_careamics(tmp_path: Path, name: str) -> None:
    algorithm, axes, options = CASES[name]
    arguments = given(axes, **options)
    trainer, data, weights = trained_by_us(algorithm, arguments, tmp_path)
    module, losses = trained_by_careamics(algorithm, arguments, weights, data.batches)
    ours = [record.train_loss for record in trainer.history]
    theirs = np.reshape(losses, (N_EPOCHS, len(data.batches))).mean(axis=1)
    assert len(data.batches) > 1
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    with torch.inference_mode():
        before = data.batches[0][0]
        found, expected = (model.eval()(before) for model in (trainer.model, module.model))
    assert float((found - expected).std() / expected.std()) < 1e-2
