"""Where memory is short, the error proposes a batch and a tile that should fit."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from patchmill.errors import OutOfMemoryError, PatchmillError
from patchmill.models import UNet
from patchmill.prediction import network as network_module
from patchmill.prediction import predict_image
from patchmill.prediction.network import Network
from patchmill.sources import Image, Normalization
from tests.prediction.test_predict import network

CPU_ERROR = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


class Small(UNet):
    """A network on a device with memory for some pixels."""

    def __init__(self, conv_dims: int, error: Exception, most: int) -> None:
        super().__init__(conv_dims, depth=2, num_channels_init=8)
        self.error = error
        self.most = most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.numel() > self.most:
            raise self.error
        return x


def proposed(message: str) -> tuple[int, tuple[int, ...]]:
    found = re.search(r"Use batch_size=(\d+) and tile_size=\(([\d, ]+)\)", message)
    assert found is not None
    return int(found[1]), tuple(int(size) for size in found[2].split(","))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore"),
        RuntimeError(CPU_ERROR),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("shape", [(4, 1, 64, 64), (1, 1, 1000, 500), (2, 1, 16, 64, 64), (1, 1, 4, 4)])
def test_less_is_proposed_where_memory_is_short(error: Exception, shape: tuple[int, ...]) -> None:
    model = Small(len(shape) - 2, error, most=1)
    with pytest.raises(OutOfMemoryError, match=f"prediction on cpu: expected memory for {shape[0]} tiles of") as caught:
        Network(model)(np.zeros(shape, "f4"))
    batch_size, tile = proposed(str(caught.value))
    assert len(tile) == len(shape) - 2
    assert all(size % 4 == 0 for size in tile)
    assert batch_size * np.prod(tile) <= max(np.prod(shape) / 2, 4 ** len(tile))


def test_what_is_proposed_goes_by_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {}
    for free in (2**24, 2**28, 2**40):
        monkeypatch.setattr(network_module, "usable_memory", lambda free=free: free)
        with pytest.raises(OutOfMemoryError) as caught:
            Network(Small(2, MemoryError(), most=1))(np.zeros((8, 1, 512, 512), "f4"))
        batch_size, tile = proposed(str(caught.value))
        sizes[free] = batch_size * np.prod(tile)
    # Never near what has just not fitted, however much there seems to be.
    assert sizes[2**24] < sizes[2**28] < sizes[2**40] == 8 * 512 * 512 / 2


def test_a_batch_that_no_memory_could_hold_is_refused_the_same_way() -> None:
    image = Image.of("cells", np.ones((8, 8)), "YX")
    plain = Normalization.identity(1)
    options = {"tile_size": (8, 8), "tile_overlap": (2, 2), "batch_size": 10**17}
    with pytest.raises(
        OutOfMemoryError, match=r"expected memory for 1\d+ tiles of \(8, 8\) pixels \(YX\), got: "
    ) as caught:
        predict_image(network(), image, normalization=plain, target_normalization=plain, **options)
    batch_size, tile = proposed(str(caught.value))
    assert (1 <= batch_size < 10**12, tile) == (True, (8, 8))


def test_other_errors_of_torch_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="something else") as caught:
        Network(Small(2, RuntimeError("something else"), most=1))(np.zeros((1, 1, 8, 8), "f4"))
    assert not isinstance(caught.value, PatchmillError)


def test_nothing_is_kept_of_the_attempt_that_failed() -> None:
    with pytest.raises(OutOfMemoryError) as caught:
        Network(Small(2, MemoryError(), most=1))(np.zeros((1, 1, 8, 8), "f4"))
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is None


def test_predictions_are_float32_whatever_the_network_computes_in() -> None:
    tiles = np.random.default_rng(0).normal(size=(1, 1, 8, 8)).astype("f4")
    model = network().bfloat16()
    model.register_forward_pre_hook(lambda _module, given: (given[0].bfloat16(),))
    assert Network(model)(tiles).dtype == np.float32
