"""Sequential patches are CAREamics', where its patches cover the image."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from patchmill._core import Plan
from patchmill.dataset import InMemoryDataset
from tests.parity.images import config, multiset, noise, unnormalized
from tests.parity.peer import Peer

SIZES = (16, 17, 24, 31, 32, 33, 47, 48, 64, 65, 100)


@pytest.mark.parametrize(
    ("axes", "shape", "patch_size"),
    [
        ("YX", (64, 96), [16, 32]),
        ("XY", (64, 96), [16, 32]),
        ("CYX", (3, 64, 32), [16, 16]),
        ("SYXC", (2, 32, 64, 2), [16, 16]),
        ("STCYX", (2, 3, 2, 32, 32), [16, 16]),
        ("ZYX", (16, 32, 64), [8, 16, 32]),
        ("CZTYX", (2, 8, 3, 32, 32), [8, 16, 16]),
    ],
)
def test_patches_of_images_whose_sizes_are_multiples_are_theirs(
    v01: Peer, axes: str, shape: tuple[int, ...], patch_size: list[int]
) -> None:
    image = noise(shape, np.float32)
    theirs, _ = v01.call("sequential_patches", image=image, axes=axes, patch_size=patch_size)
    dataset = InMemoryDataset(unnormalized(axes, patch_size, theirs.shape[1]), image)
    assert multiset(patch for (patch,) in dataset) == multiset(theirs)


def test_patches_come_with_their_targets_as_theirs_do(v01: Peer) -> None:
    image, target = noise((2, 64, 64), np.float32), noise((2, 64, 64), np.float32, seed=1)
    theirs = np.stack(v01.call("sequential_patches", image=image, axes="CYX", patch_size=[16, 16], target=target), 1)
    ones = {"target_means": [0.0, 0.0], "target_stds": [1 - 1e-6] * 2}
    dataset = InMemoryDataset(unnormalized("CYX", [16, 16], 2, **ones), image, target)
    assert multiset(np.stack(item) for item in dataset) == multiset(theirs)


def test_where_sizes_are_no_multiples_there_are_at_least_as_many_patches_and_they_cover_every_pixel(v01: Peer) -> None:
    for size_y, size_x in product(SIZES, SIZES):
        image = np.arange(size_y * size_x, dtype=np.float32).reshape(size_y, size_x)
        theirs, _ = v01.call("sequential_patches", image=image, axes="YX", patch_size=[16, 16])
        dataset = InMemoryDataset(unnormalized("YX", [16, 16]), image)
        covered = np.unique(np.round(np.concatenate([patch.ravel() for (patch,) in dataset])))
        assert len(covered) == image.size
        assert len(dataset) >= len(theirs)


@pytest.mark.parametrize("patch", [8, 16, 24])
def test_origins_are_those_of_0_3_5_for_any_size(v03: Peer, patch: int) -> None:
    for sizes in product([size for size in SIZES if size >= patch], repeat=2):
        theirs = v03.call("sequential_origins", shape=(2, 1, *sizes), patch_size=[patch, patch])
        plan = Plan.sequential([("image", 2, (1, *sizes))], (1, patch, patch))
        items = np.array([(index, 0) for index in range(len(plan))], dtype=np.int64)
        ours = [(sample, y, x) for _, sample, _, y, x in plan.regions(items, seed=0).tolist()]
        assert sorted(ours) == sorted(set(theirs))


def test_items_are_theirs(v01: Peer) -> None:
    image, target = noise((2, 64, 64)), noise((2, 64, 64), seed=1)
    for its_target in (None, target):
        theirs = v01.call("items", image=image, axes="CYX", patch_size=[16, 16], target=its_target)
        ours = list(InMemoryDataset(config("CYX", [16, 16]), image, its_target))
        assert len(ours) == len(theirs)
        # Neither is in the other's order: both are put in the order of their first pixels.
        for item, expected in zip(sorted(ours, key=_first), sorted(theirs, key=_first), strict=True):
            np.testing.assert_allclose(item, expected, rtol=1e-6, atol=1e-6)


def _first(item: tuple[np.ndarray, ...]) -> list[float]:
    return np.round(item[0].ravel()[:8], 4).tolist()
