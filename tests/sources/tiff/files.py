"""TIFF files of every form that microscopes write, drawn from a seed.

`drawn_files` writes what tifffile can write, `crafted_files` what only others write (see `raw`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
KINDS = ("page", "pages", "frames", "shaped", "ome", "imagej", "series", "pyramid", "ome pyramid", "volume")
SAMPLES = ("one", "inverted", "palette", "rgb", "rgb planar", "rgba", "five", "five planar")
LAYOUTS = ("one strip", "odd strips", "rows", "square tiles", "oblong tiles", "tiles as wide as the image")
EXACT = ("none", "lzw", "zlib", "deflate", "zstd", "packbits", "lzma")
# Each codec of images with the types that it takes.
IMAGE_CODECS = {
    "jpeg": ("u1",),
    "jpeg2000": ("u1", "i1", "u2", "i2"),
    "jpegxl": ("u1", "u2", "f4"),
    "webp": ("u1",),
    "lerc": ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"),
    "png": ("u1", "u2"),
    "jpegxr": ("u1", "u2"),
}
COMPRESSIONS = (*EXACT, *IMAGE_CODECS)

_SIZES = (1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 48, 50)


@dataclass(frozen=True)
class Form:
    """One form of TIFF: what was drawn for it."""

    kind: str
    dtype: str
    samples: str
    layout: str
    compression: str
    predictor: bool
    big: bool
    byteorder: str
    bits: int | None

    @property
    def is_exact(self) -> bool:
        """Whether what is read has to be what was written."""
        return self.compression in EXACT

    @property
    def values(self) -> list[str]:
        """What was drawn, by name, so that a test can count it."""
        drawn = {name: value for name, value in vars(self).items() if name != "bits"}
        return [f"{name}: {value}" for name, value in drawn.items()] + [f"bits: {self.bits is not None}"]


@dataclass(frozen=True)
class TiffFile:
    """A file that was written, and the pixels of its first series in the order in which they were given."""

    path: Path
    form: Form
    pixels: NDArray[Any] = field(repr=False)


def drawn_files(folder: Path, seed: int, n_files: int) -> Iterator[TiffFile]:
    """Write files of `n_files` forms, one at a time. Forms that tifffile or its codecs cannot write are drawn again."""
    rng = np.random.default_rng(seed)
    for number in range(n_files):
        while True:
            form = draw_form(rng)
            path = folder / f"{number:05}.tif"
            try:
                pixels = write_form(path, form, rng)
            except Exception:  # What cannot be written is told in many ways; tests count what could.
                path.unlink(missing_ok=True)
                continue
            yield TiffFile(path, form, pixels)
            break


def draw_form(rng: np.random.Generator) -> Form:
    """Draw a form. Not every one can be written."""
    # Those that are decoded in processes of their own, which take long, are drawn less often.
    compression = str(rng.choice(["none"] * 8 + list(COMPRESSIONS[:-2]) * 4 + list(COMPRESSIONS[-2:])))
    # Those of microscopes more often than the others.
    dtype = str(rng.choice(IMAGE_CODECS.get(compression, (*DTYPES, *["u1", "u2", "u2"] * 2))))
    n_bytes = np.dtype(dtype).itemsize
    kind = str(rng.choice([kind for kind in KINDS if kind != "series" or compression == "none"]))
    # tifffile writes the bits of several samples in an order in which nobody reads them.
    samples = ["one"] if dtype == "?" else ["one"] * 4 + [name for name in SAMPLES if name != "palette" or n_bytes < 3]
    can_predict = compression in EXACT[1:] and dtype != "?" and (n_bytes <= 4 or dtype == "f8")
    layout = str(rng.choice(LAYOUTS[:3] if kind == "series" else LAYOUTS))
    byteorder = str(rng.choice(["<", ">"]))
    # tifffile packs numbers of few bits in little-endian strips; of others it says that it does.
    can_pack = dtype == "u2" and compression == "none" and layout in LAYOUTS[:3] and byteorder == "<"
    return Form(
        kind=kind,
        dtype=dtype,
        samples=str(rng.choice(samples)),
        layout=layout,
        compression=compression,
        predictor=can_predict and bool(rng.integers(2)),
        big=kind != "imagej" and bool(rng.integers(3) == 0),
        byteorder=byteorder,
        bits=int(rng.integers(9, 16)) if can_pack and rng.integers(4) else None,
    )


def write_form(path: Path, form: Form, rng: np.random.Generator) -> NDArray[Any]:
    """Write a file of a form, and return the pixels of its first series."""
    height, width = (int(size) for size in rng.choice(_SIZES, 2))
    if "pyramid" in form.kind:
        height = max(height, 2)  # Of one pixel, it would be two pages of one size.
    if form.kind == "imagej":
        width = max(width, 7)  # ImageJ takes an axis of 1, 3 or 4 at the end to be one of samples.
    options: dict[str, Any] = {}
    if form.compression != "none":
        options["compression"] = 32946 if form.compression == "deflate" else form.compression
    if form.compression == "webp":
        options["compressionargs"] = {"lossless": True}
    if form.predictor:
        options["predictor"] = True
    if form.bits is not None:
        options["bitspersample"] = form.bits
    match form.layout:
        case "odd strips":
            options["rowsperstrip"] = int(rng.choice([3, 5, 7, 11]))
        case "rows":
            options["rowsperstrip"] = 1
        case "square tiles":
            options["tile"] = (16, 16)
        case "oblong tiles":
            options["tile"] = (16, 48) if rng.integers(2) else (32, 16)
        case "tiles as wide as the image":
            height, width = height * 16, 16 * int(rng.integers(1, 4))
            options["tile"] = (16, width)
    shape, options["photometric"] = (height, width), "minisblack"
    match form.samples:
        case "inverted":
            options["photometric"] = "miniswhite"
        case "palette":
            options["photometric"] = "palette"
            options["colormap"] = rng.integers(0, 65536, (3, 2 ** (8 * np.dtype(form.dtype).itemsize)), np.uint16)
        case "rgb":
            shape, options["photometric"] = (*shape, 3), "rgb"
        case "rgb planar":
            shape, options["photometric"], options["planarconfig"] = (3, *shape), "rgb", "separate"
        case "rgba":
            shape, options["photometric"], options["extrasamples"] = (*shape, 4), "rgb", ["unassalpha"]
        case "five":
            shape, options["planarconfig"] = (*shape, 5), "contig"
        case "five planar":
            shape, options["planarconfig"] = (5, *shape), "separate"
    n_pages = int(rng.integers(2, 5))
    writer_options = {"bigtiff": form.big, "byteorder": form.byteorder}
    match form.kind:
        case "page":
            return _write(path, _noise(rng, shape, form), writer_options, metadata=None, **options)
        case "pages":
            return _write(path, _noise(rng, (n_pages, *shape), form), writer_options, metadata=None, **options)
        case "frames":
            pixels = _noise(rng, (n_pages, *shape), form)
            with tifffile.TiffWriter(path, **writer_options) as writer:
                for page in pixels:
                    writer.write(page, contiguous=False, metadata=None, **options)
            return pixels
        case "shaped":
            pixels = _noise(rng, (*rng.integers(1, 4, int(rng.integers(3))), *shape), form)
            return _write(path, pixels, writer_options, metadata={}, **options)
        case "ome" | "imagej":
            inner = {2: "YX", 3: "SYX" if "planarconfig" in options or "planar" in form.samples else "YXS"}[len(shape)]
            if form.samples == "five":
                inner = "YXS"
            outer = "".join(rng.permutation(list("TZC"))[: int(rng.integers(4))])
            if form.kind == "imagej":
                outer = "".join(letter for letter in "TZC" if letter in outer)
            pixels = _noise(rng, (*rng.integers(1, 4, len(outer)), *shape), form)
            writer_options["imagej" if form.kind == "imagej" else "ome"] = True
            return _write(path, pixels, writer_options, metadata={"axes": outer + inner}, **options)
        case "series":
            pixels = _noise(rng, (n_pages, *shape), form)
            with tifffile.TiffWriter(path, **writer_options) as writer:
                for page in pixels:
                    writer.write(page, contiguous=True, **options)
            return pixels
        case "pyramid" | "ome pyramid":
            is_ome = form.kind == "ome pyramid"
            pixels = _noise(rng, (n_pages, *shape) if is_ome else shape, form)
            metadata = {"axes": "T" + ("YX" if len(shape) == 2 else "SYX" if "planar" in form.samples else "YXS")}
            with tifffile.TiffWriter(path, **writer_options, **({"ome": True} if is_ome else {})) as writer:
                writer.write(pixels, subifds=1, **options, **({"metadata": metadata} if is_ome else {"metadata": None}))
                y = pixels.ndim - 2 - (0 if len(shape) == 2 or "planar" in form.samples else 1)
                half = pixels[(slice(None),) * y + (slice(None, None, 2), slice(None, None, 2))]
                writer.write(half, subfiletype=1, metadata=None, **options)
            return pixels
        case _:
            if "tile" in options:
                options["tile"] = (16, *options["tile"])
            pixels = _noise(rng, (int(rng.integers(1, 20)), *shape), form)
            return _write(path, pixels, writer_options, metadata=None, volumetric=True, **options)


def _write(path: Path, pixels: NDArray[Any], writer_options: dict[str, Any], **options: Any) -> NDArray[Any]:
    tifffile.imwrite(path, pixels, **writer_options, **options)
    return pixels


def _noise(rng: np.random.Generator, shape: tuple[int, ...], form: Form) -> NDArray[Any]:
    """Smooth noise over the whole range of the type, so that codecs have something to compress."""
    dtype = np.dtype(form.dtype)
    noise = rng.standard_normal(shape)
    if dtype.kind == "b":
        return noise > 0
    if dtype.kind == "f":
        return (100 * noise).astype(dtype)
    bits = form.bits if form.bits is not None else 8 * dtype.itemsize
    scaled = np.clip(noise * 2.0 ** (bits - 4) + (2.0 ** (bits - 1) if dtype.kind == "u" else 0), *_limits(dtype, bits))
    return scaled.astype(dtype)


def _limits(dtype: np.dtype[Any], bits: int) -> tuple[float, float]:
    # The largest number is left out, because float64 would round it up.
    return (0.0, 0.99 * 2.0**bits) if dtype.kind == "u" else (-0.99 * 2.0 ** (bits - 1), 0.99 * 2.0 ** (bits - 1))
