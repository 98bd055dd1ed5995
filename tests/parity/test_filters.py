"""Filters keep the patches that those of CAREamics 0.3.5 do not filter out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from patchmill._core import Plan
from patchmill.config import (
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    ShannonPatchFilterConfig,
)
from patchmill.dataset import InMemoryDataset
from tests.parity.images import Array, unnormalized
from tests.parity.peer import Peer


def _scene(size: tuple[int, ...], seed: int, dtype: type = np.uint16) -> Array:
    """Draw dim noise with a few brighter places of different sizes."""
    rng = np.random.default_rng(seed)
    scene = rng.poisson(20, size).astype(np.float64)
    places = np.indices(size)
    for _ in range(8):
        centre = rng.uniform(0, size).reshape(-1, *(1,) * len(size))
        radius = rng.uniform(2, 12)
        scene += rng.uniform(50, 400) * np.exp(-((places - centre) ** 2).sum(0) / (2 * radius**2))
    return scene.astype(dtype)


def _cells(image: Array, patch_size: list[int]) -> list[Array]:
    size = (1,) * (3 - image.ndim) + image.shape
    plan = Plan.sequential([("image", 1, size)], (1,) * (3 - len(patch_size)) + tuple(patch_size))
    items = np.array([(index, 0) for index in range(len(plan))], dtype=np.int64)
    volume = image.reshape(size)
    depth, height, width = (1,) * (3 - len(patch_size)) + tuple(patch_size)
    regions = plan.regions(items, seed=0)[:, 2:].tolist()
    found = [volume[z : z + depth, y : y + height, x : x + width] for z, y, x in regions]
    return [cell if image.ndim == 3 else cell[0] for cell in found]


def _kept(image: Array, patch_size: list[int], patch_filter: Any, masks: Array | None = None) -> list[bytes]:
    axes = "ZYX"[-image.ndim :]
    config = unnormalized(axes, patch_size, patch_filter=patch_filter, patching="sequential")
    dataset = InMemoryDataset(config, image, filter_masks=masks)
    return [np.round(patch[0]).astype(np.float32).tobytes() for (patch,) in dataset]


def _expected(cells: list[Array], keeps: list[bool]) -> list[bytes]:
    return [cell.astype(np.float32).tobytes() for cell, keep in zip(cells, keeps, strict=True) if keep]


SCENES = [((100, 130), [16, 16]), ((64, 64), [8, 32]), ((20, 40, 48), [8, 16, 16])]


@pytest.mark.parametrize(("size", "patch_size"), SCENES)
@pytest.mark.parametrize("threshold", [30, 60, 150])
@pytest.mark.parametrize("coverage", [0.1, 0.25, 0.6])
def test_the_max_filter_is_theirs(
    v03: Peer, size: tuple[int, ...], patch_size: list[int], threshold: float, coverage: float
) -> None:
    image = _scene(size, seed=int(threshold))
    cells = _cells(image, patch_size)
    keeps = v03.call("keeps", kind="max", patches=np.stack(cells), threshold=threshold, coverage=coverage)
    if not any(keeps):
        pytest.skip("nothing is kept, which is an error here")
    ours = _kept(image, patch_size, MaxPatchFilterConfig(threshold=threshold, coverage=coverage))
    assert ours == _expected(cells, keeps)


@pytest.mark.parametrize(("size", "patch_size"), SCENES)
@pytest.mark.parametrize(("mean", "std"), [(25.0, None), (40.0, None), (22.0, 10.0), (40.0, 60.0)])
def test_the_filter_by_mean_and_deviation_is_theirs(
    v03: Peer, size: tuple[int, ...], patch_size: list[int], mean: float, std: float | None
) -> None:
    image = _scene(size, seed=4)
    cells = _cells(image, patch_size)
    thresholds = {"mean_threshold": mean, "std_threshold": std}
    keeps = v03.call("keeps", kind="mean_std", patches=np.stack(cells), **thresholds)
    assert True in keeps
    assert _kept(image, patch_size, MeanStdPatchFilterConfig(**thresholds)) == _expected(cells, keeps)


@pytest.mark.parametrize(("size", "patch_size"), SCENES)
@pytest.mark.parametrize("threshold", [4.5, 5.0, 6.0])
def test_the_filter_by_entropy_is_theirs(
    v03: Peer, size: tuple[int, ...], patch_size: list[int], threshold: float
) -> None:
    image = _scene(size, seed=5)
    cells = _cells(image, patch_size)
    keeps = v03.call("keeps", kind="shannon", patches=np.stack(cells), threshold=threshold)
    assert True in keeps
    assert _kept(image, patch_size, ShannonPatchFilterConfig(threshold=threshold)) == _expected(cells, keeps)


@pytest.mark.parametrize(("size", "patch_size"), SCENES)
@pytest.mark.parametrize("coverage", [0.1, 0.25, 0.7])
def test_the_filter_by_a_mask_is_theirs(
    v03: Peer, size: tuple[int, ...], patch_size: list[int], coverage: float
) -> None:
    image = _scene(size, seed=6)
    mask = image > 40
    cells = _cells(image, patch_size)
    keeps = v03.call("keeps", kind="mask", patches=np.stack(_cells(mask, patch_size)), coverage=coverage)
    assert True in keeps
    ours = _kept(image, patch_size, MaskPatchFilterConfig(coverage=coverage), mask.astype(np.uint8))
    assert ours == _expected(cells, keeps)
