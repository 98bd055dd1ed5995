"""Any order of axes becomes what CAREamics makes of it: samples s*T + t, channels in order, SC(Z)YX."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from patchmill.dataset import InMemoryDataset
from patchmill.sources import open_images
from tests.parity.images import Array, noise, unnormalized
from tests.parity.peer import Peer

SIZES = {"S": 2, "T": 3, "C": 4, "Z": 9, "Y": 16, "X": 17}

ORDERS = [
    "".join(order)
    for n in range(5)
    for chosen in combinations("STCZ", n)
    for plane in ("YX", "XY")
    for order in permutations((*chosen, plane))
]
"""All orders of all subsets in which Y and X are neighbours, as CAREamics wants them."""


def _canonical(image: Array, axes: str) -> Array:
    (opened,) = open_images(image, "array", axes)
    pixels = np.asarray(opened.pixels)
    assert pixels.ndim == 6
    pixels = pixels.reshape(-1, *pixels.shape[2:])
    return pixels if "Z" in axes else pixels[:, :, 0]


@pytest.mark.parametrize("version", ["v01", "v03"])
def test_samples_and_channels_are_theirs_for_any_order_of_axes(version: str, request: pytest.FixtureRequest) -> None:
    peer: Peer = request.getfixturevalue(version)
    for axes in ORDERS:
        image = noise(tuple(SIZES[letter] for letter in axes), np.uint8)
        np.testing.assert_array_equal(_canonical(image, axes), peer.call("canonical", image=image, axes=axes), axes)


def test_items_of_a_dataset_are_the_samples_in_order(v01: Peer) -> None:
    for axes in ("STCYX", "TSCYX", "CYXTS", "YXSTC", "SCTYX"):
        image = noise(tuple({**SIZES, "X": 16}[letter] for letter in axes), np.uint8)
        dataset = InMemoryDataset(unnormalized(axes, [16, 16], 4), image)
        ours = np.stack([dataset[index][0] for index in range(len(dataset))])
        np.testing.assert_array_equal(ours, v01.call("canonical", image=image, axes=axes), axes)


def test_channels_are_picked_in_their_order() -> None:
    image = noise((4, 16, 16), np.uint8)
    (patch,) = InMemoryDataset(unnormalized("CYX", [16, 16], 2, channels=[3, 1]), image)[0]
    np.testing.assert_array_equal(patch, image[[3, 1]])
