"""What is drawn for one purpose, item, epoch or seed tells nothing of what is drawn for another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from patchmill._core import Augmentation, N2vManipulate, PatchDataset, Plan

SIZE, PATCH, N_ITEMS = 264, 8, 33**2
DATASET = PatchDataset(
    [("image", np.zeros((1, 1, 1, 1, SIZE, SIZE), np.uint8))],
    [(0.0, 1.0)],
    Plan.random([("image", 1, (1, SIZE, SIZE))], (1, PATCH, PATCH)),
    augmentation=Augmentation(flip_y=True, flip_x=True, flip_probability=0.5, rotation_probability=0.5),
)
MASKING = N2vManipulate(strategy="uniform", roi_size=11, masked_pixel_percentage=100 / PATCH**2, is_3d=False)
"""A patch is one cell: it has one masked pixel."""

Draw = Callable[[int, int], NDArray[np.int64]]


def origins(seed: int, epoch: int) -> NDArray[np.int64]:
    """Return for all items which of 16 parts of the image their patch begins in."""
    regions, _ = DATASET.draw(items(epoch), seed=seed)
    parts = regions[:, 3:] * 4 // (SIZE - PATCH + 1)
    return parts @ [4, 1]


def orientations(seed: int, epoch: int) -> NDArray[np.int64]:
    """Return for all items which of the eight orientations they have."""
    _, drawn = DATASET.draw(items(epoch), seed=seed)
    return drawn @ [4, 2, 1]


def masks(seed: int, epoch: int) -> NDArray[np.int64]:
    """Return for all items which of 16 parts of the patch their masked pixel lies in."""
    size = (1, PATCH, PATCH)
    drawn = [MASKING.draw(seed=seed, epoch=epoch, item=i, channel=0, size=size)[0][0] for i in range(N_ITEMS)]
    return np.array(drawn)[:, 1:] * 4 // PATCH @ [4, 1]


def items(epoch: int) -> NDArray[np.int64]:
    return np.stack([np.arange(N_ITEMS), np.full(N_ITEMS, epoch)], axis=1)


def assert_independent(one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
    """Assert that pairs come as often as how often each comes alone says."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-4


DRAWS = [origins, orientations, masks]
N_EPOCHS = 20


def all_epochs(draw: Draw, seed: int = 5, first: int = 0) -> NDArray[np.int64]:
    return np.concatenate([draw(seed, epoch) for epoch in range(first, first + N_EPOCHS)])


@pytest.mark.parametrize(("one", "other"), [(origins, orientations), (orientations, masks), (masks, origins)])
def test_purposes_are_independent(one: Draw, other: Draw) -> None:
    assert_independent(all_epochs(one), all_epochs(other))


@pytest.mark.parametrize("draw", DRAWS)
def test_neighbouring_items_are_independent(draw: Draw) -> None:
    drawn = all_epochs(draw)
    assert_independent(drawn[:-1], drawn[1:])


@pytest.mark.parametrize("draw", DRAWS)
def test_neighbouring_epochs_are_independent(draw: Draw) -> None:
    assert_independent(all_epochs(draw), all_epochs(draw, first=1))


@pytest.mark.parametrize("draw", DRAWS)
def test_neighbouring_seeds_are_independent(draw: Draw) -> None:
    assert_independent(all_epochs(draw), all_epochs(draw, seed=6))


@pytest.mark.parametrize("axis", [0, 1])
def test_origins_of_each_epoch_are_uniform(axis: int) -> None:
    # A p-value per epoch, which are uniform in turn.
    n_origins = SIZE - PATCH + 1
    p_values = []
    for epoch in range(100):
        regions, _ = DATASET.draw(items(epoch), seed=5)
        # Whole numbers are spread over the interval that each stands for.
        spread = (regions[:, 3 + axis] + np.random.default_rng(epoch).random(N_ITEMS)) / n_origins
        p_values.append(stats.kstest(spread, "uniform").pvalue)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_the_orientations_of_each_epoch_come_as_often_as_they_should() -> None:
    # A flip of Y (1/4), of X (1/4) or none, and then no turn (1/2) or 1, 2 or 3 quarters (1/6 each): as transpositions
    # and flips, half turns of one flip are the other flip, and four ways lead to each pair of transposed orientations.
    shares = np.array([1 / 4, 1 / 6, 1 / 6, *[1 / 12] * 5])
    p_values = [
        stats.chisquare(np.bincount(orientations(5, epoch), minlength=8), shares * N_ITEMS).pvalue
        for epoch in range(100)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4
