"""The plan: the regions that an epoch can draw from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from patchmill._core import Plan

__all__ = ["Patching", "SizedImage", "count_cells", "create_plan", "patch_size_zyx"]

Patching = Literal["sequential", "random", "fixed_random", "stratified"]
"""How patches are chosen."""


class SizedImage(Protocol):
    """What a plan has to know of an image: no pixels."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def n_samples(self) -> int:
        """The number of samples."""

    @property
    def size_zyx(self) -> tuple[int, int, int]:
        """The size in pixels of a sample in Z, Y and X."""


def patch_size_zyx(patch_size: Sequence[int]) -> tuple[int, int, int]:
    """Return the size of a patch along Z, Y and X; a 2D patch is one pixel deep."""
    size_z, size_y, size_x = (1, *patch_size) if len(patch_size) == 2 else patch_size
    return size_z, size_y, size_x


def count_cells(image: SizedImage, patch_size: Sequence[int]) -> int:
    """Return how many cells of the sequential grid an image has.

    Parameters
    ----------
    image : SizedImage
        The image, or its header.
    patch_size : sequence of int
        The size of a patch, (Z)YX.
    """
    along = zip(image.size_zyx, patch_size_zyx(patch_size), strict=True)
    return image.n_samples * math.prod(-(-size // patch) for size, patch in along)


def create_plan(
    images: Sequence[SizedImage],
    patch_size: Sequence[int],
    patching: Patching,
    kept: NDArray[np.integer[Any]] | None = None,
) -> Plan:
    """Create the plan of the patches of some images.

    Parameters
    ----------
    images : sequence of SizedImage
        The images, or their headers; their shapes may differ.
    patch_size : sequence of int
        The size of a patch, (Z)YX.
    patching : {"sequential", "random", "fixed_random", "stratified"}
        "sequential": cells side by side that cover every pixel. "stratified": a region near each of these cells, drawn
        anew in every epoch. "random": as many regions as would cover a sample, anywhere in it, drawn anew in every
        epoch. "fixed_random": the same, drawn once.
    kept : numpy.ndarray (n,), integers, optional
        The numbers of the cells that a filter has kept, if there is one. With it, random regions lie near these cells.

    Returns
    -------
    Plan
        The plan. It holds no regions: they are computed.

    Raises
    ------
    ShapeError
        If an image is smaller than a patch. It names the image and the axis.
    ConfigError
        If no cell is kept.
    """
    sizes = [(image.name, image.n_samples, image.size_zyx) for image in images]
    plan = _CREATE[patching](sizes, patch_size_zyx(patch_size))
    return plan if kept is None else plan.keep(np.asarray(kept, dtype=np.uint64))


_CREATE = {
    "sequential": Plan.sequential,
    "random": Plan.random,
    "fixed_random": Plan.fixed_random,
    "stratified": Plan.stratified,
}
