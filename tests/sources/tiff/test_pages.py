"""The list of the pages of a TIFF file, walked before tifffile follows it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff
from patchmill.sources.tiff import pages
from patchmill.sources.tiff.pages import MOST_NUMBERS, walk_pages
from tests.sources.tiff.damage import structure
from tests.sources.tiff.raw import LONG, plain_page, write_raw

PIXELS = np.arange(160 * 3 * 4, dtype=np.uint16).reshape(160, 3, 4)


def write_pages(path: Path, n_pages: int, *, big: bool = False, order: str = "<") -> None:
    write_raw(path, [plain_page(page, order) for page in PIXELS[:n_pages]], big=big, order=order)


def put(path: Path, at: int, form: str, number: int) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, number)
    path.write_bytes(content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("n_pages", [1, 2, 150])
def test_whole_lists_are_counted_to_their_end(tmp_path: Path, n_pages: int, big: bool, order: str) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, n_pages, big=big, order=order)
    pages = walk_pages(path)
    assert (pages.n_pages, pages.has_end) == (n_pages, True)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("n_pages", "source", "target"), [(1, 0, 0), (2, 1, 0), (7, 6, 3), (160, 159, 0), (160, 150, 120)]
)
def test_lists_that_go_in_circles_are_refused(
    tmp_path: Path, big: bool, n_pages: int, source: int, target: int
) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, n_pages, big=big)
    found = structure(path.read_bytes())
    put(path, found.links_at[source + 1], "<Q" if big else "<I", found.pages_at[target])
    with pytest.raises(ReadError, match=r"image\.tif: expected a list of pages with an end, got one in circles"):
        read_tiff(path)


@pytest.mark.parametrize("target", ["beyond the end", "at the end"])
def test_lists_that_lead_beyond_the_file_have_no_end(tmp_path: Path, target: str) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, 3)
    size = path.stat().st_size
    put(path, structure(path.read_bytes()).links_at[-1], "<I", size + 1000 if target == "beyond the end" else size)
    assert not walk_pages(path).has_end
    with pytest.raises(ReadError, match=r"image\.tif: expected more than 3 pages"):
        read_tiff(path)


@pytest.mark.parametrize("n_bytes", [0, 2, 4, 7, 8, 9, 12, 100])
def test_what_is_cut_off_has_no_end(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, 1)
    path.write_bytes(path.read_bytes()[:n_bytes])
    assert not walk_pages(path).has_end


def test_pages_of_other_sizes_are_not_read_as_one_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, 12)
    found = structure(path.read_bytes())
    lengths = [entry for entry in found.entries if entry.code == 257]
    put(path, lengths[5].values_at, "<I", 2)
    # tifffile looks at pages 0, 1, 7, and the last alone.
    assert tifffile.imread(path).shape == (12, 3, 4)
    with pytest.raises(ReadError, match=r"image\.tif: expected pages of one size.*page 5 of others"):
        read_tiff(path)
    pages = walk_pages(path)
    assert pages.are_alike(found.pages_at[0], found.pages_at[11])
    assert not pages.are_alike(found.pages_at[0], found.pages_at[5])


def test_sizes_may_be_stored_in_16_bits_or_in_32(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pages = [plain_page(page, ">") for page in PIXELS[:3]]
    pages[1].tags |= {256: (3, [4]), 257: (3, [3])}
    write_raw(path, pages, order=">", gaps=(2, 8))
    np.testing.assert_array_equal(read_tiff(path), PIXELS[:3])


def test_more_positions_than_an_image_can_have_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, 1)
    with path.open("r+b") as file:
        file.truncate(4 * MOST_NUMBERS + 4096)
    (offsets,) = (entry for entry in structure(path.read_bytes()[:4096]).entries if entry.code == 273)
    with path.open("r+b") as file:
        file.seek(offsets.at + 4)
        file.write(struct.pack("<I", MOST_NUMBERS + 1))
    with pytest.raises(ReadError, match=r"image\.tif: expected at most 4,194,304 positions"):
        read_tiff(path)


def test_more_pages_below_a_page_than_a_pyramid_can_have_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    write_raw(path, [plain_page(PIXELS[0], "<", tag_330=(LONG, [8] * 300))])
    with pytest.raises(ReadError, match=r"image\.tif: expected at most 256 pages below a page"):
        read_tiff(path)


def test_pages_below_pages_are_looked_at_too(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(PIXELS[0], subifds=1, metadata=None)
        writer.write(PIXELS[0, ::2, ::2], subfiletype=1, metadata=None)
    found = structure(path.read_bytes())
    (offsets,) = (entry for entry in found.entries[len(found.entries) // 2 :] if entry.code == 273)
    with path.open("r+b") as file:
        file.truncate(4 * MOST_NUMBERS + 4096)
        file.seek(offsets.at + 4)
        file.write(struct.pack("<I", MOST_NUMBERS + 1))
    with pytest.raises(ReadError, match=r"image\.tif: expected at most 4,194,304 positions"):
        read_tiff(path)


def test_lists_too_long_for_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tif"
    write_pages(path, 20)
    monkeypatch.setattr(pages, "_FEW_PAGES", 4)
    monkeypatch.setattr(pages, "usable_memory", lambda: 16 * 4096)
    write_pages(tmp_path / "shorter.tif", 19)
    walk_pages(tmp_path / "shorter.tif")
    with pytest.raises(ReadError, match=r"image\.tif: expected a list of pages that fits into 0 MiB of memory"):
        walk_pages(path)


def test_slides_of_hamamatsu_have_links_of_64_bits(tmp_path: Path) -> None:
    path = tmp_path / "slide.ndpi"
    tags = [(256, 4), (257, 3), (258, 16), (259, 1), (262, 1), (273, 1000), (277, 1), (278, 3), (279, 24), (65420, 1)]
    content = bytearray(struct.pack("<2sHQ", b"II", 42, 16).ljust(16, b"\0"))
    content += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    content += struct.pack("<Q", 0) + bytes(4 * len(tags))
    content = content.ljust(1000, b"\0") + PIXELS[0].tobytes()
    path.write_bytes(content)
    assert walk_pages(path).has_end
    np.testing.assert_array_equal(read_tiff(path), PIXELS[0])
    np.testing.assert_array_equal(tifffile.imread(path), PIXELS[0])
