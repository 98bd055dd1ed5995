"""Lightning's Trainer trains the modules, saves them, loads them, and predicts with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from patchmill.config import (
    CAREAlgorithm,
    Configuration,
    InferenceConfig,
    N2VAlgorithm,
    UNetConfig,
    create_care_configuration,
    create_n2v_configuration,
)
from patchmill.errors import ConfigError, ShapeError
from patchmill.samples import simulate_fluorescence
from patchmill.training import load_checkpoint, n2v_loss, restore_weights, save_checkpoint

lightning = pytest.importorskip("lightning.pytorch")
ModelCheckpoint = pytest.importorskip("lightning.pytorch.callbacks").ModelCheckpoint
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[2]
SAMPLE = simulate_fluorescence((192, 192), seed=3)
SMALL = {"depth": 1, "num_channels_init": 8}


def configure(algorithm: str = "n2v", **settings: Any) -> Configuration:
    usual: dict[str, Any] = {
        "experiment_name": "test",
        "data_type": "array",
        "axes": "YX",
        "patch_size": [16, 16],
        "batch_size": 8,
        "model_params": SMALL,
        "optimizer_params": {"lr": 4e-3},
        "seed": 1,
    }
    if algorithm == "n2v":
        return create_n2v_configuration(**{**usual, "masked_pixel_percentage": 5, **settings})
    return create_care_configuration(**{**usual, **settings})


def data_of(config: Configuration) -> Any:
    from patchmill.lightning import TrainDataModule

    target = None if config.algorithm_config.algorithm == "n2v" else SAMPLE.truth * 3 + 500
    return TrainDataModule(config.data_config, SAMPLE.noisy, train_data_target=target)


def module_of(config: Configuration) -> Any:
    from patchmill.lightning import CAREModule, N2VModule

    with torch.random.fork_rng():
        torch.manual_seed(5)
        return (N2VModule if config.algorithm_config.algorithm == "n2v" else CAREModule)(config.algorithm_config)


def trainer(folder: Path, **options: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return lightning.Trainer(**{**quiet, "default_root_dir": folder, "max_epochs": 2, **options})


class Losses(lightning.Callback):
    """Takes note of what is logged at the end of each epoch."""

    def __init__(self) -> None:
        self.train: list[float] = []
        self.val: list[float] = []

    def on_train_epoch_end(self, run: Any, _module: Any) -> None:
        self.train.append(float(run.callback_metrics["train_loss_epoch"]))
        self.val.append(float(run.callback_metrics["val_loss"]))
        assert float(run.callback_metrics["learning_rate"]) == pytest.approx(4e-3)
        assert "train_loss_step" in run.callback_metrics


@pytest.mark.parametrize("algorithm", ["n2v", "care"])
def test_a_trainer_trains_saves_loads_and_predicts(tmp_path: Path, algorithm: str) -> None:
    from patchmill.lightning import PredictDataModule

    config = configure(algorithm)
    module, data, losses = module_of(config), data_of(config), Losses()
    saving = ModelCheckpoint(tmp_path, "best", monitor="val_loss")
    trainer(tmp_path, callbacks=[losses, saving]).fit(module, datamodule=data)
    assert losses.train[1] < losses.train[0]
    assert losses.val[1] < losses.val[0]

    loaded = type(module).load_from_checkpoint(tmp_path / "best.ckpt")
    assert loaded.algorithm_config == config.algorithm_config
    means, stds = data.get_data_statistics()
    inference = InferenceConfig(
        data_type="array", axes="YX", image_means=means, image_stds=stds, tile_size=[64, 64], tile_overlap=[16, 16]
    )
    predicting = PredictDataModule(inference, SAMPLE.noisy)
    batches = trainer(tmp_path, enable_checkpointing=False).predict(loaded, datamodule=predicting)
    stitched = np.zeros(SAMPLE.noisy.shape, np.float32)
    for tiles, infos in batches:
        for tile, info in zip(tiles.numpy(), infos, strict=True):
            into = tuple(slice(*ends) for ends in info.stitch_coords)
            stitched[into] = tile[0][tuple(slice(*ends) for ends in info.overlap_crop_coords)]
    # In the scale of the images, or of the targets; and nearer to the truth than what came in.
    truth = SAMPLE.truth if algorithm == "n2v" else SAMPLE.truth * 3 + 500
    assert abs(stitched.mean() - truth.mean()) < 0.1 * truth.mean()
    assert np.corrcoef(stitched.ravel(), truth.ravel())[0, 1] > 0.5


def test_a_prediction_is_that_of_the_network_brought_back(tmp_path: Path) -> None:
    from patchmill.lightning import PredictDataModule

    module = module_of(configure())
    config = InferenceConfig(data_type="array", axes="YX", image_means=[100.0], image_stds=[20.0])
    data = PredictDataModule(config, SAMPLE.noisy[:32, :48])
    (predicted,) = trainer(tmp_path, enable_checkpointing=False).predict(module, datamodule=data)
    module.eval()
    with torch.inference_mode():
        expected = module.model(next(iter(data.predict_dataloader()))[0]) * (20.0 + 1e-6) + 100.0
    torch.testing.assert_close(predicted, expected)
    assert predicted.shape == (1, 1, 32, 48)


def test_predictions_are_averaged_over_the_orientations_of_the_training(tmp_path: Path) -> None:
    from patchmill.lightning import PredictDataModule

    trained = module_of(configure())
    run = trainer(tmp_path, enable_checkpointing=False)
    run.fit(trained, datamodule=data_of(configure()))
    run.save_checkpoint(tmp_path / "last.ckpt")
    module = type(trained).load_from_checkpoint(tmp_path / "last.ckpt")
    how = {"data_type": "array", "axes": "YX", "image_means": [100.0], "image_stds": [20.0]}
    means = {}
    for tta_transforms in (True, False):
        config = InferenceConfig(**how, tta_transforms=tta_transforms)
        data = PredictDataModule(config, SAMPLE.noisy[:32, :32])
        (means[tta_transforms],) = trainer(tmp_path, enable_checkpointing=False).predict(module, datamodule=data)
    (batch,) = next(iter(data.predict_dataloader()))
    module.eval()
    total = torch.zeros_like(batch)
    with torch.inference_mode():
        for turns in range(4):
            for flipped in ([], [-1]):
                laid = torch.rot90(batch.flip(flipped), turns, (-2, -1))
                total += torch.rot90(module.model(laid), -turns, (-2, -1)).flip(flipped)
        alone = module.model(batch)
    torch.testing.assert_close(means[True], total / 8 * (20.0 + 1e-6) + 100.0)
    torch.testing.assert_close(means[False], alone * (20.0 + 1e-6) + 100.0)
    assert not torch.equal(means[True], means[False])


def test_care_that_was_not_trained_predicts_nothing(tmp_path: Path) -> None:
    from patchmill.lightning import PredictDataModule

    config = InferenceConfig(data_type="array", axes="YX", image_means=[100.0], image_stds=[20.0])
    run = trainer(tmp_path, enable_checkpointing=False)
    with pytest.raises(ConfigError, match="CAREModule: expected the statistics of the data that it was trained on"):
        run.predict(module_of(configure("care")), datamodule=PredictDataModule(config, SAMPLE.noisy))


def test_the_weights_of_a_checkpoint_of_patchmill_fit_and_the_other_way_round(tmp_path: Path) -> None:
    config = configure()
    module, other = module_of(config), module_of(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    config.data_config.set_means_and_stds([1.0], [2.0])
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, configuration=config, model=module.model, epoch=1)
    restore_weights(other.model, load_checkpoint(path))
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name]), name


def test_the_first_loss_is_that_of_the_batch() -> None:
    module = module_of(configure())
    masked, original = torch.randn(2, 3, 1, 16, 16)
    mask = (torch.rand(3, 1, 16, 16) < 0.1).to(torch.uint8)
    expected = n2v_loss(module.model(masked), original, mask)
    loss, n_terms = module._loss((masked, original, mask))
    torch.testing.assert_close(loss, expected)
    assert n_terms == mask.sum()


@pytest.mark.parametrize(("algorithm", "n_tensors"), [("n2v", 2), ("care", 3)])
def test_a_batch_of_another_algorithm_says_so(algorithm: str, n_tensors: int) -> None:
    module = module_of(configure(algorithm))
    with pytest.raises(ShapeError, match=f"Batch: expected . tensors .* for '{algorithm}', got {n_tensors}"):
        module._loss([torch.zeros(1, 1, 16, 16)] * n_tensors)


def test_a_module_of_another_algorithm_is_refused() -> None:
    from patchmill.lightning import CAREModule, FCNModule, N2VModule

    n2v, care = N2VAlgorithm(model=UNetConfig()), CAREAlgorithm(model=UNetConfig())
    with pytest.raises(ConfigError, match="expected 'n2v' for N2VModule, got 'care'"):
        N2VModule(care)
    with pytest.raises(ConfigError, match="expected 'care' or 'n2n' for CAREModule, got 'n2v'"):
        CAREModule(n2v)
    assert FCNModule(n2v.model_dump()).algorithm_config == n2v


def test_a_module_is_made_without_a_configuration() -> None:
    from patchmill.lightning import CAREModule, N2VModule, create_careamics_module

    module = create_careamics_module("n2v", "n2v", "UNet", use_n2v2=True, model_parameters=SMALL)
    assert type(module) is N2VModule
    assert module.algorithm_config.model == UNetConfig(**SMALL, n2v2=True)
    module = create_careamics_module(
        "care",
        "mse",
        "UNet",
        optimizer="SGD",
        optimizer_parameters={"lr": 0.1},
        lr_scheduler_parameters={"patience": 2},
    )
    assert type(module) is CAREModule
    made = module.configure_optimizers()
    assert type(made["optimizer"]) is torch.optim.SGD
    assert made["lr_scheduler"]["monitor"] == "val_loss"
    assert made["lr_scheduler"]["scheduler"].patience == 2
    assert module.algorithm_config.loss == "mse"
    with pytest.raises(ConfigError, match="struct_n2v_span: expected an odd number"):
        create_careamics_module("n2v", "n2v", struct_n2v_axis="cross", struct_n2v_span=4)


def test_the_data_has_to_hide_what_the_module_was_told(tmp_path: Path) -> None:
    from patchmill.lightning import create_careamics_module

    module = create_careamics_module("n2v", "n2v", struct_n2v_axis="cross", model_parameters=SMALL)
    run = trainer(tmp_path, max_epochs=1, limit_train_batches=1, enable_checkpointing=False)
    with pytest.raises(ConfigError, match=r"struct_mask_axis: expected 'cross'.* got 'none'"):
        run.fit(module, datamodule=data_of(configure()))
    run.fit(module, datamodule=data_of(configure(struct_n2v_axis="cross")))


def test_a_schedule_by_steps_ends_with_the_training(tmp_path: Path) -> None:
    rates: list[float] = []

    class Rates(lightning.Callback):
        def on_train_batch_start(self, run: Any, *_: Any) -> None:
            rates.append(run.optimizers[0].param_groups[0]["lr"])

    config = configure(lr_scheduler="WarmupCosine", lr_scheduler_params={"warmup_epochs": 1, "min_lr": 1e-5})
    run = trainer(tmp_path, max_epochs=3, limit_train_batches=4, callbacks=[Rates()], enable_checkpointing=False)
    run.fit(module_of(config), datamodule=data_of(config))
    assert len(rates) == 12
    assert np.argmax(rates) == 4, "where the warm-up of one epoch has ended"
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(1e-5)


SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import torch
from patchmill.lightning import TrainDataModule
from tests.lightning.test_modules import SMALL, configure, module_of, trainer

class Batches(torch.utils.data.Dataset):
    # Ranks whose patches have very different numbers of masked pixels.
    def __len__(self):
        return 4
    def __getitem__(self, index):
        drawn = torch.Generator().manual_seed(index)
        masked, original = torch.randn(2, 1, 16, 16, generator=drawn)
        mask = torch.rand(1, 16, 16, generator=drawn) < (0.02 if index % 2 else 0.5)
        return masked, original, mask.to(torch.uint8)

folder, n_ranks = Path(sys.argv[1]), int(sys.argv[2])
module = module_of(configure(model_params={"depth": 1, "num_channels_init": 8, "use_batch_norm": False}))
loader = torch.utils.data.DataLoader(Batches(), batch_size=4 // n_ranks, shuffle=False)
options = {"strategy": "ddp", "devices": n_ranks} if n_ranks > 1 else {}
run = trainer(folder, max_epochs=3, enable_checkpointing=False, **options)
run.fit(module, loader, loader)
# Of 5 validation patches, two a step, the last batch of one of two ranks holds what fills it up.
images = np.random.default_rng(0).normal(size=(5, 16, 16)).astype(np.float32)
images *= np.arange(1, 6, dtype=np.float32)[:, None, None]
val_losses = {}
for algorithm in ("n2v", "care"):
    config = configure(algorithm, axes="SYX", batch_size=2 // n_ranks, model_params={**SMALL, "use_batch_norm": False})
    targets = () if algorithm == "n2v" else (images, images)
    data = TrainDataModule(config.data_config, images, images, *targets)
    val_losses[algorithm] = run.validate(module_of(config), datamodule=data, verbose=False)[0]["val_loss"]
if run.is_global_zero:
    weights = {name: value.flatten().tolist() for name, value in module.model.state_dict().items()}
    (folder / f"{n_ranks}.json").write_text(json.dumps([weights, val_losses]))
"""


@pytest.mark.timeout(300)
def test_two_ranks_learn_what_one_does_with_the_double_batch(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    learnt = []
    for n_ranks in (1, 2):
        done = subprocess.run(
            [sys.executable, script, tmp_path, str(n_ranks)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        learnt.append(json.loads((tmp_path / f"{n_ranks}.json").read_text()))
    start = module_of(configure(model_params={**SMALL, "use_batch_norm": False})).model.state_dict()
    (alone, val_losses), (together, val_losses_together) = learnt
    assert val_losses_together == pytest.approx(val_losses, rel=1e-5)
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, rtol=1e-3, atol=1e-5)
        assert not np.allclose(start[name].flatten(), value, rtol=1e-3, atol=1e-5)
