"""Images that travel: mapped ones as a place in a file, others by value."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from patchmill.errors import ConfigError, DtypeError, PairError, PatchmillWarning, ReadError, ShapeError
from patchmill.sources import Image, ImageHeader, check_alike, check_pairs, images_from_arrays, images_from_tiffs
from patchmill.sources import image as image_module
from tests.images import AXES, dtypes, layouts, random_image, seeds


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


choices = st.lists(st.integers(0, 4), min_size=1, unique=True)


@given(st.sampled_from([axes for axes in AXES if "C" in axes]), dtypes, layouts, seeds, choices, st.data())
def test_chosen_channels_are_those_of_the_image_in_the_given_order(
    axes: str, dtype: np.dtype[Any], layout: str, seed: int, channels: list[int], data: st.DataObject
) -> None:
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in axes} | {"C": data.draw(st.integers(5, 6))}
    array = random_image(axes, sizes, dtype, layout=layout, seed=seed)
    image = Image.of("cells", array, axes)
    chosen = image.select_channels(channels)
    np.testing.assert_array_equal(chosen.pixels, image.pixels[:, :, channels])
    assert chosen.pixels.dtype == array.dtype
    assert (chosen.name, chosen.axes) == (image.name, image.axes)
    assert chosen.shape == np.take(array, channels, axis=axes.index("C")).shape
    assert ImageHeader.of(chosen) == ImageHeader.of(image).select_channels(channels)
    are_even = len(set(np.diff(channels))) <= 1
    assert np.shares_memory(chosen.pixels, array) == are_even


@pytest.mark.parametrize("channels", [[0], [3], [1, 3], [3, 2, 1, 0], [3, 1]])
def test_evenly_chosen_channels_of_mapped_images_stay_mapped_and_pickle_as_a_place(
    tmp_path: Path, channels: list[int]
) -> None:
    stack = np.arange(2 * 4 * 30 * 31, dtype=np.uint16).reshape(2, 4, 30, 31)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZCYX"})
    (image,) = images_from_tiffs([path], "ZCYX")
    for opened in (image, pickle.loads(pickle.dumps(image))):
        chosen = opened.select_channels(channels)
        assert chosen.is_mapped
        stored = pickle.dumps(chosen)
        assert len(stored) < 2000
        again = pickle.loads(stored)
        assert again.is_mapped
        for part in (chosen, again, again.select_channels([len(channels) - 1]).select_channels([0])):
            numbers = channels if part.n_channels > 1 else channels[-1:]
            np.testing.assert_array_equal(part.pixels[0, 0], np.moveaxis(stack, 1, 0)[numbers])
    os.utime(path, ns=(1, 1))
    with pytest.raises(ReadError, match="one that was written since"):
        pickle.loads(stored)


def test_unevenly_chosen_channels_of_mapped_images_are_copied(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.arange(4 * 30 * 31).reshape(4, 30, 31))
    (image,) = images_from_arrays(np.load(path, mmap_mode="r"), "CYX")
    chosen = image.select_channels([0, 1, 3])
    assert not chosen.is_mapped
    assert not ImageHeader.of(image).select_channels([0, 1, 3]).is_mapped
    path.unlink()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(chosen)).pixels, chosen.pixels)


def test_an_image_without_channels_has_channel_0(stack: np.ndarray) -> None:
    image = Image.of("cells", stack, "ZYX")
    assert image.select_channels([0]).shape == stack.shape


BAD_CHANNELS: dict[str, tuple[Any, type[Exception], str]] = {
    "too high": (
        [0, 3],
        ShapeError,
        r"^cells: expected at least 4 channels for channels=\[0, 3\], got 3\. Choose among",
    ),
    "negative": ([-1], ConfigError, r"^channels: expected a list of integers from 0 on, each once, got \[-1\]"),
    "none": ([], ConfigError, r"got \[\]"),
    "repeated": ([1, 0, 1], ConfigError, r"got \[1, 0, 1\]"),
    "fractions": ([0.5], ConfigError, r"got \[0\.5\]"),
    "a number": (1, ConfigError, "got 1"),
    "a text": ("01", ConfigError, "got '01'"),
}


@pytest.mark.parametrize("case", BAD_CHANNELS)
def test_channels_that_are_not_there_are_one_clear_error(stack: np.ndarray, case: str) -> None:
    channels, error, message = BAD_CHANNELS[case]
    image = Image.of("cells", stack, "CYX")
    for like in (image, ImageHeader.of(image)):
        with pytest.raises(error, match=message):
            like.select_channels(channels)


def header(name: str = "a.tif", **changes: Any) -> ImageHeader:
    usual: dict[str, Any] = {
        "n_samples": 2,
        "n_channels": 3,
        "size_zyx": (1, 8, 9),
        "dtype": np.dtype("<u2"),
        "nbytes": 864,
        "is_mapped": False,
    }
    return ImageHeader(name, **usual | changes)


def test_headers_are_checked_as_images_are(stack: np.ndarray) -> None:
    check_alike([header(), header("b.tif", dtype=np.dtype(">u2"), size_zyx=(5, 4, 3), n_samples=1)])
    with pytest.raises(DtypeError, match=r"^b\.tif: expected the data type uint16 of a\.tif, got float32\. Convert"):
        check_alike([header(), header("b.tif", dtype=np.dtype("f4"))])
    with pytest.raises(ShapeError, match=r"^b\.tif: expected 3 channel\(s\) as in a\.tif, got 1 of \(1, 8, 9\) pixels"):
        check_alike([header(), header("b.tif", n_channels=1)])
    check_pairs([header()], [header("t.tif", n_channels=1, dtype=np.dtype("f4"))])
    for change in ({"n_samples": 3}, {"size_zyx": (1, 9, 8)}):
        with pytest.raises(
            ShapeError, match=r"^t\.tif: expected the 2 samples of \(1, 8, 9\) pixels \(ZYX\) of a\.tif"
        ):
            check_pairs([header()], [header("t.tif", **change)])
    with pytest.raises(
        PairError, match=r"^targets: expected 2, one per image, got 1 \(a\.tif, b\.tif against t\.tif\)"
    ):
        check_pairs([header(), header("b.tif")], [header("t.tif")])
    image = Image.of("cells", stack, "TYX")
    check_pairs([image], [ImageHeader.of(image)])


@pytest.mark.parametrize(
    "change", [{"n_samples": 1}, {"n_channels": 1}, {"size_zyx": (1, 9, 8)}, {"dtype": np.dtype("u1")}]
)
def test_an_image_that_is_not_that_of_its_header_is_refused(change: dict[str, Any]) -> None:
    header().check_same(header(dtype=np.dtype(">u2"), nbytes=1, is_mapped=True))
    with pytest.raises(ReadError, match=r"^a\.tif: expected the image that was there before \(2 samples of 3 channels"):
        header().check_same(header(**change))
