"""Means and standard deviations are CAREamics', where it computes them over all pixels and in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.dataset import InMemoryDataset, IterableDataset
from tests.parity.images import config, noise
from tests.parity.peer import Peer

EXACT = 1e-12
"""Both are float64 sums of the same numbers, in another order."""

SHAPES = [
    ("YX", (40, 50), [16, 16]),
    ("CYX", (3, 40, 50), [16, 16]),
    ("STCYX", (2, 3, 2, 33, 41), [16, 16]),
    ("YXC", (40, 50, 3), [16, 16]),
    ("ZYX", (12, 33, 40), [8, 16, 16]),
    ("SCZYX", (2, 2, 12, 33, 40), [8, 16, 16]),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float64])
@pytest.mark.parametrize(("axes", "shape", "patch_size"), SHAPES)
def test_statistics_of_an_array_are_theirs(
    v01: Peer, axes: str, shape: tuple[int, ...], patch_size: list[int], dtype: type
) -> None:
    image = noise(shape, dtype)
    means, stds = v01.call("statistics", image=image, axes=axes, patch_size=patch_size)
    found = InMemoryDataset(config(axes, patch_size), image).data_config
    np.testing.assert_allclose(found.image_means, means, rtol=EXACT)
    np.testing.assert_allclose(found.image_stds, stds, rtol=EXACT)


def test_statistics_of_float32_are_theirs_to_the_precision_of_their_sums(v01: Peer) -> None:
    image = noise((300, 400), np.float32)
    means, stds = v01.call("statistics", image=image, axes="YX", patch_size=[16, 16])
    found = InMemoryDataset(config("YX", [16, 16]), image).data_config
    np.testing.assert_allclose(found.image_means, means, rtol=1e-6)
    np.testing.assert_allclose(found.image_stds, stds, rtol=1e-6)
    np.testing.assert_allclose(found.image_means, [image.mean(dtype=np.float64)], rtol=EXACT)


def test_statistics_of_targets_are_theirs(v01: Peer) -> None:
    image, target = noise((2, 40, 50)), noise((2, 40, 50), seed=1)
    expected = v01.call("statistics", image=image, axes="CYX", patch_size=[16, 16], target=target)
    found = InMemoryDataset(config("CYX", [16, 16]), image, target).data_config
    ours = [found.image_means, found.image_stds, found.target_means, found.target_stds]
    np.testing.assert_allclose(ours, expected, rtol=EXACT)


def _write(folder: Path, shapes: list[tuple[int, ...]]) -> list[Path]:
    paths = [folder / f"{number}.tif" for number in range(len(shapes))]
    for number, (path, shape) in enumerate(zip(paths, shapes, strict=True)):
        tifffile.imwrite(path, noise(shape, seed=number))
    return paths


@pytest.mark.parametrize("kind", [InMemoryDataset, IterableDataset])
def test_statistics_of_files_are_those_of_their_dataset_that_reads_them_in_turn(
    v01: Peer, tmp_path: Path, kind: type[InMemoryDataset | IterableDataset]
) -> None:
    paths = _write(tmp_path, [(2, 40, 50), (2, 64, 33), (2, 16, 90)])
    means, stds = v01.call("statistics_of_files", folder=tmp_path, axes="CYX", patch_size=[16, 16], in_turn=True)
    found = kind(config("CYX", [16, 16], data_type="tiff"), paths).data_config
    np.testing.assert_allclose(found.image_means, means, rtol=EXACT)
    np.testing.assert_allclose(found.image_stds, stds, rtol=EXACT)


def test_statistics_of_files_are_those_of_their_dataset_in_memory_where_its_patches_do_not_overlap(
    v01: Peer, tmp_path: Path
) -> None:
    paths = _write(tmp_path, [(2, 48, 64), (2, 64, 32)])
    means, stds = v01.call("statistics_of_files", folder=tmp_path, axes="CYX", patch_size=[16, 16], in_turn=False)
    found = InMemoryDataset(config("CYX", [16, 16], data_type="tiff"), paths).data_config
    np.testing.assert_allclose(found.image_means, means, rtol=EXACT)
    np.testing.assert_allclose(found.image_stds, stds, rtol=EXACT)
