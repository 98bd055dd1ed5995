"""What metadata claim of pages, checked before lists are made as long as they say."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff
from tests.sources.tiff.crafted import micro_manager
from tests.sources.tiff.damage import structure
from tests.sources.tiff.raw import BYTE, plain_page, write_raw

PIXELS = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)

XML = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
    'DimensionOrder="XYCZT" Type="uint16" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="3">'
    '<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" FirstT="0" PlaneCount="3"/></Pixels>'
    '<AnnotationRef ID="A:0"/></Image><StructuredAnnotations>'
    '<XMLAnnotation ID="A:0" Namespace="openmicroscopy.org/omero/dimension/modulo"><Value><Modulo>'
    '<ModuloAlongT Type="phase" Start="0" End="2" Step="1"/></Modulo></Value></XMLAnnotation></StructuredAnnotations>'
    "</OME>"
)


def write_ome(path: Path, xml: str) -> None:
    tifffile.imwrite(path, PIXELS, description=xml, metadata=None, photometric="minisblack")


def test_metadata_that_claim_what_is_there_are_believed(tmp_path: Path) -> None:
    write_ome(tmp_path / "image.tif", XML)
    np.testing.assert_array_equal(read_tiff(tmp_path / "image.tif"), PIXELS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('SizeT="3"', 'SizeT="3000000000000"'),
        ('SizeZ="1"', 'SizeZ="99999999"'),
        ('PlaneCount="3"', 'PlaneCount="4000000000"'),
        ('PlaneCount="3"', 'NumPlanes="4000000000"'),
        ('FirstT="0"', 'FirstT="4000000000"'),
        ('End="2"', 'End="4e9"'),
        ('End="2"', 'End="inf"'),
        ('End="2"', 'End="nan"'),
        ('Step="1"', 'Step="1e-9"'),
    ],
)
def test_more_planes_than_an_image_can_have_are_refused(tmp_path: Path, old: str, new: str) -> None:
    write_ome(tmp_path / "image.tif", XML.replace(old, new))
    with pytest.raises(ReadError, match=r"image\.tif: expected at most 4,194,304 planes in its metadata \(OME-XML\)"):
        read_tiff(tmp_path / "image.tif")


def test_xml_that_means_more_than_it_says_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    write_ome(tmp_path / "image.tif", bomb + XML)
    with pytest.raises(ReadError, match=r"image\.tif: expected XML that says what it means"):
        read_tiff(tmp_path / "image.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.timeout(20)
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(ReadError, match=r"pipe\.tif: expected a TIFF file, got something that is no file"):
        read_tiff(tmp_path / "pipe.tif")
    named = '<TiffData IFD="0" PlaneCount="1"><UUID FileName="pipe.tif">urn:uuid:1</UUID></TiffData></Pixels>'
    write_ome(tmp_path / "image.tif", XML.replace("</Pixels>", named))
    with pytest.raises(ReadError, match=r"image\.tif: expected names of files in its metadata, got 'pipe\.tif'"):
        read_tiff(tmp_path / "image.tif")


def describe(path: Path, text: str) -> None:
    """Describe the first page of a file, in place of its first tag."""
    content = bytearray(path.read_bytes())
    at = structure(bytes(content)).entries[0].at
    struct.pack_into("<HHII", content, at, 270, 2, len(text), len(content))
    path.write_bytes(bytes(content) + text.encode())


@pytest.mark.parametrize("claim", ["frames", "channel", "frame"])
@pytest.mark.parametrize("has_xml", [False, True])
def test_indices_of_micro_manager_that_claim_too_much_are_refused(tmp_path: Path, claim: str, has_xml: bool) -> None:
    path = tmp_path / "stack.tif"
    pixels = micro_manager(path, np.random.default_rng(1))
    if has_xml:
        describe(path, XML)
    np.testing.assert_array_equal(read_tiff(path), pixels)
    content = bytearray(path.read_bytes())
    (index_at,) = struct.unpack_from("<I", content, 12)
    if claim == "frames":
        old = json.dumps({"Frames": len(pixels), "Slices": 1, "Channels": 1, "Prefix": "x"})[1:-1].encode()
        content = content.replace(old, b'"Frames": 99999999999'.ljust(len(old)))
    else:
        struct.pack_into("<I", content, index_at + 8 + (0 if claim == "channel" else 8), 2**32 - 1)
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"stack\.tif: expected at most 4,194,304 planes in its metadata \(Micro-M"):
        read_tiff(path)


def write_ndtiff(folder: Path, places: list[dict[str, int | str]]) -> Path:
    """Write a file of Micro-Manager's NDTiff, and the index of its folder."""
    path = folder / "NDTiffStack.tif"
    summary = b"{}"
    pages = [plain_page(page, "<") for page in PIXELS]
    pages[0].tags[51123] = (BYTE, b"{}" + bytes(8))
    write_raw(path, pages, start=struct.pack("<5I", 483729, 3, 1, 2355492, len(summary)) + summary)
    entries = b""
    with tifffile.TiffFile(path, is_ndtiff=False, is_mmstack=False) as file:
        for place, page in zip(places, file.pages, strict=True):
            axes = json.dumps(place).encode()
            name = path.name.encode()
            entries += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
            entries += struct.pack("<IiiiiIii", page.dataoffsets[0], 9, 8, 1, 0, 0, 0, 0)
    (folder / "NDTiff.index").write_bytes(entries)
    return path


@pytest.mark.parametrize(
    "places",
    [
        [{"time": 0}, {"time": 1}, {"time": 2}],
        [{"time": 5, "z": 1}, {"time": 6, "z": 1}, {"time": 7, "z": 1}],
        [{"channel": "GFP"}, {"channel": "DAPI"}, {"channel": "Cy5"}],
    ],
)
def test_folders_of_ndtiff_are_read_as_tifffile_reads_them(tmp_path: Path, places: list[dict[str, int | str]]) -> None:
    path = write_ndtiff(tmp_path, places)
    with tifffile.TiffFile(path) as file:
        assert file.series[0].kind == "ndtiff"
    np.testing.assert_array_equal(read_tiff(path), tifffile.imread(path))
    np.testing.assert_array_equal(read_tiff(path), PIXELS)


def test_indices_of_ndtiff_that_claim_too_much_are_refused(tmp_path: Path) -> None:
    path = write_ndtiff(tmp_path, [{"time": 0, "z": 0}, {"time": 2**31 - 1, "z": 0}, {"time": 0, "z": 2**31 - 1}])
    with pytest.raises(ReadError, match=r"expected at most 4,194,304 planes in its metadata \(NDTiff\.index\)"):
        read_tiff(path)
