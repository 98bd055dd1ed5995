"""A state comes back as it was saved."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from patchmill.errors import CheckpointError
from patchmill.training import load_checkpoint
from patchmill.training.state import differences, load_state, save_state


def test_tensors_and_plain_values_come_back_with_their_types_and_places_in_memory(tmp_path: Path) -> None:
    weight = torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    state = {
        "weights": {0: weight, "again": weight, "empty": torch.zeros(0)},
        "bytes": torch.arange(9, dtype=torch.uint8),
        "scalar": torch.tensor(0.1, dtype=torch.float64),
        "list": [1, 0.1, None, True, "text", (2, {"deep": [weight[0]]})],
        "numbers": {"inf": math.inf, "minus": -math.inf},
    }
    save_state(tmp_path / "new" / "state.safetensors", state)
    loaded = load_state(tmp_path / "new" / "state.safetensors")
    for value in (loaded["weights"][0], loaded["weights"]["again"]):
        assert torch.equal(value, weight)
        assert value.stride() == weight.stride()
    assert torch.equal(loaded["list"][5][1].pop("deep")[0], weight[0])
    assert loaded["list"] == [1, 0.1, None, True, "text", (2, {})]
    assert loaded["numbers"] == state["numbers"]
    assert torch.equal(loaded["bytes"], state["bytes"])
    assert loaded["scalar"].dtype == torch.float64
    assert loaded["weights"]["empty"].shape == (0,)


def test_nan_comes_back(tmp_path: Path) -> None:
    save_state(tmp_path / "state", {"loss": math.nan})
    assert math.isnan(load_state(tmp_path / "state")["loss"])


def test_a_state_is_no_checkpoint_and_the_other_way_round(tmp_path: Path) -> None:
    save_state(tmp_path / "state.safetensors", {"weight": torch.zeros(3)})
    with pytest.raises(
        CheckpointError, match="expected a checkpoint of patchmill, got a safetensors file of something"
    ):
        load_checkpoint(tmp_path / "state.safetensors")


def test_a_state_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchmill.training.state.FORMAT_VERSION", 2)
    save_state(tmp_path / "state", {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="expected a training state of format version 1, got 2"):
        load_state(tmp_path / "state")


def test_differences_are_named() -> None:
    saved = {"a": {"b": 1, "c": [1, 2]}, "d": None}
    assert list(differences(saved, {"a": {"b": 1, "c": [1, 2]}, "d": None})) == []
    assert list(differences(saved, {"a": {"b": 2, "c": [1]}, "e": 3})) == [
        "a.b: expected 1, got 2",
        "a.c: expected [1, 2], got [1]",
        "e: expected None, got 3",
    ]
