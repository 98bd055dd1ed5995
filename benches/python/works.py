"""What is measured: the works that every loader is given, and the noise that they are done on.

Needs NumPy alone (and tifffile to write a file), so that the peers, which live in environments of their own, are given
the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LARGE",
    "MASKED_PERCENTAGE",
    "NOISE_MEAN",
    "NOISE_STD",
    "PROBABILITY",
    "ROI_SIZE",
    "STACK",
    "WORKS",
    "Source",
    "Work",
]

PROBABILITY = 0.5
"""Of a flip of X or Y, and of one to three quarter turns, independent of each other."""

ROI_SIZE, MASKED_PERCENTAGE = 11, 0.2
"""Noise2Void's: the side of the region that a replacement comes from, and the share of the pixels that is masked."""

NOISE_MEAN, NOISE_STD = (2**16 - 1) / 2, math.sqrt((2**32 - 1) / 12)
"""What the noise is normalised by, so that nobody has to read it for that."""


@dataclass(frozen=True)
class Source:
    """Noise that is the same whenever it is made: 16-bit numbers, in whatever type they are kept.

    Parameters
    ----------
    shape : tuple of int
        The shape.
    axes : str
        One letter per axis.
    dtype : str
        The type, with its byte order, as NumPy writes it.
    seed : int, default=0
        Decides the numbers.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: str = "<u2"
    seed: int = 0

    @property
    def n_bytes(self) -> int:
        """The bytes of its pixels."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def fill(self, pixels: NDArray[Any]) -> None:
        """Write the noise into an array of the shape, a slice at a time, so that it is never there twice."""
        words = np.random.SFC64(self.seed)
        for part in pixels:
            numbers = words.random_raw(-(-part.size // 4)).astype("<u8", copy=False).view("<u2")
            part[...] = numbers[: part.size].reshape(part.shape)

    def make(self) -> NDArray[Any]:
        """Make the array."""
        pixels = np.empty(self.shape, self.dtype)
        self.fill(pixels)
        return pixels

    def write(self, folder: Path) -> Path:
        """Write it as an uncompressed TIFF that can be mapped, unless it is there, and return its path."""
        path = folder / f"noise-{'x'.join(map(str, self.shape))}-{self.dtype.strip('<>')}-{self.seed}.tif"
        if path.exists():
            return path
        import tifffile

        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        pixels = tifffile.memmap(partial, shape=self.shape, dtype=self.dtype, bigtiff=True, photometric="minisblack")
        self.fill(pixels)
        pixels.flush()
        return partial.replace(path)


@dataclass(frozen=True)
class Work:
    """Patches to be made of a source: float32, normalised, flipped and turned at random, in batches.

    Parameters
    ----------
    name, description : str
        What it is called, and what it is in a few words.
    source : Source
        Where the patches come from.
    target : Source, optional
        Where their targets come from, cut, flipped and turned alike. None for no targets.
    patch_size : tuple of int, default=(64, 64)
        The size of a patch along (Z)YX.
    batch_size : int, default=128
        The patches of a batch.
    masking : {"uniform", "median"}, optional
        How pixels are masked for Noise2Void, so that items are (masked, original, mask). None for no masks.
    patching : {"sequential", "random"}, default="sequential"
        Whether an epoch is a shuffled grid of patches or as many from anywhere.
    mapped : bool, default=False
        Whether the source is a mapped file instead of an array in memory.
    """

    name: str
    description: str
    source: Source
    target: Source | None = None
    patch_size: tuple[int, ...] = (64, 64)
    batch_size: int = 128
    masking: Literal["uniform", "median"] | None = None
    patching: Literal["sequential", "random"] = "sequential"
    mapped: bool = False

    @property
    def n_channels(self) -> int:
        """The channels of a patch."""
        return self._length("C")

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """The shape of a patch, C(Z)YX."""
        return (self.n_channels, *self.patch_size)

    @property
    def n_patches(self) -> int:
        """The patches of an epoch."""
        spatial = "ZYX"[-len(self.patch_size) :]
        grid = (-(-self._length(axis) // size) for axis, size in zip(spatial, self.patch_size, strict=True))
        return self._length("S") * math.prod(grid)

    @property
    def bytes_per_patch(self) -> int:
        """The bytes that are written for a patch: masked, original and mask, or input and target, or just the patch."""
        bytes_per_pixel = 4 + 4 + 1 if self.masking else 4 + 4 if self.target else 4
        return math.prod(self.patch_shape) * bytes_per_pixel

    def _length(self, axis: str) -> int:
        return self.source.shape[self.source.axes.index(axis)] if axis in self.source.axes else 1


STACK = Source((40, 1024, 1024), "SYX")
VOLUME = Source((64, 1024, 1024), "ZYX")
LARGE = Source((2048, 1024, 1024), "SYX")
"""4 GiB, more than any cache holds."""

WORKS = {
    work.name: work
    for work in (
        Work("W1", "2D", STACK),
        Work("W2", "3D", VOLUME, patch_size=(16, 64, 64), batch_size=16),
        Work("W3", "2D, Noise2Void", STACK, masking="uniform"),
        Work("W3m", "2D, N2V2 (median)", STACK, masking="median"),
        Work("W3d-uniform", "3D, Noise2Void", VOLUME, patch_size=(16, 64, 64), batch_size=16, masking="uniform"),
        Work("W3d-median", "3D, N2V2 (median)", VOLUME, patch_size=(16, 64, 64), batch_size=16, masking="median"),
        Work("W4", "2D with targets", STACK, target=Source(STACK.shape, STACK.axes, seed=1)),
        Work("W5", "2D, random patches of a mapped TIFF of 4 GiB", LARGE, patching="random", mapped=True),
        Work("W1L", "2D of 4 GiB", LARGE),
        Work("W3L", "2D of 4 GiB, Noise2Void", LARGE, masking="uniform"),
        # Three channels of 3,410 patches are as many pixels as W1's, but for 0.1 %.
        Work("W6-channel-last", "2D of three interleaved channels", Source((3968, 3520, 3), "YXC")),
        Work("W6-big-endian", "2D of big-endian pixels", Source(STACK.shape, STACK.axes, ">u2")),
        Work("W6-float64", "2D of float64 pixels", Source(STACK.shape, STACK.axes, "<f8")),
    )
}
"""By name. W7, the statistics of `LARGE`, makes no patches and is not among them."""
