"""Random patches are as many, and lie as, CAREamics'."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from patchmill._core import Plan
from patchmill.dataset import InMemoryDataset
from tests.parity.images import Array, noise, numbered, unnormalized
from tests.parity.peer import Peer

LEAST_P = 1e-4
"""Of a test that is wrong by chance; the draws of CAREamics differ in every run."""


@pytest.mark.parametrize("patch_size", [[8, 8], [16, 24], [8, 16, 16]])
def test_an_epoch_has_as_many_patches_as_theirs(v01: Peer, patch_size: list[int]) -> None:
    sizes = (16, 17, 31, 40) if len(patch_size) == 3 else (24, 25, 40, 47, 64)
    axes = "CZYX" if len(patch_size) == 3 else "CYX"
    for size in product(sizes, repeat=len(patch_size)):
        if any(length < patch for length, patch in zip(size, patch_size, strict=True)):
            continue
        image = np.zeros((2, *size), np.uint8)
        theirs = v01.call("random_patches", image=image[np.newaxis], patch_size=patch_size)
        ours = InMemoryDataset(unnormalized(axes, patch_size, 2, patching="random"), image)
        assert len(ours) == len(theirs)


def test_origins_are_distributed_as_theirs(v01: Peer) -> None:
    size, patch_size, n_epochs = (37, 50), [16, 16], 400
    image = np.broadcast_to(numbered(size), (n_epochs, 1, *size))
    theirs = _origins(v01.call("random_patches", image=image, patch_size=patch_size), size)
    assert len(theirs) == n_epochs * 8
    _assert_alike(_ours(size, patch_size, n_epochs), theirs, size, patch_size)


def test_origins_are_distributed_as_those_of_0_3_5(v03: Peer) -> None:
    size, patch_size = (37, 50), [16, 16]
    theirs = v03.call("random_origins", shape=(1, 1, *size), patch_size=patch_size, n_epochs=400)
    _assert_alike(_ours(size, patch_size, 400), theirs, size, patch_size)


def test_a_patch_of_the_size_of_the_image_is_the_image() -> None:
    image = noise((16, 16), np.float32)
    dataset = InMemoryDataset(unnormalized("YX", [16, 16], patching="random"), image)
    np.testing.assert_array_equal(dataset[0][0][0], image)


def _ours(size: tuple[int, int], patch_size: list[int], n_epochs: int) -> Array:
    plan = Plan.random([("image", 1, (1, *size))], (1, *patch_size))
    items = np.array(list(product(range(len(plan)), range(n_epochs))), dtype=np.int64)
    return plan.regions(items, seed=7)[:, 3:]


def _origins(patches: Array, size: tuple[int, int]) -> Array:
    return np.stack(np.unravel_index(patches[:, 0, 0, 0].astype(int), size), axis=1)


def _assert_alike(ours: Array, theirs: Array, size: tuple[int, int], patch_size: list[int]) -> None:
    for axis in range(2):
        n_origins = size[axis] - patch_size[axis] + 1
        counts = [np.bincount(origins[:, axis], minlength=n_origins) for origins in (ours, theirs)]
        assert all(len(count) == n_origins for count in counts)
        assert stats.chi2_contingency(counts).pvalue > LEAST_P
        assert stats.ks_2samp(ours[:, axis], theirs[:, axis]).pvalue > LEAST_P
