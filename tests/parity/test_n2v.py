"""Masked pixels are chosen and replaced as CAREamics does it, but for its known mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from patchmill.config import N2VManipulateConfig
from patchmill.dataset import InMemoryDataset
from patchmill.transforms import N2VManipulate
from tests.parity.images import Array, noise, numbered, unnormalized
from tests.parity.peer import Peer

LEAST_P = 1e-4
"""Of a test that is wrong by chance."""


def _items(image: Array, n_epochs: int, **masking: Any) -> tuple[Array, Array, Array]:
    """Return (masked, original, mask), each (n_epochs, (Z), Y, X), of the one patch of an image."""
    axes = "ZYX"[-image.ndim :]
    dataset = InMemoryDataset(
        unnormalized(axes, list(image.shape), transforms=[N2VManipulateConfig(**masking)], seed=3), image
    )
    items = []
    for dataset.epoch in range(n_epochs):
        items.append([array[0] for array in dataset[0]])
    masked, original, mask = map(np.stack, zip(*items, strict=True))
    return masked, original, mask


def _offsets(masked: Array, mask: Array, reach: int) -> Array:
    """Return how far the replacement of each masked pixel was, of an image that tells where its pixels are."""
    size = masked.shape[1:]
    places = np.argwhere(mask)[:, 1:]
    sources = np.stack(np.unravel_index(np.round(masked[mask > 0]).astype(int), size), axis=1)
    # At the border replacements are clamped, so that an offset can be any.
    inside = ((places >= reach) & (places < np.array(size) - reach)).all(1)
    return (sources - places)[inside]


@pytest.mark.parametrize("percentage", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("size", [(64, 64), (40, 56), (16, 32, 32)])
def test_as_many_pixels_are_masked_as_in_0_3_5(v03: Peer, size: tuple[int, ...], percentage: float) -> None:
    n = 300
    _, _, mask = _items(noise(size, np.float32), n, masked_pixel_percentage=percentage)
    batch = np.broadcast_to(noise(size, np.float32), (n, 1, *size)).copy()
    _, theirs = v03.call("masked_batch", batch=batch, masked_pixel_percentage=percentage, seed=5)
    ours, theirs = (masks.reshape(n, -1).sum(1).astype(float) for masks in (mask, theirs))
    expected = percentage / 100 * np.prod(size)
    # Cells that lie across the border leave out some; their counts vary less than those of independent pixels.
    assert abs(ours.mean() - expected) < 5 * np.sqrt(expected / n)
    assert stats.ttest_ind(ours, theirs, equal_var=False).pvalue > LEAST_P or np.ptp([*ours, *theirs]) == 0


@pytest.mark.parametrize(("size", "roi_size"), [((64, 64), 11), ((64, 64), 3), ((24, 32, 32), 5)])
def test_replacements_are_distributed_as_in_0_3_5_but_for_its_bias(
    v03: Peer, size: tuple[int, ...], roi_size: int
) -> None:
    n, reach, image = 200, roi_size // 2, numbered(size)
    masked, _, mask = _items(image, n, masked_pixel_percentage=2.0, roi_size=roi_size)
    batch = np.broadcast_to(image, (n, 1, *size)).copy()
    found = v03.call("masked_batch", batch=batch, masked_pixel_percentage=2.0, roi_size=roi_size, seed=5)
    theirs = _offsets(*(array[:, 0] for array in found), reach)
    ours = _offsets(masked, mask, reach)
    allowed = np.array([*range(-reach, 0), *range(1, reach + 1)])
    for axis in range(len(size)):
        counts = np.array([[(each[:, axis] == offset).sum() for offset in allowed] for each in (ours, theirs)])
        assert counts.sum(1).tolist() == [len(ours), len(theirs)]
        assert stats.chisquare(counts[0]).pvalue > LEAST_P
        # One step ahead is drawn twice as often as it should be there.
        biased = list(allowed).index(1)
        others = np.delete(counts, biased, axis=1)
        assert counts[1, biased] / others[1].mean() == pytest.approx(2, rel=0.1)
        if others.shape[1] > 1:
            assert stats.chi2_contingency(others).pvalue > LEAST_P


@pytest.mark.parametrize("strategy", ["uniform", "median"])
def test_the_mask_is_of_the_pixels_that_were_chosen_even_where_nothing_changes(v03: Peer, strategy: str) -> None:
    flat = np.full((32, 32), 5, np.float32)
    flat[0, 0] = 6
    _, _, mask = _items(flat, 1, strategy=strategy)
    batch = flat[np.newaxis, np.newaxis]
    _, theirs = v03.call("masked_batch", batch=batch, strategy=strategy, seed=1)
    assert mask.dtype == theirs.dtype == np.uint8
    assert mask.any()
    assert theirs.any()


@pytest.mark.parametrize(("size", "roi_size"), [((40, 40), 3), ((40, 40), 11), ((12, 20, 20), 5), ((40, 40), 21)])
def test_medians_are_theirs_for_the_same_pixels(v01: Peer, v03: Peer, size: tuple[int, ...], roi_size: int) -> None:
    masked, original, mask = _items(noise(size, np.float32), 3, strategy="median", roi_size=roi_size)
    reach = roi_size // 2
    for patch, replaced, chosen in zip(original, masked, mask, strict=True):
        places = np.argwhere(chosen)
        ours = replaced[chosen > 0]
        # The mean of the middle two of an even number of values; theirs is the lower one of them.
        middle = v03.call("medians", channel=patch, coordinates=places, roi_size=roi_size)
        np.testing.assert_array_equal(ours, middle.mean(0, dtype=np.float32))
        # The NumPy version of v0.1 does the same, but cuts the region off at the border.
        inside = ((places >= reach) & (places < np.array(size) - reach)).all(1)
        theirs = v01.call("medians", channel=patch, coordinates=places, roi_size=roi_size)
        np.testing.assert_array_equal(ours[inside], theirs[inside])


@pytest.mark.parametrize("axis", ["horizontal", "vertical", "cross", "square"])
@pytest.mark.parametrize("span", [3, 5, 11])
@pytest.mark.parametrize("size", [(40, 48), (8, 24, 24)])
def test_struct_patterns_are_those_of_0_3_5(v03: Peer, axis: str, span: int, size: tuple[int, ...]) -> None:
    image = noise(size, np.float32)
    struct = {"struct_mask_axis": axis, "struct_mask_span": span}
    masked, original, mask = _items(image, 3, masked_pixel_percentage=1.0, **struct)
    for patch, replaced, chosen in zip(original, masked, mask, strict=True):
        theirs = v03.call("struct_pixels", channel=patch, coordinates=np.argwhere(chosen), axes=axis, span=span)
        np.testing.assert_array_equal(replaced != patch, theirs)
        pattern = theirs & (chosen == 0)
        assert replaced[pattern].min() >= patch.min()
        assert replaced[pattern].max() <= patch.max()
        p = stats.kstest(replaced[pattern], stats.uniform(patch.min(), np.ptp(patch)).cdf).pvalue
        assert p > LEAST_P


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
@pytest.mark.parametrize("roi_size", [5, 11])
def test_medians_leave_the_struct_pattern_out_as_in_0_3_5(v03: Peer, axis: str, roi_size: int) -> None:
    struct = {"struct_mask_axis": axis, "struct_mask_span": 5}
    masked, original, mask = _items(
        noise((40, 40), np.float32), 5, strategy="median", roi_size=roi_size, masked_pixel_percentage=0.2, **struct
    )
    for patch, replaced, chosen in zip(original, masked, mask, strict=True):
        places = np.argwhere(chosen)
        middle = v03.call("medians", channel=patch, coordinates=places, roi_size=roi_size, axes=axis, span=5)
        expected = middle.mean(0, dtype=np.float32)
        # A masked pixel that lies in the pattern of another has a value of that pattern.
        apart = _apart(places, 5)
        np.testing.assert_array_equal(replaced[chosen > 0][apart], expected[apart])


def _apart(places: Array, span: int) -> Array:
    distances = np.abs(places[:, None] - places[None]).max(2)
    return (distances + (span + 1) * np.eye(len(places), dtype=int) > span).all(1)


@pytest.mark.parametrize("strategy", ["uniform", "median"])
def test_the_callable_does_what_the_dataset_does(strategy: str) -> None:
    patch = noise((2, 32, 32), np.float32)
    masked, original, mask = N2VManipulate(roi_size=5, masked_pixel_percentage=2.0, strategy=strategy)(patch)
    np.testing.assert_array_equal(original, patch)
    np.testing.assert_array_equal(masked[mask == 0], patch[mask == 0])
    assert (masked[mask > 0] != patch[mask > 0]).mean() > 0.9
    assert [mask[channel].mean() for channel in range(2)] == pytest.approx([0.02, 0.02], abs=0.01)
    assert (mask[0] != mask[1]).any()
