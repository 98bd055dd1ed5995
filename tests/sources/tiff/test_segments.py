"""Strips and tiles: whether all are there, and what it takes to decode them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff
from patchmill.sources.tiff import open_tiff, segments, tiff_header
from tests.sources.tiff.damage import structure
from tests.sources.tiff.raw import SHORT, plain_page, write_raw

PIXELS = np.random.default_rng(5).integers(0, 99, (64, 48), np.uint16)

COMPRESSIONS = ("zlib", "lzw", "zstd", "lzma", "packbits")


def write(path: Path, pixels: np.ndarray[Any, Any] = PIXELS, **options: Any) -> None:
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", "metadata": None, **options})


def change(path: Path, code: int, number: int, at: int = 0) -> None:
    """Overwrite a number of a tag, as long as it was."""
    content = bytearray(path.read_bytes())
    (entry,) = (entry for entry in structure(bytes(content)).entries if entry.code == code)
    form = {2: "<H", 4: "<I", 8: "<Q"}[entry.value_bytes]
    struct.pack_into(form, content, entry.values_at + at * entry.value_bytes, number)
    path.write_bytes(content)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_images_that_compress_as_well_as_can_be_are_read(tmp_path: Path, compression: str, value: int) -> None:
    path = tmp_path / "image.tif"
    pixels = np.full((2048, 4096), value, np.uint8)
    write(path, pixels, compression=compression, rowsperstrip=2048)
    assert path.stat().st_size < pixels.nbytes / 50
    np.testing.assert_array_equal(read_tiff(path), pixels)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("tags", [(257, 278), (256,), (257,)])
def test_sizes_that_the_stored_bytes_cannot_have_are_refused_before_memory_is_taken(
    tmp_path: Path, compression: str, tags: tuple[int, ...]
) -> None:
    path = tmp_path / "image.tif"
    write(path, compression=compression, rowsperstrip=64)
    for code in (257, 278):
        # As long as it can be, so that any number can be put there.
        assert code in {entry.code for entry in structure(path.read_bytes()).entries}
    with tifffile.TiffFile(path, mode="r+") as file:
        for code in tags:
            file.pages.first.tags[code].overwrite(2**30, dtype=4)
    with pytest.raises(ReadError, match=r"image\.tif: expected (at least \d+ bytes for page 0|the positions of all)"):
        read_tiff(path)
    with pytest.raises(ReadError, match=r"image\.tif: expected (at least \d+ bytes for page 0|the positions of all)"):
        tiff_header(path, "YX")


@pytest.mark.parametrize("tags", [(322, 323), (322,), (323,)])
def test_tiles_that_the_stored_bytes_cannot_have_are_refused(tmp_path: Path, tags: tuple[int, ...]) -> None:
    path = tmp_path / "image.tif"
    write(path, compression="zlib", tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+") as file:
        for code in tags:
            file.pages.first.tags[code].overwrite(2**30, dtype=4)
    with pytest.raises(ReadError, match=r"image\.tif: expected"):
        read_tiff(path)


@pytest.mark.parametrize("code", [322, 323])
def test_tiles_of_no_size_are_refused(tmp_path: Path, code: int) -> None:
    path = tmp_path / "image.tif"
    write(path, tile=(16, 16))
    change(path, code, 0)
    with pytest.raises(ReadError, match=r"image\.tif: expected "):
        read_tiff(path)


def test_images_that_do_not_fit_into_memory_are_refused_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.tif"
    tiles = (PIXELS[:16, :16].copy() if number == 0 else None for number in range(1024 * 1024))
    write(path, tiles, shape=(2**14, 2**14), dtype=PIXELS.dtype, tile=(16, 16), compression="zlib")
    monkeypatch.setattr(segments, "usable_memory", lambda: 1 << 28)
    with pytest.raises(ReadError, match=r"image\.tif: expected an image that fits into the 0\.2 GiB .* takes 0\.5 GiB"):
        read_tiff(path)
    assert tiff_header(path, "YX").nbytes == 2**29


def test_plain_images_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tif"
    write(path, np.zeros((2**13, 2**12), np.uint16))
    monkeypatch.setattr(segments, "usable_memory", lambda: 0)
    assert read_tiff(path).shape == (2**13, 2**12)


@pytest.mark.parametrize("arrangement", [0, 3])
@pytest.mark.parametrize("layout", [{"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_an_unknown_arrangement_of_samples_is_not_read_as_whatever_is_in_memory(
    tmp_path: Path, layout: dict[str, Any], arrangement: int
) -> None:
    path = tmp_path / "image.tif"
    write(path, np.stack([PIXELS] * 3, -1).astype("u1"), compression="lzw", photometric="rgb", **layout)
    change(path, 284, arrangement)
    with pytest.raises(ReadError, match=r"image\.tif: expected strips or tiles that hold pixels.*configuration of"):
        read_tiff(path)


def test_pixels_in_the_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    write(path)
    change(path, 273, 0)
    with pytest.raises(ReadError, match=r"image\.tif: expected pixels behind the header of the file"):
        read_tiff(path)


def test_strips_that_follow_one_another_in_the_first_page_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pages = [plain_page(PIXELS + number, "<", rows=16) for number in range(2)]
    write_raw(path, pages)
    content = path.read_bytes()
    offsets = [entry for entry in structure(content).entries if entry.code == 273][1]
    changed = bytearray(content)
    first = struct.unpack_from("<4I", content, offsets.values_at)
    struct.pack_into("<4I", changed, offsets.values_at, first[0], first[2], first[1], first[3])
    path.write_bytes(changed)
    # tifffile takes the strips of the second page to lie as those of the first.
    with pytest.raises(ReadError, match=r"image\.tif: expected strips that follow one another, as in page 0"):
        read_tiff(path)


def test_rows_of_more_strips_than_are_stored_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    write(path, compression="zlib", rowsperstrip=8)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[257].overwrite(72)
    with pytest.raises(ReadError, match=r"image\.tif: expected the positions of all pixels"):
        read_tiff(path)


@pytest.mark.parametrize("bits", [[8, 16, 8], [0, 0, 0]])
def test_samples_of_several_types_are_an_error(tmp_path: Path, bits: list[int]) -> None:
    path = tmp_path / "image.tif"
    page = plain_page(np.zeros((4, 5, 3), np.uint8), "<")
    page.tags[258] = (SHORT, bits)
    write_raw(path, [page])
    with pytest.raises(ReadError, match=r"image\.tif: expected pixels of a known type"):
        read_tiff(path)


@pytest.mark.parametrize("compression", ["zlib", "jpeg2000", None])
def test_what_decoding_takes_is_at_least_the_image(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "image.tif"
    write(path, compression=compression, tile=(16, 16))
    with open_tiff(path) as (_, series):
        assert segments.decoding_bytes(series) > PIXELS.nbytes
