"""Which regions CAREamics' patching strategies stand for, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from careamics.dataset.patching import Patching
from careamics.dataset.patching.random_patching import RandomPatching
from numpy.typing import NDArray

from patchmill.careamics.stratified_patching import StratifiedPatching

__all__ = ["RegionSource", "Regions", "region_source"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Regions:
    """Where the items of a batch lie.

    Parameters
    ----------
    rows : numpy.ndarray (n, 5), int64
        The image, the sample in it, and the origin along Z, Y and X; of 2D images Z is 0.
    patch_sizes : numpy.ndarray (n, 2 or 3), int64
        Their sizes, (Z)YX.
    tiles : dict of str to numpy.ndarray
        What else CAREamics' specification of a tile holds: one row or number for each. Empty for patches.
    """

    rows: Integers
    patch_sizes: Integers
    tiles: dict[str, Integers]


RegionSource = Callable[[Integers, np.random.Generator], Regions]
"""Draws or looks up the regions of items, given by their indices."""


def region_source(patching: Patching, *, faithful: bool) -> RegionSource:
    """Return what finds the regions of a patching strategy.

    Parameters
    ----------
    patching : Patching
        One of CAREamics' own strategies, patchmill's stratified one, or another one of CAREamics' protocol. One that
        patchmill does not know is asked for one region after the other.
    faithful : bool
        Whether all that draw are asked, so that their own generators draw.

    Returns
    -------
    callable
        Called with the indices of items and a random generator.
    """
    if isinstance(patching, StratifiedPatching):
        return _Stratified(patching)
    if type(patching) is RandomPatching and not faithful:
        return _Random(patching)
    for name in ("fixed_patch_specs", "tile_specs", "patch_specs"):
        if hasattr(patching, name):
            return _Listed(getattr(patching, name))
    return _Asked(patching)


class _Stratified:
    """Regions near each cell of a grid, drawn anew each time."""

    def __init__(self, patching: StratifiedPatching) -> None:
        self._patching = patching

    def __call__(self, indices: Integers, rng: np.random.Generator) -> Regions:
        images, samples, origins = self._patching.draw(indices, rng)
        return _of_one_size(images, samples, origins, self._patching.patch_size)


class _Random:
    """Regions anywhere in a sample, drawn anew each time."""

    def __init__(self, patching: RandomPatching) -> None:
        shapes = np.array([shape[2:] for shape in patching.data_shapes], dtype=np.int64)
        self._patch_size = np.array(patching.patch_size, dtype=np.int64)
        self._most = np.maximum(shapes - self._patch_size, 0)
        self._image_ends = np.asarray(patching.image_stack_cumulative_patches)
        self._sample_ends = np.asarray(patching.sample_cumulative_patches)
        self._first_samples = np.array([0, *patching.image_stack_cumulative_samples[:-1]])

    def __call__(self, indices: Integers, rng: np.random.Generator) -> Regions:
        images = np.searchsorted(self._image_ends, indices, side="right")
        samples = np.searchsorted(self._sample_ends, indices, side="right") - self._first_samples[images]
        origins = rng.integers(0, self._most[images], endpoint=True)
        return _of_one_size(images, samples, origins, self._patch_size)


class _Listed:
    """Regions that are the same each time: those of validation, and tiles."""

    def __init__(self, specs: Sequence[Any]) -> None:
        self._regions = _of_specs(specs)

    def __call__(self, indices: Integers, rng: np.random.Generator) -> Regions:
        found = self._regions
        tiles = {name: values[indices] for name, values in found.tiles.items()}
        return Regions(found.rows[indices], found.patch_sizes[indices], tiles)


class _Asked:
    """Regions that a strategy draws itself, one at a time."""

    def __init__(self, patching: Patching) -> None:
        self._patching = patching

    def __call__(self, indices: Integers, rng: np.random.Generator) -> Regions:
        return _of_specs([self._patching.get_patch_spec(index) for index in indices.tolist()])


def _of_one_size(
    images: Integers, samples: Integers, origins: Integers, patch_size: Sequence[int] | Integers
) -> Regions:
    patch_sizes = np.broadcast_to(np.asarray(patch_size, dtype=np.int64), origins.shape)
    return Regions(_rows(images, samples, origins), patch_sizes, {})


def _of_specs(specs: Sequence[Any]) -> Regions:
    """Read what CAREamics specifies regions by."""

    def column(name: str) -> Integers:
        return np.array([spec[name] for spec in specs], dtype=np.int64)

    known = ("data_idx", "sample_idx", "coords", "patch_size")
    tiles = {name: column(name) for name in specs[0] if name not in known} if specs else {}
    return Regions(_rows(column("data_idx"), column("sample_idx"), column("coords")), column("patch_size"), tiles)


def _rows(images: Integers, samples: Integers, origins: Integers) -> Integers:
    rows = np.zeros((len(images), 5), dtype=np.int64)
    rows[:, 0], rows[:, 1] = images, samples
    if origins.size:
        rows[:, 5 - origins.shape[1] :] = origins
    return rows
