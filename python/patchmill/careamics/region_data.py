"""Batches as CAREamics' modules, callbacks and writers take them: `ImageRegionData` with all of its metadata."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from careamics.dataset.image_region_data import ImageRegionData
from numpy.typing import NDArray

from patchmill.careamics.patching import Regions

__all__ = ["HAS_TARGET_AXES", "ImageRegionBatch", "RegionData", "collate_specs", "split_specs"]

# Since CAREamics 0.3.3, which also takes all channels of targets, restores the axes of what it writes, and gives images
# the channels of the prediction.
HAS_TARGET_AXES = "target_axes" in ImageRegionData._fields


class ImageRegionBatch(ImageRegionData):  # type: ignore[misc]  # it has no types here
    """A batch whose metadata stay where they are when it is moved to a device: nobody computes with them there."""

    def to(self, device: torch.device, **options: Any) -> ImageRegionBatch:
        """Return the batch with its pixels on a device. Lightning calls this in the place of moving every tensor."""
        if torch.device(device).type not in ("cpu", "mps"):
            options.setdefault("non_blocking", True)
        data = self.data.to(device, **options)
        return self if data is self.data else self._replace(data=data)


class RegionData:
    """Makes batches of `ImageRegionData` as torch's ``default_collate`` would, but all metadata at once.

    Parameters
    ----------
    of_images : sequence of ImageRegionData
        The metadata of each image, as CAREamics' dataset gives it.
    """

    def __init__(self, of_images: Sequence[ImageRegionData]) -> None:
        skipped = ("data", "region_spec")
        names = [name for name in ImageRegionData._fields if name not in skipped]
        self._columns = {name: _column([getattr(image, name) for image in of_images]) for name in names}

    def collate(self, data: torch.Tensor, images: NDArray[np.int64], specs: dict[str, Any]) -> ImageRegionBatch:
        """Make a batch.

        Parameters
        ----------
        data : torch.Tensor (B, C, (Z), Y, X)
            The patches.
        images : numpy.ndarray (B,)
            The image of each.
        specs : dict
            Where they lie, as `collate_specs` returns it.

        Returns
        -------
        ImageRegionBatch
            The batch.
        """
        metadata = {name: column(images) for name, column in self._columns.items()}
        return ImageRegionBatch(data=data, region_spec=dict(specs), **metadata)


def collate_specs(regions: Regions) -> dict[str, Any]:
    """Return the specifications of regions, collated.

    Parameters
    ----------
    regions : Regions
        The regions.

    Returns
    -------
    dict of str to torch.Tensor or list of torch.Tensor
        The numbers of each, and for what there is one of per axis a tensor per axis.
    """
    n_axes = regions.patch_sizes.shape[1]
    columns = {
        "data_idx": regions.rows[:, 0],
        "sample_idx": regions.rows[:, 1],
        "coords": regions.rows[:, 5 - n_axes :],
        "patch_size": regions.patch_sizes,
        **regions.tiles,
    }
    return {name: _tensors(values) for name, values in columns.items()}


def split_specs(specs: dict[str, Any], lengths: list[int]) -> Iterator[dict[str, Any]]:
    """Split collated specifications.

    Parameters
    ----------
    specs : dict
        What `collate_specs` returned.
    lengths : list of int
        How many regions each part has, in their order.

    Returns
    -------
    iterator of dict
        The same of each part: views.
    """
    columns = []
    for column in specs.values():
        if isinstance(column, list):
            columns.append(list(map(list, zip(*(axis.split(lengths) for axis in column), strict=True))))
        else:
            columns.append(column.split(lengths))
    return (dict(zip(specs, parts, strict=True)) for parts in zip(*columns, strict=True))


def _tensors(values: NDArray[np.int64]) -> torch.Tensor | list[torch.Tensor]:
    tensor = torch.from_numpy(np.ascontiguousarray(values.T))
    return tensor if values.ndim == 1 else list(tensor.unbind())


def _column(values: Sequence[Any]) -> Callable[[NDArray[np.int64]], Any]:
    """Return what looks up one field of the images of a batch."""
    first = values[0]
    if isinstance(first, dict):
        # An image in memory has nothing more to say.
        return lambda images: {}
    if isinstance(first, str):
        if all(value == first for value in values):
            return lambda images: (first,) * len(images)
        return lambda images: tuple([values[image] for image in images.tolist()])
    table = np.array([list(shape) for shape in values], dtype=np.int64)
    if (table == table[0]).all():
        # Batches of one length share the tensors: nobody writes to what is said of images.
        alike = functools.cache(lambda n_items: _tensors(table[:1].repeat(n_items, axis=0)))
        return lambda images: list(alike(len(images)))
    return lambda images: _tensors(table.take(images, axis=0))
