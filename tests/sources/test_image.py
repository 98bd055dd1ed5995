"""Images that travel: mapped ones as a place in a file, others by value."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.errors import PatchmillWarning, ReadError
from patchmill.sources import image as image_module
from patchmill.sources import images_from_arrays, images_from_tiffs


@pytest.fixture
def stack() -> np.ndarray:
    return np.arange(3 * 64 * 65, dtype=np.uint16).reshape(3, 64, 65)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_mapped_images_pickle_as_a_place_in_their_file(tmp_path: Path, stack: np.ndarray, byteorder: str) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, byteorder=byteorder, imagej=True)
    (image,) = images_from_tiffs([path], "ZYX")
    assert image.is_mapped
    stored = pickle.dumps(image)
    assert len(stored) < 2000
    again = pickle.loads(stored)
    assert again.is_mapped
    assert (again.name, again.axes, again.shape, again.dtype) == (image.name, image.axes, image.shape, image.dtype)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert not again.pixels.flags.writeable


def test_views_of_a_map_pickle_with_their_own_offset_and_strides(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, stack)
    mapped = np.load(path, mmap_mode="r")
    view = mapped[1:, ::-2, 3:]
    (image,) = images_from_arrays(view, "ZXY")
    assert image.is_mapped
    again = pickle.loads(pickle.dumps(image))
    assert again.is_mapped
    assert again.pixels.strides == image.pixels.strides
    np.testing.assert_array_equal(again.pixels[0, 0, 0], np.swapaxes(stack[1:, ::-2, 3:], 1, 2))


def test_private_maps_travel_by_value(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, stack)
    private = np.load(path, mmap_mode="c")
    private[...] = 7
    (image,) = images_from_arrays(private, "ZYX")
    assert not image.is_mapped
    assert (pickle.loads(pickle.dumps(image)).pixels == 7).all()


def test_writable_maps_may_be_written_to_before_they_travel(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, stack)
    shared = np.load(path, mmap_mode="r+")
    (image,) = images_from_arrays(shared, "ZYX")
    shared[...] = 7
    shared.flush()
    assert (pickle.loads(pickle.dumps(image)).pixels == 7).all()


@pytest.mark.parametrize("change", ["time", "size", "gone"])
def test_a_file_that_changed_since_it_was_mapped_is_refused(tmp_path: Path, stack: np.ndarray, change: str) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    (image,) = images_from_tiffs([path], "ZYX")
    stored = pickle.dumps(image)
    if change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "size":
        with path.open("ab") as file:
            file.write(b"more")
    else:
        path.unlink()
    with pytest.raises(ReadError, match=r"stack\.tif: expected the file"):
        pickle.loads(stored)


def test_arrays_pickle_by_value_and_warn_when_large(stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    (image,) = images_from_arrays(stack, "ZYX")
    again = pickle.loads(pickle.dumps(image))
    assert not again.is_mapped
    np.testing.assert_array_equal(again.pixels, image.pixels)
    monkeypatch.setattr(image_module, "_LARGE_PICKLE_BYTES", stack.nbytes - 1)
    with pytest.warns(PatchmillWarning, match="array: .*GiB.*pickled by value"):
        copy.copy(image)
