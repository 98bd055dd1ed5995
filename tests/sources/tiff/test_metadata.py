"""What TIFF files say about their images."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import tifffile

from patchmill.errors import AxesError, MissingFileError, ReadError
from patchmill.sources import read_metadata

STACK = np.zeros((3, 8, 9), np.uint16)

MICROMETRES = {
    "ome": {
        "ome": True,
        "metadata": {
            "axes": "ZYX",
            "PhysicalSizeX": 65,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.07,
            "PhysicalSizeZ": 0.3,
        },
    },
    "imagej": {
        "imagej": True,
        "resolution": (1 / 0.065, 1 / 0.07),
        "metadata": {"axes": "ZYX", "unit": "um", "spacing": 0.3},
    },
    "imagej, escaped": {
        "imagej": True,
        "resolution": (1 / 0.065, 1 / 0.07),
        "metadata": {"axes": "ZYX", "unit": "\\u00B5m", "spacing": 0.3},
    },
    "shaped": {
        "photometric": "minisblack",
        "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.065, "PhysicalSizeY": 0.07, "PhysicalSizeZ": 0.3},
    },
}


@pytest.mark.parametrize("kind", MICROMETRES)
def test_pixel_sizes_are_read_in_micrometres(tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "image.tif", STACK, **MICROMETRES[kind])
    metadata = read_metadata(tmp_path / "image.tif")
    assert metadata.kind == kind.partition(",")[0]
    assert metadata.pixel_size_um == pytest.approx((0.3, 0.07, 0.065), rel=1e-6)
    assert metadata.require_axes() == "ZYX"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (100, 50), "resolutionunit": "CENTIMETER"}, (None, 200.0, 100.0)),
        ({"resolution": (254, 254), "resolutionunit": "INCH"}, (None, 100.0, 100.0)),
        ({"resolution": (1, 1)}, (None, 25400.0, 25400.0)),
        ({}, (None, None, None)),
    ],
)
def test_resolution_tags_give_pixel_sizes_only_with_a_unit(
    tmp_path: Path, options: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    tifffile.imwrite(tmp_path / "image.tif", STACK[0], metadata=None, **options)
    metadata = read_metadata(tmp_path / "image.tif")
    assert metadata.pixel_size_um == tuple(pytest.approx(size) for size in expected)
    assert metadata.kind == "plain"


@pytest.mark.parametrize(
    ("array", "options", "samples"),
    [
        (np.zeros((8, 9, 3), np.uint8), {"photometric": "rgb"}, "contiguous"),
        (np.zeros((3, 8, 9), np.uint8), {"photometric": "rgb", "planarconfig": "separate"}, "planar"),
        (np.zeros((3, 8, 9), np.uint8), {"photometric": "minisblack"}, None),
    ],
)
def test_how_channels_are_stored_is_told(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any], samples: str | None
) -> None:
    tifffile.imwrite(tmp_path / "image.tif", array, metadata=None, **options)
    assert read_metadata(tmp_path / "image.tif").samples == samples


def test_axes_that_a_file_does_not_say_must_be_given(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", STACK, metadata=None, photometric="minisblack")
    metadata = read_metadata(tmp_path / "image.tif")
    assert metadata.axes is None
    with pytest.raises(AxesError, match=r"image\.tif: .*'IYX' for the shape \(3, 8, 9\).*--axes.*ZYX, TYX or CYX"):
        metadata.require_axes()


def test_axes_of_real_files_are_unknown_where_they_do_not_say_them() -> None:
    metadata = read_metadata(Path(skimage.__file__).parent / "data" / "multipage.tif")
    assert metadata.axes is None
    assert metadata.shape == (2, 15, 10)


def test_channels_that_come_both_as_pages_and_as_samples_must_be_told_apart(tmp_path: Path) -> None:
    array = np.zeros((2, 8, 9, 3), np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", array, ome=True, photometric="rgb", metadata={"axes": "CYXS"})
    metadata = read_metadata(tmp_path / "image.tif")
    assert metadata.axes is None
    assert metadata.tifffile_axes == "CYXS"


def test_text_of_plain_files_and_items_of_imagej_are_kept(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", STACK[0], metadata=None, description="cells, day 3")
    assert read_metadata(tmp_path / "plain.tif").description == "cells, day 3"
    items = {"axes": "TYX", "finterval": 2.5, "Info": "notes", "Labels": ["a", "b", "c"]}
    tifffile.imwrite(tmp_path / "imagej.tif", STACK, imagej=True, metadata=items)
    metadata = read_metadata(tmp_path / "imagej.tif")
    assert metadata.description is None
    assert metadata.items["finterval"] == 2.5
    assert metadata.items["Labels"] == ["a", "b", "c"]
    assert not {"ImageJ", "images", "frames"} & set(metadata.items)


def test_metadata_survive_pickling(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", STACK, imagej=True, metadata={"axes": "TYX"}, byteorder=">")
    metadata = read_metadata(tmp_path / "image.tif")
    assert metadata.dtype == np.dtype(">u2")
    assert pickle.loads(pickle.dumps(metadata)) == metadata


def test_bad_files_give_the_same_errors_as_when_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"image\.tif: "):
        read_metadata(tmp_path / "image.tif")
    (tmp_path / "image.tif").write_bytes(b"nothing")
    with pytest.raises(ReadError, match=r"image\.tif: expected a TIFF file"):
        read_metadata(tmp_path / "image.tif")
