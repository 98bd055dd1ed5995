"""Steps of the optimizer are made as they were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from patchmill.config import Configuration
from patchmill.training import Trainer

PLAIN = {"model_params": {"depth": 1, "num_channels_init": 8, "use_batch_norm": False}, "optimizer": "SGD"}
MakeConfig = Callable[..., Configuration]
MakeData = Callable[..., Any]


def weights(config: Configuration, data: Any, folder: Path) -> list[torch.Tensor]:
    trainer = Trainer(config, work_dir=folder, device="cpu", progress=False)
    trainer.fit(data)
    return [parameter.detach().clone() for parameter in trainer.model.parameters()]


def test_accumulated_batches_make_one_step_with_their_mean(
    n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path
) -> None:
    config = n2v_config(1, trainer_params={"accumulate_grad_batches": 3}, optimizer_params={"lr": 0.1}, **PLAIN)
    data = n2v_data(config, n_train=5, n_val=0)
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    reference = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    trainer.fit(data)
    for group in (data.train[:3], data.train[3:]):
        reference.model.zero_grad()
        for masked, original, mask in group:
            squares = (reference.model(masked) - original).square() * mask
            (squares.sum() / mask.sum() / len(group)).backward()
        with torch.no_grad():
            for parameter in reference.model.parameters():
                parameter -= 0.1 * parameter.grad
    for one, other in zip(trainer.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_are_clipped(n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path, algorithm: str) -> None:
    clipping = {"gradient_clip_val": 1e-4, "gradient_clip_algorithm": algorithm}
    config = n2v_config(1, trainer_params=clipping, optimizer_params={"lr": 1.0}, **PLAIN)
    before = [
        parameter.detach().clone()
        for parameter in Trainer(config, work_dir=tmp_path, device="cpu", progress=False).model.parameters()
    ]
    after = weights(config, n2v_data(config, n_train=1, n_val=0), tmp_path)
    changes = torch.cat([(one - other).flatten() for one, other in zip(before, after, strict=True)])
    size = changes.norm() if algorithm == "norm" else changes.abs().max()
    assert size.item() == pytest.approx(1e-4, rel=1e-2)


def test_max_steps_ends_training_in_mid_epoch(n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path) -> None:
    config = n2v_config(9, trainer_params={"max_steps": 5})
    report = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config, n_train=3))
    patches = [round(record.patches_per_s * record.seconds) for record in report.history]
    assert patches == [12, 8]
    assert report.history[-1].val_loss is not None


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)])
def test_mixed_precision_is_that_of_the_network_and_not_of_its_weights(
    n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    config = n2v_config(3, trainer_params={"precision": precision}, lr_scheduler="WarmupCosine")
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    seen = set()
    trainer.model.register_forward_hook(lambda _module, _inputs, output: seen.add(output.dtype))
    report = trainer.fit(n2v_data(config))
    assert seen == {dtype}
    assert all(parameter.dtype == torch.float32 for parameter in trainer.model.parameters())
    exact = Trainer(n2v_config(3, lr_scheduler="WarmupCosine"), work_dir=tmp_path, device="cpu", progress=False)
    expected = exact.fit(n2v_data(config)).history[-1].train_loss
    assert report.history[-1].train_loss == pytest.approx(expected, rel=0.05)
    assert report.history[-1].train_loss != expected


def test_the_network_is_compiled_where_that_is_asked_for(
    n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def compile_nothing(network: torch.nn.Module) -> torch.nn.Module:
        compiled.append(network)
        return network

    monkeypatch.setattr(torch, "compile", compile_nothing)
    for is_compiled in (False, True):
        config = n2v_config(1)
        config.training_config.compile = is_compiled
        trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
        trainer.fit(n2v_data(config))
        assert compiled == [trainer.model] * is_compiled


def test_a_cosine_goes_up_and_down_step_by_step(n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path) -> None:
    schedule = {"warmup_epochs": 1, "min_lr": 0.1}
    config = n2v_config(5, lr_scheduler="WarmupCosine", lr_scheduler_params=schedule, optimizer_params={"lr": 0.5})
    report = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config, n_train=2))
    # The learning rate of the last step of each epoch: 2 steps of the warm-up, 8 of the cosine.
    falling = [0.1 + 0.4 * (1 + math.cos(math.pi * step / 8)) / 2 for step in (1, 3, 5, 7)]
    assert [record.learning_rate for record in report.history] == pytest.approx([0.5 * 2 / 3, *falling])


def test_a_loss_that_is_not_finite_is_noticed_within_an_epoch(
    n2v_config: MakeConfig, n2v_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchmill.training.fit._CHECK_S", -1.0)
    config = n2v_config(1)
    data = n2v_data(config, n_train=5)
    data.train[1] = (torch.full((4, 1, 16, 16), torch.nan), *data.train[1][1:])
    steps = iter(data.train)
    data.train = type("Batches", (list,), {"__iter__": lambda _self: steps})(data.train)
    with pytest.raises(RuntimeError, match="Epoch 1, step 2: expected a finite training loss, got nan"):
        Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(data)
    assert len(list(steps)) == 3
