"""Arrays as images, and the dispatch of `open_images`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.errors import AxesError, ConfigError, DtypeError, MissingFileError, PatchmillError, ShapeError
from patchmill.sources import images_from_arrays, open_images
from patchmill.sources.image import PIXEL_DTYPES


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", PIXEL_DTYPES)
def test_arrays_of_every_dtype_are_viewed_and_not_copied(dtype: str, order: str) -> None:
    array = np.ones((2, 5, 4), np.dtype(dtype).newbyteorder(order))
    (image,) = images_from_arrays(array, "tyx")
    assert np.shares_memory(image.pixels, array)
    assert image.pixels.shape == (1, 2, 1, 1, 5, 4)
    assert (image.name, image.axes, image.shape) == ("array", "TYX", (2, 5, 4))
    assert (image.n_samples, image.n_channels, image.size_zyx) == (2, 1, (1, 5, 4))
    assert (image.dtype, image.nbytes, image.is_mapped) == (array.dtype, array.nbytes, False)


def test_strided_unaligned_and_readonly_arrays_are_viewed_and_not_copied() -> None:
    raw = np.zeros(8 * 8 * 2 + 1, np.uint8)
    unaligned = raw[1:].view(np.uint16).reshape(8, 8)
    readonly = np.zeros((8, 8))
    readonly.setflags(write=False)
    for array in (unaligned, readonly, np.zeros((16, 16))[::-2, ::2], np.zeros((8, 8), order="F")):
        (image,) = images_from_arrays(array, "YX")
        assert np.shares_memory(image.pixels, array)


def test_lists_of_arrays_may_differ_in_size_and_byte_order() -> None:
    images = images_from_arrays([np.zeros((8, 9), "<u2"), np.zeros((5, 4), ">u2")], "YX")
    assert [image.name for image in images] == ["array 0", "array 1"]
    assert [image.size_zyx for image in images] == [(1, 8, 9), (1, 5, 4)]


BAD_ARRAYS: dict[str, tuple[Any, str, type[PatchmillError], str]] = {
    "complex": (np.zeros((4, 4), complex), "YX", DtypeError, "array: .*complex128"),
    "object": (np.zeros((4, 4), object), "YX", DtypeError, "array: .*object"),
    "text": (np.zeros((4, 4), "U3"), "YX", DtypeError, "array: .*<U3"),
    "dates": (np.zeros((4, 4), "M8[s]"), "YX", DtypeError, "array: .*datetime64"),
    "records": (np.zeros((4, 4), [("a", "f4")]), "YX", DtypeError, "array: "),
    "long floats": (np.zeros((4, 4), np.longdouble), "YX", DtypeError, "array: .*longdouble|float128|float96"),
    "no pixels": (np.zeros((0, 4)), "YX", ShapeError, r"array: .*\(0, 4\)"),
    "no arrays": ([], "YX", ShapeError, "data: .*empty list"),
    "too many axes": (np.zeros((4, 4)), "ZYX", AxesError, r"array: .*'ZYX'.*\(4, 4\)"),
    "unknown axes": (np.zeros((4, 4)), "QX", AxesError, "axes: .*'QX'"),
    "mixed dtypes": ([np.zeros((4, 4), "u1"), np.zeros((4, 4), "u2")], "YX", DtypeError, "array 1: .*uint8.*uint16"),
    "mixed channels": ([np.zeros((2, 4, 4)), np.zeros((3, 4, 4))], "CYX", ShapeError, "array 1: .*2 channel.*got 3"),
    "not an array": ([[1, 2], [3, 4]], "YX", DtypeError, "array 0: .*list"),
    "no sequence": (3, "YX", DtypeError, "data: .*int"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_give_one_clear_error(case: str) -> None:
    data, axes, error, message = BAD_ARRAYS[case]
    with pytest.raises(error, match=message):
        images_from_arrays(data, axes)


def test_open_images_takes_arrays_files_folders_and_lists(tmp_path: Path) -> None:
    array = np.arange(20, dtype=np.uint16).reshape(4, 5)
    files = [tmp_path / "b.tif", tmp_path / "a.tif"]
    for file in files:
        tifffile.imwrite(file, array)
    for data in (array, [array], (array, array)):
        assert all(image.shape == (4, 5) for image in open_images(data, "array", "YX"))
    for data in (files[0], str(files[0]), files, [str(file) for file in files], tmp_path):
        images = open_images(data, "tiff", "YX")
        for image in images:
            np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], array)
    assert [image.name for image in open_images(files, "tiff", "YX")] == [str(file) for file in files]
    assert [image.name for image in open_images(tmp_path, "tiff", "YX")] == [str(file) for file in sorted(files)]


WRONG_TYPES: dict[str, tuple[Any, str, type[PatchmillError], str]] = {
    "paths as arrays": ("a.tif", "array", ConfigError, "data: .*array.*paths"),
    "arrays as files": (np.zeros((4, 4)), "tiff", ConfigError, "data: .*path.*arrays"),
    "unknown type": (np.zeros((4, 4)), "zarr", ConfigError, "data_type: .*'zarr'"),
    "paths and arrays": (["a.tif", np.zeros((4, 4))], "tiff", DtypeError, "list of builtins.str and numpy.ndarray"),
    "neither": (None, "array", DtypeError, "NoneType"),
    "no arrays": ([], "array", ShapeError, "empty list"),
    "no files": ([], "tiff", MissingFileError, "empty list"),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_data_of_another_type_than_said_is_refused(case: str) -> None:
    data, data_type, error, message = WRONG_TYPES[case]
    with pytest.raises(error, match=message):
        open_images(data, data_type, "YX")


def test_a_masked_array_is_refused() -> None:
    masked = np.ma.masked_less(np.arange(16.0).reshape(4, 4), 3)
    with pytest.raises(DtypeError, match=r"array: expected a plain array, got a masked one.*filled"):
        images_from_arrays(masked, "YX")
