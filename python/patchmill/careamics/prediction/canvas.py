"""One image in the making: the array that its regions are written into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from careamics.utils.reshape_array import restore_array
from numpy.typing import NDArray

from patchmill.careamics.prediction.batch import RegionBatch
from patchmill.careamics.region_data import HAS_TARGET_AXES

__all__ = ["Canvas", "put_tiles", "slices"]


class Canvas:
    """An image, and how much of it has come.

    Parameters
    ----------
    array : numpy.ndarray (S, C, (Z), Y, X)
        Where regions are written.
    first : ImageRegionData
        What is known of the image's first region, without its data.
    total : int
        The number of regions of the whole image.

    Attributes
    ----------
    count : int
        The number of regions that have come.
    """

    def __init__(self, array: NDArray[Any], first: Any, total: int) -> None:
        self.array = array
        self.first = first
        self.total = total
        self.count = 0

    def restored(self) -> NDArray[Any]:
        """Return the image with the axes and the samples of the user's data, as CAREamics restores them.

        It is a view where there can be one.
        """
        first = self.first
        target = (first.target_axes,) if HAS_TARGET_AXES else ()
        restored: NDArray[Any] = restore_array(self.array, first.axes, first.original_data_shape, *target)
        return restored


def slices(start: Sequence[int], size: Sequence[int]) -> list[slice]:
    """Return the slices that begin somewhere and have a size."""
    return [slice(first, first + length) for first, length in zip(start, size, strict=True)]


def put_tiles(batch: RegionBatch, canvases: dict[int, Canvas]) -> None:
    """Write the kept parts of a batch of tiles to where they belong.

    Parameters
    ----------
    batch : RegionBatch
        Tiles of one or several images.
    canvases : dict of int to Canvas
        The images in the making by their ``data_idx``; those of new images are added.
    """
    data = batch.array()
    spec = batch.region_spec
    rows = zip(
        spec["data_idx"], spec["sample_idx"], spec["crop_coords"], spec["crop_size"], spec["stitch_coords"], strict=True
    )
    for index, (image, sample, crop, size, place) in enumerate(rows):
        canvas = canvases.get(image)
        if canvas is None:
            canvas = canvases[image] = _tiled_canvas(batch, index, data.shape[1 : data.ndim - len(size)])
        kept: tuple[Any, ...] = (index, ..., *slices(crop, size))
        target: tuple[Any, ...] = (sample, ..., *slices(place, size))
        canvas.array[target] = data[kept]
        canvas.count += 1


def _tiled_canvas(batch: RegionBatch, index: int, channels: tuple[int, ...]) -> Canvas:
    """Make the canvas of an image whose first tile has come: zeros, where no tile comes."""
    first = batch.region(index)
    samples, given, *size = first.data_shape
    # Before 0.3.3 an image has the channels of the data, whatever the network makes of them.
    channel = channels[0] if HAS_TARGET_AXES else given
    # Not np.zeros: memory that NumPy does not clear itself comes in huge pages, which is faster by more than clearing.
    array = np.empty((samples, channel, *size), np.float32)
    array.fill(0)
    return Canvas(array, first, first.region_spec["total_tiles"])
