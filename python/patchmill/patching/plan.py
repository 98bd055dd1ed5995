"""The plan: the regions that an epoch can draw from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from patchmill._core import Plan
from patchmill.sources import Image

__all__ = ["create_plan", "patch_size_zyx"]


def patch_size_zyx(patch_size: Sequence[int]) -> tuple[int, int, int]:
    """Return the size of a patch along Z, Y and X; a 2D patch is one pixel deep."""
    size_z, size_y, size_x = (1, *patch_size) if len(patch_size) == 2 else patch_size
    return size_z, size_y, size_x


def create_plan(images: Sequence[Image], patch_size: Sequence[int], patching: Literal["sequential", "random"]) -> Plan:
    """Create the plan of the patches of some images.

    Parameters
    ----------
    images : sequence of Image
        The images; their shapes may differ.
    patch_size : sequence of int
        The size of a patch, (Z)YX.
    patching : {"sequential", "random"}
        Regions side by side that cover every pixel, or regions drawn anew in every epoch.

    Returns
    -------
    Plan
        The plan. It holds no regions: they are computed.

    Raises
    ------
    ShapeError
        If an image is smaller than a patch. It names the image and the axis.
    """
    sizes = [(image.name, image.n_samples, image.size_zyx) for image in images]
    create = Plan.sequential if patching == "sequential" else Plan.random
    return create(sizes, patch_size_zyx(patch_size))
