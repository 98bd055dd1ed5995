"""Decoding in a process of its own."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff

PIXELS = np.random.default_rng(3).integers(0, 255, (4, 40, 48), np.uint8)


def write(path: Path, compression: str = "png") -> None:
    tifffile.imwrite(path, PIXELS, compression=compression, photometric="minisblack", metadata={"axes": "ZYX"})


def damage(path: Path) -> None:
    with tifffile.TiffFile(path) as file:
        start = file.pages.first.dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start + 60 : start + 200] = bytes(140)
    path.write_bytes(content)


@pytest.mark.parametrize("compression", ["png", "jpegxr"])
def test_pixels_are_those_that_tifffile_decodes(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "an image with blanks, and ümlauts.tif"
    write(path, compression)
    read = read_tiff(path)
    np.testing.assert_array_equal(read, tifffile.imread(path))
    assert read.dtype == PIXELS.dtype


def test_paths_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "image.tif")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read_tiff("image.tif"), PIXELS)


def test_what_the_codec_says_becomes_the_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.tif"
    write(path)
    damage(path)
    with pytest.raises(ReadError, match=r"image\.tif: expected pixels that can be decoded from PNG, got .*IDAT"):
        read_tiff(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="writes a script with an interpreter in its first line")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.abort()", r"an end of its codec \(exit code -6\) after 0 of 7680 bytes"),
        ("import os; os.write(1, bytes(100))", r"an end of its codec \(exit code 0\) after 100 of 7680 bytes"),
        ("import os; os.write(1, bytes(9999)); os._exit(3)", r"an end of its codec \(exit code 3\) after 7680 of 7680"),
        ("import sys; sys.exit('x' * 100 + '\\nlast')", "got last"),
        ("import os; os.write(2, bytes(1 << 20)); os.abort()", r"an end of its codec \(exit code -6\)"),
    ],
    ids=["breaks down", "ends early", "says more", "gives a reason", "talks"],
)
def test_a_codec_that_breaks_down_breaks_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    path = tmp_path / "image.tif"
    write(path)
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!{sys.executable}\n{script}\n")
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    with pytest.raises(ReadError, match=rf"image\.tif: expected pixels that can be decoded from PNG, .*{message}"):
        read_tiff(path)
