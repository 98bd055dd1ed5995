"""Tiles and how they are put together are CAREamics', for every axis that is not shorter than its tile."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill._core import TileGrid
from patchmill.config import InferenceConfig
from patchmill.dataset import PredictDataModule, TileInformation
from tests.parity.images import Array, noise
from tests.parity.peer import Peer

TILES = [(8, 2), (8, 4), (16, 2), (16, 8), (16, 14), (32, 12), (64, 16), (64, 48)]
"""Sizes of tiles, each with an overlap."""


def _spans(size: int, tile: int, overlap: int) -> list[tuple[int, int, int, int]]:
    grid = TileGrid((1, 1, size), tile_size=(1, 1, tile), tile_overlap=(0, 0, overlap))
    return [grid.tile(number)[2] for number in range(len(grid))]


@pytest.mark.parametrize(("tile", "overlap"), TILES)
def test_tiles_along_an_axis_are_those_of_v0_1_for_every_length(v01: Peer, tile: int, overlap: int) -> None:
    for size in [*range(tile, 3 * tile), 5 * tile - 1, 200]:
        theirs = v01.call("tiles", shape=(1, 1, 8, size), tile_size=[8, tile], overlaps=[2, overlap])
        expected = [
            (info["origin"][1], *info["overlap_crop_coords"][1], info["stitch_coords"][1][0]) for info in theirs
        ]
        assert _spans(size, tile, overlap) == expected, size
        assert all(info["last_tile"] == (number == len(theirs) - 1) for number, info in enumerate(theirs))


@pytest.mark.parametrize(("tile", "overlap"), TILES)
def test_tiles_along_an_axis_are_those_of_0_3_5_for_every_length(v03: Peer, tile: int, overlap: int) -> None:
    for size in [*range(1, 3 * tile), 5 * tile - 1, 200]:
        theirs = v03.call("tiles", shape=(1, 1, 8, size), tile_size=[8, tile], overlaps=[2, overlap])
        expected = [
            (spec["coords"][1], start, start + spec["crop_size"][1], spec["stitch_coords"][1])
            for spec in theirs
            for start in [spec["crop_coords"][1]]
        ]
        assert _spans(size, tile, overlap) == expected, size


def _config(axes: str, n_channels: int, **more: Any) -> dict[str, Any]:
    return {
        "data_type": "array",
        "axes": axes,
        "image_means": [0.0] * n_channels,
        "image_stds": [1 - 1e-6] * n_channels,
        **more,
    }


def _ours(data: Any, config: dict[str, Any], **how: Any) -> list[Any]:
    module = PredictDataModule(InferenceConfig(**config), data, **how)
    module.prepare_data()
    module.setup()
    return list(module.predict_dataloader())


def _assert_tiled_alike(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for (tiles, infos), (their_tiles, their_infos) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(tiles.numpy(), their_tiles)
        assert [_described(info) for info in infos] == [_described(info) for info in their_infos]


def _described(info: TileInformation | dict[str, Any]) -> dict[str, Any]:
    names = ("array_shape", "last_tile", "overlap_crop_coords", "stitch_coords", "sample_id")
    of = info.__getitem__ if isinstance(info, dict) else lambda name: getattr(info, name)
    return {name: of(name) for name in names}


TILED = [
    ("YX", (100, 70), [64, 32], [16, 8]),
    ("CYX", (3, 64, 100), [64, 64], [48, 2]),
    ("STYXC", (2, 2, 40, 33, 2), [16, 16], [4, 8]),
    ("ZYX", (20, 40, 33), [8, 16, 16], [2, 4, 8]),
    ("SCZYX", (2, 2, 9, 20, 33), [8, 16, 16], [4, 4, 4]),
]


@pytest.mark.parametrize(("axes", "shape", "tile_size", "tile_overlap"), TILED)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_of_tiles_are_theirs(
    v01: Peer, axes: str, shape: tuple[int, ...], tile_size: list[int], tile_overlap: list[int], batch_size: int
) -> None:
    image = noise(shape, np.float32)
    n_channels = shape[axes.index("C")] if "C" in axes else 1
    config = _config(axes, n_channels, tile_size=tile_size, tile_overlap=tile_overlap, batch_size=batch_size)
    _assert_tiled_alike(_ours(image, config), v01.call("predicted_batches", data=image, config=config))


@pytest.mark.parametrize("tiling", [{}, {"tile_size": [16, 16], "tile_overlap": [4, 4]}])
@pytest.mark.parametrize("axes", ["YX", "SYX"])
def test_batches_of_files_are_theirs_but_for_the_numbers_of_the_samples(
    v01: Peer, tmp_path: Path, axes: str, tiling: dict[str, Any]
) -> None:
    for number in range(3):
        tifffile.imwrite(tmp_path / f"{number}.tif", noise((2, 32, 48)[-len(axes) :], np.float32, seed=number))
    config = _config(axes, 1, data_type="tiff", **tiling)
    ours, theirs = _ours(tmp_path, config), v01.call("predicted_batches", data=str(tmp_path), config=config)
    if not tiling:
        np.testing.assert_array_equal([samples.numpy() for (samples,) in ours], [samples for (samples,) in theirs])
        return
    # Theirs begin again with every file; ours count on, so that tiles of two files cannot be taken for one sample's.
    for batches in (ours, theirs):
        for _, infos in batches:
            infos[:] = [{**_described(info), "sample_id": 0} for info in infos]
    _assert_tiled_alike(ours, theirs)


def test_batches_of_custom_files_are_theirs(v01: Peer, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", noise((20, 33), np.float32))
    config = _config("YX", 1, data_type="custom", tile_size=[16, 16], tile_overlap=[4, 4])
    ours = _ours(tmp_path, config, read_source_func=np.load, extension_filter="*.npy")
    _assert_tiled_alike(ours, v01.call("predicted_batches", data=str(tmp_path), config=config, custom=True))


@pytest.mark.parametrize(("axes", "shape", "tile_size", "tile_overlap"), TILED)
def test_tiles_are_stitched_to_the_image_by_what_is_known_of_them(
    v01: Peer, axes: str, shape: tuple[int, ...], tile_size: list[int], tile_overlap: list[int]
) -> None:
    image = noise(shape, np.float32)
    n_channels = shape[axes.index("C")] if "C" in axes else 1
    config = _config(axes, n_channels, tile_size=tile_size, tile_overlap=tile_overlap)
    batches = _ours(image, config)
    tiles = [tile for tiles, _ in batches for tile in tiles.numpy()]
    infos = [info for _, infos in batches for info in infos]
    stitched = v01.call("stitched", tiles=tiles, infos=[_described(info) for info in infos])
    np.testing.assert_array_equal(np.concatenate(stitched), v01.call("canonical", image=image, axes=axes))


def test_every_combination_of_tiles_covers_a_sample_once(v01: Peer) -> None:
    for size, (tile, overlap) in product([(20, 40), (33, 17)], TILES[:5]):
        covered = np.zeros(size, int)
        for info in v01.call("tiles", shape=(1, 1, *size), tile_size=[tile] * 2, overlaps=[overlap] * 2):
            covered[tuple(slice(*span) for span in info["stitch_coords"])] += 1
        ours: Array = np.zeros(size, int)
        grid = TileGrid((1, *size), tile_size=(1, tile, tile), tile_overlap=(0, overlap, overlap))
        for number in range(len(grid)):
            spans = grid.tile(number)[1:]
            ours[tuple(slice(into, into + end - start) for _, start, end, into in spans)] += 1
        assert (covered == 1).all()
        np.testing.assert_array_equal(ours, covered)
