"""Filters find the same regions to be background as CAREamics' own, which are the specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from careamics.config.data.patch_filter import (
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    ShannonPatchFilterConfig,
)
from careamics.dataset.factory.filter_bg import filter_background as their_filter_background
from careamics.dataset.factory.filter_bg import filter_background_with_mask as their_filter_background_with_mask
from careamics.dataset.image_stack_loader import load_arrays
from careamics.dataset.patch_extractor import PatchExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.careamics import filters
from patchmill.careamics.stratified_patching import StratifiedPatching

pytestmark = pytest.mark.filterwarnings("ignore")  # CAREamics' own

CONFIGS = {
    "max": MaxPatchFilterConfig(threshold=60, coverage=0.3),
    "max of a float": MaxPatchFilterConfig(threshold=0.1, coverage=0.3),
    "max below 0": MaxPatchFilterConfig(threshold=-1, coverage=0.9),
    "max anywhere": MaxPatchFilterConfig(threshold=60, coverage=0),
    "mean": MeanStdPatchFilterConfig(mean_threshold=20),
    "mean and deviation": MeanStdPatchFilterConfig(mean_threshold=10, std_threshold=25.5),
    "entropy": ShannonPatchFilterConfig(threshold=4, filtered_patch_prob=0),
    "mask": MaskPatchFilterConfig(coverage=0.4, filtered_patch_prob=0.3),
}


def uneven(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Make an image whose corners are darker than its middle, with pixels that are 0."""
    grids = np.meshgrid(*(np.linspace(-1, 1, along) for along in shape[2:]), indexing="ij")
    brightness = 80 * np.exp(-3 * sum(grid**2 for grid in grids))
    return rng.poisson(np.broadcast_to(brightness, shape) * rng.random((*shape[:2], *(1 for _ in shape[2:]))))


def background(config: Any, images: list[Any], axes: str, patch_size: tuple[int, ...], filter_: Any) -> Any:
    """Return the probabilities of the cells of all samples."""
    extractor = PatchExtractor(load_arrays(images, axes=axes))
    patching = StratifiedPatching(extractor.shapes, patch_size)
    filter_(config, patching, extractor)
    return [[sample.relative_probs for sample in samples] for samples in patching.image_patching]


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_same_regions_are_background(name: str, data: st.DataObject) -> None:
    config = CONFIGS[name]
    n_dims = data.draw(st.sampled_from([2, 3]))
    patch_size = tuple(data.draw(st.sampled_from([2, 3, 4, 8]), label="patch") for _ in range(n_dims))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    images = []
    for _ in range(data.draw(st.integers(1, 2))):
        size = tuple(patch + data.draw(st.integers(0, 4 * patch), label="more") for patch in patch_size)
        dtype = data.draw(st.sampled_from(["uint8", "uint16", "float32", "float64"]))
        images.append(uneven(rng, (2, 1, *size)).astype(dtype))
    axes = "SCYX" if n_dims == 2 else "SCZYX"
    theirs = their_filter_background_with_mask if name == "mask" else their_filter_background
    expected = background(config, images, axes, patch_size, theirs)
    assert background(config, images, axes, patch_size, filters.filter_background) == expected


@pytest.mark.parametrize("n_pixels", [1, 2000])
def test_samples_are_looked_at_slab_by_slab(n_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [uneven(np.random.default_rng(1), (1, 2, 40, 50, 30)).astype(np.uint8)]
    config = MaxPatchFilterConfig(threshold=60, ref_channel=1)
    expected = background(config, images, "SCZYX", (4, 8, 8), their_filter_background)
    monkeypatch.setattr(filters, "_N_PIXELS_AT_ONCE", n_pixels)
    found = background(config, images, "SCZYX", (4, 8, 8), filters.filter_background)
    assert found == expected
    assert 0 < len(found[0][0]) < 10 * 6 * 3
