"""TIFF files of every kind, whole and broken."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import tifffile

from patchmill.errors import AxesError, DtypeError, MissingFileError, PatchmillError, PatchmillWarning, ReadError
from patchmill.sources import images_from_tiffs, read_metadata, read_tiff

REAL_FILES = sorted((Path(skimage.__file__).parent / "data").glob("*.tif"))

RNG = np.random.default_rng(7)
STACK = RNG.integers(0, 60000, (3, 40, 48), np.uint16)
RGB = RNG.integers(0, 255, (40, 48, 3), np.uint8)


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return RNG.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


# Each: the array, the options of tifffile.imwrite, the axes that the file states, and whether it is mapped.
FILES: dict[str, tuple[np.ndarray, dict[str, Any], str | None, bool]] = {
    "plain": (STACK[0], {"metadata": None}, "YX", True),
    "plain, several strips": (STACK[0], {"metadata": None, "rowsperstrip": 7}, "YX", True),
    "plain, several pages": (STACK, {"metadata": None, "photometric": "minisblack"}, None, True),
    "shaped": (STACK, {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}, "ZYX", True),
    "shaped, axes of size 1": (STACK[None, :1], {"metadata": {"axes": "TZYX"}}, "TZYX", True),
    "shaped, unknown axes": (STACK, {"photometric": "minisblack"}, None, True),
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "TYX"}}, "TYX", True),
    "imagej, big-endian": (STACK, {"imagej": True, "byteorder": ">", "metadata": {"axes": "ZYX"}}, "ZYX", True),
    "imagej rgb": (RGB, {"imagej": True}, "YXC", True),
    "ome": (STACK, {"ome": True, "metadata": {"axes": "CYX"}}, "CYX", True),
    "ome, big": (STACK, {"ome": True, "bigtiff": True, "metadata": {"axes": "ZYX"}}, "ZYX", True),
    "ome rgb": (RGB, {"ome": True, "photometric": "rgb"}, "YXC", True),
    "big": (STACK, {"bigtiff": True, "metadata": {"axes": "ZYX"}, "photometric": "minisblack"}, "ZYX", True),
    "big, big-endian": (STACK[0], {"bigtiff": True, "byteorder": ">", "metadata": None}, "YX", True),
    "rgb": (RGB, {"metadata": None, "photometric": "rgb"}, "YXC", True),
    "rgb, planar": (
        np.moveaxis(RGB, 2, 0),
        {"metadata": None, "photometric": "rgb", "planarconfig": "separate"},
        "CYX",
        True,
    ),
    "rgb, several pages": (
        np.stack([RGB, RGB[::-1]]),
        {"metadata": {"axes": "TYXS"}, "photometric": "rgb"},
        "TYXC",
        True,
    ),
    "five samples": (
        noise((16, 18, 5), "f4"),
        {"metadata": None, "photometric": "minisblack", "planarconfig": "contig"},
        "YXC",
        True,
    ),
    "tiled": (STACK[0], {"metadata": None, "tile": (16, 32)}, "YX", False),
    "tiled, zstd, several pages": (
        STACK,
        {"tile": (16, 16), "compression": "zstd", "metadata": {"axes": "ZYX"}, "photometric": "minisblack"},
        "ZYX",
        False,
    ),
    "tiled rgb": (RGB, {"metadata": None, "photometric": "rgb", "tile": (16, 16)}, "YXC", False),
    "zlib": (STACK[0], {"compression": "zlib", "metadata": None}, "YX", False),
    "zlib, predictor, big-endian": (
        STACK[0],
        {"compression": "zlib", "predictor": True, "byteorder": ">", "metadata": None},
        "YX",
        False,
    ),
    "lzw": (STACK[0], {"compression": "lzw", "metadata": None}, "YX", False),
    "lzw, several pages": (
        STACK,
        {"compression": "lzw", "metadata": None, "photometric": "minisblack"},
        None,
        False,
    ),
    "ome, zlib": (STACK, {"ome": True, "compression": "zlib", "metadata": {"axes": "ZYX"}}, "ZYX", False),
    "imagej, zlib": (STACK, {"imagej": True, "compression": "zlib", "metadata": {"axes": "ZYX"}}, "ZYX", False),
    "packbits": (RGB[..., 0], {"compression": "packbits", "metadata": None}, "YX", False),
    "jpeg 2000": (STACK[0], {"compression": "jpeg2000", "metadata": None}, "YX", False),
    "12 bits": (STACK[0] >> 4, {"bitspersample": 12, "metadata": None}, "YX", False),
    **{
        f"{dtype}, {name}": (noise((20, 22), dtype), {"metadata": None, "byteorder": order}, "YX", dtype != "?")
        for dtype in ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
        for name, order in (("little-endian", "<"), ("big-endian", ">"))
    },
}


def write(path: Path, kind: str) -> np.ndarray:
    array, options, _, _ = FILES[kind]
    try:
        tifffile.imwrite(path, array, **{"photometric": None, **options})
    except NotImplementedError as error:
        pytest.skip(f"this tifffile cannot write such a file: {error}")
    return array


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_kind_are_read_whole_and_mapped_where_they_can_be(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.tif"
    array = write(path, kind)
    _, _, axes, is_mapped = FILES[kind]
    read = read_tiff(path)
    np.testing.assert_array_equal(read, array)
    assert isinstance(read, np.memmap) == is_mapped
    assert read.dtype.newbyteorder("=") == array.dtype
    metadata = read_metadata(path)
    assert metadata.axes == axes
    assert metadata.shape == array.shape
    (image,) = images_from_tiffs([path], axes or "ZYX")
    assert image.is_mapped == is_mapped
    assert image.shape == array.shape
    assert image.name == str(path)


@pytest.mark.parametrize("kind", FILES)
def test_cut_off_files_are_an_error_and_never_other_pixels(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / "whole.tif"
    array = write(whole, kind)
    content = whole.read_bytes()
    path = tmp_path / "cut.tif"
    n_refused = 0
    for n_bytes in {*range(0, len(content), max(1, len(content) // 23)), len(content) - 1}:
        path.write_bytes(content[:n_bytes])
        try:
            read = read_tiff(path)
        except ReadError as error:
            assert str(error).startswith(f"{path}: ")
            n_refused += 1
        else:
            # Nothing but the end of a description or of a list of pages that is not needed was cut off.
            np.testing.assert_array_equal(read, array)
    assert n_refused >= 20


def test_cut_off_files_with_their_pages_in_front_of_each_image_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for page in STACK:
            writer.write(page, metadata=None, contiguous=False)
    assert read_tiff(path).shape == STACK.shape
    content = path.read_bytes()
    for n_bytes in range(len(content) // 3, len(content), 333):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(ReadError, match=r"pages\.tif: expected .*cut off"):
            read_tiff(path)


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_real_files_are_read_as_tifffile_reads_them(path: Path) -> None:
    np.testing.assert_array_equal(read_tiff(path), tifffile.imread(path))


def bad_file(path: Path, kind: str) -> None:
    header = struct.pack("<2sHI", b"II", 42, 8)
    contents = {
        "empty": b"",
        "text": b"not an image at all",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "two bytes": b"II",
        "header only": header,
        "no pages": struct.pack("<2sHI", b"II", 42, 0),
        "endless tags": header + struct.pack("<H", 60000),
        "garbage tags": header + struct.pack("<H", 20) + RNG.bytes(260),
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "complex":
        tifffile.imwrite(path, np.zeros((8, 8), np.complex64), metadata=None)
    elif kind == "damaged pixels":
        tifffile.imwrite(path, STACK[0], compression="zlib", metadata=None)
        with tifffile.TiffFile(path) as file:
            offset = file.pages.first.dataoffsets[0]
        content = bytearray(path.read_bytes())
        content[offset : offset + 64] = bytes(64)
        path.write_bytes(content)
    elif kind == "four billion pixels a side":
        tifffile.imwrite(path, STACK[0], compression="zlib", metadata=None)
        with tifffile.TiffFile(path, mode="r+") as file:
            for code in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                file.pages.first.tags[code].overwrite(2**31 - 1)
    elif kind == "more rows than strips":
        tifffile.imwrite(path, STACK[0], compression="zlib", metadata=None)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages.first.tags["ImageLength"].overwrite(400)
    elif kind == "other axes":
        tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TYX"})


BAD_FILES: dict[str, tuple[str, type[PatchmillError], str]] = {
    "missing": ("YX", MissingFileError, "expected a TIFF file, got nothing of that name"),
    "folder": ("YX", ReadError, "expected a TIFF file, got a folder"),
    "empty": ("YX", ReadError, "got an empty one"),
    "text": ("YX", ReadError, "got one that begins with b'not an i'"),
    "png": ("YX", ReadError, "got one that begins with b'.x89PNG"),
    "two bytes": ("YX", ReadError, "expected a TIFF"),
    "header only": ("YX", ReadError, "expected a TIFF with an image, got 8 bytes that hold none"),
    "no pages": ("YX", ReadError, "expected a TIFF with an image"),
    "endless tags": ("YX", ReadError, "expected a TIFF"),
    "garbage tags": ("YX", ReadError, "expected"),
    "complex": ("YX", DtypeError, "got the data type complex64"),
    "damaged pixels": ("YX", ReadError, "expected a TIFF file that can be read, got "),
    "four billion pixels a side": ("YX", ReadError, "expected"),
    "more rows than strips": ("YX", ReadError, "expected the positions of all pixels, got page 0 without them"),
    "other axes": ("YX", AxesError, r"'YX', got 3: the shape is \(3, 40, 48\), and the file says the axes 'TYX'"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_give_one_clear_error_that_names_them(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    axes, error, message = BAD_FILES[kind]
    path = tmp_path / "image.tif"
    bad_file(path, kind)
    with pytest.raises(error, match=message) as caught:
        images_from_tiffs([path], axes)
    assert str(caught.value).startswith(f"{path}: ")
    assert capfd.readouterr() == ("", "")


def test_mixed_files_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0])
    tifffile.imwrite(tmp_path / "b.tif", RGB[..., 0])
    with pytest.raises(DtypeError, match=r"b\.tif: expected the data type uint16 of .*a\.tif, got uint8"):
        images_from_tiffs([tmp_path / "a.tif", tmp_path / "b.tif"], "YX")
    with pytest.raises(MissingFileError, match="at least one TIFF"):
        images_from_tiffs([], "YX")


def test_axes_of_size_1_that_tifffile_drops_may_be_asked_for(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "many.tif", STACK, imagej=True, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "one.tif", STACK[:1], imagej=True, metadata={"axes": "TYX"})
    many, one = images_from_tiffs([tmp_path / "many.tif", tmp_path / "one.tif"], "TYX")
    assert (many.n_samples, one.n_samples) == (3, 1)
    assert one.shape == (1, 40, 48)
    with pytest.raises(AxesError, match="the file says the axes 'YX'"):
        images_from_tiffs([tmp_path / "one.tif"], "TXY")


def test_further_series_are_ignored_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(STACK, metadata={"axes": "ZYX", "Name": "cells"})
        writer.write(RGB[..., 0], metadata={"axes": "YX"})
        writer.write(RGB[..., 1], metadata={"axes": "YX"})
    with pytest.warns(PatchmillWarning, match=r"two\.ome\.tif: holds 3 images; the first \('cells'\).*other 2"):
        read = read_tiff(path)
    np.testing.assert_array_equal(read, STACK)
    assert read_metadata(path).axes == "ZYX"


def test_ome_images_over_several_files_are_read_once_and_only_if_all_are_there(tmp_path: Path) -> None:
    files = [tmp_path / f"part{index}.ome.tif" for index in range(2)]
    planes = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{index}">'
        f'<UUID FileName="{file.name}">urn:uuid:{index}</UUID></TiffData>'
        for index, file in enumerate(files)
    )
    for index, file in enumerate(files):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{index}">'
            '<Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="48" SizeY="40" SizeC="1" SizeZ="1" '
            f'SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(file, STACK[index], description=xml, metadata=None, ome=False)
    np.testing.assert_array_equal(read_tiff(files[0]), STACK[:2])
    assert read_metadata(files[0]).axes == "TYX"
    with pytest.raises(ReadError, match=r"part1\.ome\.tif: expected an image of its own.*part0\.ome\.tif opens"):
        images_from_tiffs(files, "TYX")
    files[1].unlink()
    with pytest.raises(ReadError, match=r"part0\.ome\.tif: expected the 2 pages.*got 1"):
        read_tiff(files[0])


def test_what_tifffile_logs_goes_to_the_log_of_patchmill(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "image.tif").write_bytes(struct.pack("<2sHI", b"II", 42, 0))
    with caplog.at_level(logging.DEBUG), pytest.raises(ReadError):
        read_tiff(tmp_path / "image.tif")
    assert {record.name for record in caplog.records} == {"patchmill.sources.tiff.log"}
    assert "contains no pages" in caplog.text
