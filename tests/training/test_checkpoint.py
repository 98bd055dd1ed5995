"""A checkpoint comes back as it was saved, or not at all."""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from patchmill.config import Configuration, UNetConfig
from patchmill.errors import CheckpointError, OutputError
from patchmill.models import create_model
from patchmill.training import checkpoint as checkpoint_module
from patchmill.training import load_checkpoint, restore_weights, save_checkpoint
from patchmill.training.sealed import seal, write_sealed
from patchmill.training.state import load_state


@pytest.fixture
def config(n2v_config: Callable[..., Configuration]) -> Configuration:
    config = n2v_config(optimizer_params={"lr": 0.1 + 0.2, "betas": (0.9, 0.95)})
    config.data_config.set_means_and_stds([1 / 3], [2e-300])
    return config


@pytest.fixture
def model(config: Configuration) -> torch.nn.Module:
    return create_model(config.algorithm_config.model).to(memory_format=torch.channels_last)


@pytest.fixture
def path(tmp_path: Path, config: Configuration, model: torch.nn.Module) -> Path:
    path = tmp_path / "new folder" / "last.safetensors"
    save_checkpoint(path, configuration=config, model=model, epoch=3, train_loss=0.1, val_loss=1 / 3)
    return path


def test_a_checkpoint_comes_back_as_it_was_saved(path: Path, config: Configuration, model: torch.nn.Module) -> None:
    checkpoint = load_checkpoint(path)
    assert checkpoint.configuration == config
    assert (checkpoint.epoch, checkpoint.train_loss, checkpoint.val_loss) == (3, 0.1, 1 / 3)
    assert checkpoint.weights.keys() == model.state_dict().keys()
    assert all(torch.equal(checkpoint.weights[name], value) for name, value in model.state_dict().items())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_losses_may_be_missing(path: Path, config: Configuration, model: torch.nn.Module) -> None:
    save_checkpoint(path, configuration=config, model=model, epoch=0)
    checkpoint = load_checkpoint(path)
    assert (checkpoint.epoch, checkpoint.train_loss, checkpoint.val_loss) == (0, None, None)


def test_restored_weights_predict_the_same(path: Path, config: Configuration, model: torch.nn.Module) -> None:
    checkpoint = load_checkpoint(path)
    other = create_model(checkpoint.configuration.algorithm_config.model).to(memory_format=torch.channels_last)
    restore_weights(other, checkpoint)
    patch = torch.randn(1, 1, 16, 16)
    assert torch.equal(other.eval()(patch), model.eval()(patch))


def test_loader_arguments_that_no_file_can_hold_are_left_out(
    tmp_path: Path, config: Configuration, model: torch.nn.Module
) -> None:
    config.data_config.train_dataloader_params = {"collate_fn": list, "drop_last": True}
    save_checkpoint(tmp_path / "a.safetensors", configuration=config, model=model, epoch=1)
    data_config = load_checkpoint(tmp_path / "a.safetensors").configuration.data_config
    assert data_config.train_dataloader_params == {"shuffle": True, "drop_last": True}
    assert config.data_config.train_dataloader_params["collate_fn"] is list


@pytest.mark.parametrize(
    "other",
    [
        UNetConfig(depth=2, num_channels_init=8),
        UNetConfig(depth=1, num_channels_init=16),
        UNetConfig(depth=1, num_channels_init=8, use_batch_norm=False),
        UNetConfig(depth=1, num_channels_init=8, conv_dims=3),
    ],
    ids=["deeper", "wider", "without norm", "3D"],
)
def test_weights_of_another_model_are_refused_with_what_differs(path: Path, other: UNetConfig) -> None:
    model = create_model(other)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"(?s)last\.safetensors: .*of another.*encoder.*: expected .*, got "):
        restore_weights(model, load_checkpoint(path))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_names_and_shapes_that_differ_are_listed(path: Path, model: torch.nn.Module) -> None:
    checkpoint = load_checkpoint(path)
    weights = {**checkpoint.weights, "output.bias": torch.zeros(7), "stranger": torch.zeros(2)}
    del weights["output.weight"]
    with pytest.raises(CheckpointError) as caught:
        restore_weights(model, dataclasses.replace(checkpoint, weights=weights))
    assert str(caught.value).splitlines()[1:] == [
        "  output.weight: expected (1, 8, 1, 1), got none",
        "  output.bias: expected (1,), got (7,)",
        "  stranger: expected none, got (2,)",
    ]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=r"last\.safetensors: expected a checkpoint, got a damaged file"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999])
def test_an_altered_byte_does_not_go_unseen(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"last\.safetensors: "):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "got no file"),
        (b"not a checkpoint at all", "got a damaged file"),
        (safetensors.torch.save({"weight": torch.zeros(3)}), "got a safetensors file of something else"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: expected a checkpoint.*, {message}"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        [],
        None,
        {},
        {"format_version": 1},
        {"format_version": 1, "configuration": {}, "epoch": 1, "train_loss": None, "val_loss": None},
        {"format_version": 1, "configuration": None, "epoch": "none", "train_loss": [], "val_loss": {}},
    ],
)
def test_a_file_that_was_made_up_is_refused(tmp_path: Path, content: Any) -> None:
    for kind, name, load in (
        ("patchmill", "checkpoint", load_checkpoint),
        ("patchmill_training_state", "training state", load_state),
    ):
        path = tmp_path / "made_up.safetensors"
        write_sealed(path, seal(kind, content, {}))
        with pytest.raises(CheckpointError, match=rf"made_up\.safetensors: expected a {name}"):
            load(path)


@pytest.mark.parametrize(
    "state",
    [
        {"dict": [["tensor", {"tensor": "99999", "strides": [1]}]]},
        {"dict": [["tensor", {"tensor": "00000", "strides": [1, 1, 1]}]]},
        {"dict": [1]},
        {"float": "none"},
        {"else": 1},
    ],
)
def test_a_state_that_was_made_up_is_refused(tmp_path: Path, state: Any) -> None:
    path = tmp_path / "made_up.safetensors"
    content = {"format_version": 1, "state": state}
    write_sealed(path, seal("patchmill_training_state", content, {"00000": torch.zeros(2, 2)}))
    with pytest.raises(CheckpointError, match="expected a training state, got something that is made otherwise"):
        load_state(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint, got"):
        load_checkpoint(tmp_path)


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, kind: str) -> None:
    path, trace = tmp_path / "model.ckpt", tmp_path / "trace"
    if kind == "torch":
        torch.save({"state_dict": Malicious(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(CheckpointError, match=r"model\.ckpt: .*zip or pickle.*can run code"):
        load_checkpoint(path)
    assert not trace.exists()


def test_a_checkpoint_of_another_format_version_is_refused(
    path: Path, config: Configuration, model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "FORMAT_VERSION", 2)
    save_checkpoint(path, configuration=config, model=model, epoch=1)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="expected a checkpoint of format version 1, got 2"):
        load_checkpoint(path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_file_as_it_was(
    path: Path, config: Configuration, model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before = path.read_bytes()

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail) if failing == "fsync" else monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"last\.safetensors: .*No space left on device"):
        save_checkpoint(path, configuration=config, model=model, epoch=4)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made_is_an_output_error(
    tmp_path: Path, config: Configuration, model: torch.nn.Module
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="expected a file that can be written"):
        save_checkpoint(tmp_path / "file" / "last.safetensors", configuration=config, model=model, epoch=1)
