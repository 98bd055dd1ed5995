"""TIFF files of every form, drawn and crafted: read as tifffile reads them, to the byte, and mapped when plain."""

from __future__ import annotations

import itertools
import math
import operator
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff
from patchmill.sources.tiff import open_tiff_image, tiff_header
from tests.dataset.thoroughness import IS_SLOW, times
from tests.sources.tiff.crafted import CRAFTED
from tests.sources.tiff.files import COMPRESSIONS, DTYPES, KINDS, LAYOUTS, SAMPLES, TiffFile, drawn_files
from tests.sources.tiff.raw import ASCII, plain_page, write_raw

N_PARTS = 10
N_DRAWN = times(300, slow=3000)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*holds .* images; the first:patchmill.errors.PatchmillWarning"),
    pytest.mark.timeout(times(120, slow=1200)),
]


def is_mapped(array: np.ndarray[Any, Any]) -> bool:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return isinstance(array, np.memmap)


def lies_plain(path: Path) -> bool:
    """The specification of what is mapped: the bytes of the pixels lie in the file, page by page, equally far apart."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page = series.keyframe
        if (page.compression, page.predictor, page.fillorder) != (1, 1, 1):
            return False
        if page.is_tiled:
            # A tile that goes beyond the page has bytes that are no pixels, at its end at best.
            tile = (page.tiledepth, page.tilelength, page.tilewidth)
            size = (page.imagedepth, page.imagelength, page.imagewidth)
            if any(pixels % step for pixels, step in zip(size, tile, strict=True)):
                return False
        starts = [each.dataoffsets[0] for each in series]
        pages = series.asarray().astype(series.dtype.newbyteorder(file.byteorder)).reshape(len(starts), -1)
        content = path.read_bytes()
        lie = all(content[start:].startswith(page.tobytes()) for start, page in zip(starts, pages, strict=True))
        steps = {later - earlier for earlier, later in itertools.pairwise(starts)}
        return lie and len(steps) <= 1 and min(steps, default=0) >= 0


def check(path: Path, plain: bool) -> np.ndarray[Any, Any]:
    """Check that a file is read as tifffile reads it, whole, as an image, and as a header."""
    expected = tifffile.imread(path)
    read = read_tiff(path)
    assert read.shape == expected.shape
    assert read.dtype.newbyteorder("=") == expected.dtype
    assert read.astype(expected.dtype).tobytes() == expected.tobytes()
    assert is_mapped(read) == plain
    assert read.flags.writeable != plain
    axes = {2: "YX", 3: "CYX", 4: "CZYX", 5: "TCZYX", 6: "STCZYX"}[read.ndim]
    image, header = open_tiff_image(path, axes), tiff_header(path, axes)
    assert image.pixels.tobytes() == read.tobytes()
    assert (header.shape, header.dtype, header.nbytes) == (image.shape, image.dtype, image.nbytes)
    assert header.is_mapped == image.is_mapped == plain
    return read


def check_drawn(file: TiffFile) -> None:
    try:
        tifffile.imread(file.path)
    except Exception:
        # What tifffile wrote and cannot read.
        with pytest.raises(ReadError, match=file.path.name):
            read_tiff(file.path)
        return
    read = check(file.path, lies_plain(file.path))
    if file.form.is_exact:
        np.testing.assert_array_equal(read.ravel(), file.pixels.ravel()[: read.size])


@pytest.mark.parametrize("part", range(N_PARTS))
def test_drawn_files_are_read_as_tifffile_reads_them_and_mapped_when_plain(tmp_path: Path, part: int) -> None:
    for file in drawn_files(tmp_path, part, N_DRAWN // N_PARTS):
        try:
            check_drawn(file)
        except Exception as error:
            error.add_note(f"{file.path.name}: {file.form}, written from {file.pixels.shape}")
            raise
        file.path.unlink()


def can_pack() -> bool:
    try:
        imagecodecs.packints_encode(np.zeros(8, np.uint16), 12)
    except NotImplementedError:
        return False
    return True


def test_the_drawn_files_are_of_every_form(tmp_path: Path) -> None:
    drawn: set[str] = set()
    for part in range(N_PARTS):
        for file in drawn_files(tmp_path, part, N_DRAWN // N_PARTS):
            drawn.update(file.form.values)
    for name, values in {
        "kind": KINDS,
        "dtype": DTYPES,
        "samples": SAMPLES,
        "layout": LAYOUTS,
        "compression": COMPRESSIONS,
        "predictor": (False, True),
        "big": (False, True),
        "byteorder": ("<", ">"),
        "bits": (False, True) if can_pack() else (False,),
    }.items():
        assert {f"{name}: {value}" for value in values} <= drawn


@pytest.mark.parametrize("kind", CRAFTED)
def test_files_of_other_programs_are_read_as_tifffile_reads_them_and_mapped_when_plain(
    tmp_path: Path, kind: str
) -> None:
    craft, plain = CRAFTED[kind]
    for seed in range(times(5, slow=50)):
        path = tmp_path / f"{seed}.tif"
        pixels = craft(path, np.random.default_rng(seed))
        with tifffile.TiffFile(path) as file:
            # tifffile 2024.1 mistakes the axes of channels in files of Zeiss for those of planes.
            is_stack = len(file.series[0]) in itertools.accumulate(file.series[0].shape, operator.mul, initial=1)
        read = check(path, plain and (is_stack or kind != "zeiss"))
        np.testing.assert_array_equal(read.ravel(), pixels.ravel())


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_pages_that_lie_one_in_another_or_in_reverse_are_not_mapped(tmp_path: Path, step: int) -> None:
    path = tmp_path / "image.tif"
    pixels = np.arange(3 * 4 * 8, dtype="<u2").reshape(3, 4, 8)
    pages = [plain_page(page, "<") for page in pixels]
    write_raw(path, pages)
    with tifffile.TiffFile(path, mode="r+") as file:
        positions = [page.dataoffsets[0] for page in file.pages]
        wanted = {-1: positions[::-1], 0: [positions[0]] * 3, 1: [positions[0], positions[0] + 2, positions[0] + 4]}
        for page, position in zip(file.pages, wanted[step], strict=True):
            page.tags["StripOffsets"].overwrite(position)
    check(path, plain=False)


def test_maps_of_pages_that_lie_apart_pickle_as_a_place_in_their_file(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pixels = np.arange(6 * 40 * 50, dtype=">u2").reshape(6, 40, 50)
    write_raw(path, [plain_page(page, ">") for page in pixels], order=">")
    image = open_tiff_image(path, "TYX")
    stored = pickle.dumps(image)
    assert len(stored) < 2000
    again = pickle.loads(stored)
    assert again.is_mapped
    np.testing.assert_array_equal(again.pixels[0, :, 0, 0], pixels)


def test_palettes_give_indices_and_inverted_images_the_numbers_that_are_stored(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256)
    tifffile.imwrite(tmp_path / "palette.tif", numbers, photometric="palette", colormap=colours)
    tifffile.imwrite(tmp_path / "inverted.tif", numbers, photometric="miniswhite")
    for name in ("palette.tif", "inverted.tif"):
        np.testing.assert_array_equal(read_tiff(tmp_path / name), numbers)


def test_the_largest_level_of_a_pyramid_is_read(tmp_path: Path) -> None:
    pixels = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    with tifffile.TiffWriter(tmp_path / "image.tif") as writer:
        writer.write(pixels, subifds=2, tile=(16, 16), metadata=None)
        for step in (2, 4):
            writer.write(pixels[::step, ::step], subfiletype=1, tile=(16, 16), metadata=None)
    np.testing.assert_array_equal(read_tiff(tmp_path / "image.tif"), pixels)


def test_an_image_over_several_files_says_which(tmp_path: Path) -> None:
    pixels = np.arange(2 * 8 * 9, dtype=np.uint16).reshape(2, 8, 9)
    files = [tmp_path / f"part{index}.ome.tif" for index in range(2)]
    planes = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{n}"><UUID FileName="{file.name}">urn:uuid:{n}</UUID></TiffData>'
        for n, file in enumerate(files)
    )
    for n, file in enumerate(files):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{n}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" '
            f'SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(file, pixels[n], description=xml, metadata=None)
    header = tiff_header(files[0], "TYX")
    assert header.parts == tuple(files)
    assert (header.shape, header.is_mapped) == ((2, 8, 9), False)
    np.testing.assert_array_equal(read_tiff(files[0]), pixels)
    # A part is a file like any other: its list of pages is walked before tifffile follows it.
    content = bytearray(files[1].read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (n_tags,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * n_tags, first)
    files[1].write_bytes(content)
    with pytest.raises(ReadError, match=r"part1\.ome\.tif: expected a list of pages with an end"):
        read_tiff(files[0])


@pytest.mark.skipif(not IS_SLOW or sys.platform != "linux", reason="writes a file of 6 GiB, sparse where files can be")
@pytest.mark.parametrize("kind", ["imagej", "bigtiff"])
def test_files_beyond_4_gib_are_mapped(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.tif"
    n_pages, shape = 6, (2**14, 2**15)
    page_bytes = 2 * math.prod(shape)
    description = f"ImageJ=1.53t\nimages={n_pages}\nframes={n_pages}\nhyperstack=true\n\0\0".encode()
    first = plain_page(np.zeros((1, 1), np.uint16), ">", tag_270=(ASCII, description))
    first.tags |= {256: (4, [shape[1]]), 257: (4, [shape[0]]), 278: (4, [shape[0]])}
    write_raw(path, [first], order=">", big=kind == "bigtiff", with_counts=False)
    with tifffile.TiffFile(path) as file:
        start = file.pages.first.dataoffsets[0]
    with path.open("r+b") as raw:
        raw.truncate(start + n_pages * page_bytes)
        raw.seek(start + n_pages * page_bytes - 2)
        raw.write(struct.pack(">H", 4711))
    image = open_tiff_image(path, "TYX")
    assert image.is_mapped
    assert image.shape == (n_pages, *shape)
    assert image.pixels[0, -1, 0, 0, -1, -1] == 4711
