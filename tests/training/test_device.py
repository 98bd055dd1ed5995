"""A device is the best there is, or the one that was asked for, or an error."""

from __future__ import annotations

import pytest
import torch

from patchmill.errors import ConfigError
from patchmill.training import choose_device, memory_format


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> object:
    def make(n_cuda: int, has_mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_mps)

    return make


@pytest.mark.parametrize(
    ("n_cuda", "has_mps", "expected"), [(2, True, "cuda:0"), (1, False, "cuda:0"), (0, True, "mps"), (0, False, "cpu")]
)
def test_the_best_device_is_chosen(machine: object, n_cuda: int, has_mps: bool, expected: str) -> None:
    machine(n_cuda, has_mps)
    assert choose_device() == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "CPU", "cuda", "cuda:1", "mps"])
def test_a_device_that_is_there_is_chosen_by_name(machine: object, name: str) -> None:
    machine(2, True)
    assert choose_device(name) == torch.device(name.lower())


@pytest.mark.parametrize("name", ["cuda:1", "mps", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(machine: object, name: str) -> None:
    machine(1, False)
    with pytest.raises(ConfigError, match=f"expected one of cpu, cuda:0, got '{name}'"):
        choose_device(name)


@pytest.mark.parametrize(
    ("device", "conv_dims", "expected"),
    [
        ("cpu", 2, torch.channels_last),
        ("cpu", 3, torch.channels_last_3d),
        ("cuda", 2, torch.channels_last),
        ("cuda", 3, torch.contiguous_format),
        ("mps", 2, torch.contiguous_format),
    ],
)
def test_the_memory_format_suits_the_device(device: str, conv_dims: int, expected: torch.memory_format) -> None:
    assert memory_format(torch.device(device), conv_dims) is expected
