"""Compressed images within TIFF files, and what they say of their size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from patchmill.errors import ReadError
from patchmill.sources import read_tiff
from patchmill.sources.tiff.codestreams import stated_samples

SIZES = [(1, 1), (8, 16), (17, 40), (64, 48), (256, 256), (300, 500), (600, 400), (3, 1000)]

CODECS: dict[str, tuple[int, str, dict[str, Any], int]] = {
    "jpeg": (7, "jpeg_encode", {}, 1),
    "jpeg, three samples": (7, "jpeg_encode", {}, 3),
    "jpeg 2000": (34712, "jpeg2k_encode", {"codecformat": "j2k"}, 1),
    "jpeg 2000, in boxes": (34712, "jpeg2k_encode", {"codecformat": "jp2"}, 3),
    "jpeg xl": (50002, "jpegxl_encode", {}, 1),
    "jpeg xl, in boxes": (50002, "jpegxl_encode", {"usecontainer": True}, 1),
    "png": (34933, "png_encode", {}, 1),
    "png, four samples": (34933, "png_encode", {}, 4),
    "webp": (50001, "webp_encode", {"level": 80}, 3),
    "webp, exact": (50001, "webp_encode", {"lossless": True}, 3),
    "lerc": (34887, "lerc_encode", {}, 1),
    "jpeg xr": (34934, "jpegxr_encode", {}, 1),
}


@pytest.mark.parametrize("codec", CODECS)
def test_sizes_are_those_that_were_encoded(codec: str) -> None:
    compression, name, options, n_samples = CODECS[codec]
    for size in SIZES:
        pixels = np.random.default_rng(1).integers(0, 255, (*size, n_samples), np.uint8)
        try:
            encoded = bytes(getattr(imagecodecs, name)(pixels.squeeze(2) if n_samples == 1 else pixels, **options))
        except Exception as error:
            pytest.skip(f"this imagecodecs cannot encode it: {error}")
        assert stated_samples(compression, encoded) == size[0] * size[1] * n_samples
        for n_bytes in range(min(len(encoded), 64)):
            assert (stated_samples(compression, encoded[:n_bytes]) or 0) <= size[0] * size[1] * n_samples


def test_markers_in_front_of_the_size_are_passed_over() -> None:
    encoded = bytes(imagecodecs.jpeg_encode(np.zeros((30, 40), np.uint8)))
    profile = b"\xff\xe2\xff\xf0" + bytes(0xFFEE)
    assert stated_samples(7, encoded[:2] + profile + b"\xff\xff" + encoded[2:]) == 1200
    assert stated_samples(7, (encoded[:2] + profile + encoded[2:])[:4096]) is None


@pytest.mark.parametrize("compression", [1, 5, 7, 34712, 50002, 34933, 50001, 34887, 34934])
@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xd8\xff\xd9", bytes(100), b"\xff" * 100])
def test_what_is_no_image_states_nothing(compression: int, content: bytes) -> None:
    assert stated_samples(compression, content) in {None, 0}


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "jpegxl"])
def test_strips_that_state_more_than_the_image_are_refused_before_they_are_decoded(
    tmp_path: Path, compression: str
) -> None:
    path = tmp_path / "image.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (48, 64), np.uint8)
    larger = np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)
    other = tmp_path / "other.tif"
    for file, image in ((path, pixels), (other, larger)):
        options = {"compression": compression, "photometric": "minisblack", "metadata": None}
        tifffile.imwrite(file, image, rowsperstrip=len(image), **options)
    with tifffile.TiffFile(other) as opened:
        (start,), (count,) = opened.pages.first.dataoffsets, opened.pages.first.databytecounts
        strip = other.read_bytes()[start : start + count]
    position = path.stat().st_size
    path.write_bytes(path.read_bytes() + strip)
    with tifffile.TiffFile(path, mode="r+") as opened:
        opened.pages.first.tags["StripOffsets"].overwrite(position)
        opened.pages.first.tags["StripByteCounts"].overwrite(count)
    with pytest.raises(ReadError, match=r"image\.tif: expected strips or tiles of 3072 samples.*states 307200"):
        read_tiff(path)
