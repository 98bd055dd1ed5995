"""Flips and quarter turns are CAREamics', and drawn as often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from patchmill.config import XYFlipConfig, XYRandomRotate90Config
from patchmill.dataset import InMemoryDataset
from patchmill.transforms import Compose, XYFlip, XYRandomRotate90
from tests.parity.images import Array, noise, unnormalized
from tests.parity.peer import Peer

LEAST_P = 1e-4
"""Of a test that is wrong by chance; the draws of CAREamics differ in every run."""

PATCHES = [noise((2, 16, 16), np.float32), noise((1, 8, 16, 16), np.float32)]


@pytest.fixture(params=["v01", "v03"])
def theirs(request: pytest.FixtureRequest) -> Peer:
    return request.getfixturevalue(request.param)


def _orientations(theirs: Peer, patch: Array) -> dict[bytes, tuple[bool, int]]:
    """Return the eight orientations that their transforms make, by (flipped along Y, quarter turns)."""
    found = {}
    for flip in (False, True):
        upright = theirs.call("flipped", patch=patch, axis=-2) if flip else patch
        for turns in range(4):
            found[theirs.call("turned", patch=upright, n_turns=turns).tobytes()] = (flip, turns)
    assert len(found) == 8
    return found


@pytest.mark.parametrize("patch", PATCHES, ids=["2D", "3D"])
def test_both_transforms_make_each_of_the_eight_orientations_that_theirs_can_make(theirs: Peer, patch: Array) -> None:
    orientations = _orientations(theirs, patch)
    flip, turn = XYFlip(), XYRandomRotate90()
    made = Counter(orientations[turn(*flip(patch)[:1])[0].tobytes()] for _ in range(800))
    assert len(made) == 8


@pytest.mark.parametrize("patch", PATCHES, ids=["2D", "3D"])
def test_a_dataset_makes_each_of_the_eight_orientations_that_their_transforms_can_make(
    theirs: Peer, patch: Array
) -> None:
    orientations = _orientations(theirs, patch)
    axes = "CYX" if patch.ndim == 3 else "CZYX"
    transforms = [XYFlipConfig(), XYRandomRotate90Config()]
    config = unnormalized(axes, list(patch.shape[1:]), len(patch), transforms=transforms)
    dataset = InMemoryDataset(config, patch)
    made = set()
    for dataset.epoch in range(200):
        made.add(orientations[dataset[0][0].tobytes()])
    assert len(made) == 8


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_flip_along_one_axis_is_theirs(theirs: Peer, axis: int) -> None:
    transform = XYFlip(flip_x=axis == -1, flip_y=axis == -2, p=1.0)
    for patch in PATCHES:
        np.testing.assert_array_equal(transform(patch)[0], theirs.call("flipped", patch=patch, axis=axis))


def test_targets_and_further_arrays_are_transformed_as_the_patch() -> None:
    patch = PATCHES[0]
    for transform in (XYFlip(p=1.0), XYRandomRotate90(p=1.0)):
        found, target, further = transform(patch, patch + 1, mask=patch + 2)
        np.testing.assert_array_equal(target, found + 1)
        np.testing.assert_array_equal(further["mask"], found + 2)


def test_compose_does_one_transform_after_the_other(theirs: Peer) -> None:
    patch = PATCHES[0]
    composed = Compose([XYFlipConfig(flip_x=False, p=1.0), XYFlipConfig(flip_y=False, p=1.0)])
    half_turn = theirs.call("turned", patch=patch, n_turns=2)
    np.testing.assert_array_equal(composed(patch)[0], half_turn)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("transform", ["flip", "turn"])
def test_draws_are_distributed_as_theirs(v01: Peer, transform: str, p: float) -> None:
    patch, n = noise((1, 4, 4), np.float32), 6000
    made = {"flip": XYFlip, "turn": XYRandomRotate90}[transform](p=p)
    ours = Counter(made(patch)[0].tobytes() for _ in range(n))
    theirs = Counter(each.tobytes() for each in v01.call("draws", transform=transform, patch=patch, n=n, p=p))
    assert ours.keys() == theirs.keys()
    counts = [[count[key] for key in ours] for count in (ours, theirs)]
    assert stats.chi2_contingency(counts).pvalue > LEAST_P
