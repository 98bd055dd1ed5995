"""The metadata of a collated batch, read once, and not once per region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from careamics.dataset.image_region_data import ImageRegionData
from careamics.lightning.prediction import decollate_image_region_data as their_decollate
from numpy.typing import NDArray

from patchmill.careamics.region_data import HAS_TARGET_AXES

__all__ = ["SAMPLE_KEYS", "TILE_KEYS", "RegionBatch", "decollate_image_region_data", "read_batch"]

TEXTS = ("source", "dtype", "axes", *(("target_axes",) if HAS_TARGET_AXES else ()))

# What a region's specification must hold to be placed.
SAMPLE_KEYS = {"data_idx", "sample_idx"}
TILE_KEYS = SAMPLE_KEYS | {"crop_coords", "crop_size", "stitch_coords", "total_tiles"}

Numbers = list[Any]  # one int, or one tuple of ints, per region


@dataclass(frozen=True)
class RegionBatch:
    """A batch of regions whose metadata are plain numbers.

    Attributes
    ----------
    data : numpy.ndarray (B, C, (Z), Y, X) or torch.Tensor
        What the network made of the regions.
    texts : dict of str to sequence of str
        ``source``, ``dtype``, ``axes`` and, where CAREamics has it, ``target_axes``, one entry per region.
    data_shape, original_data_shape : list of tuple of int
        The shape of each region's image, S C (Z) Y X, and as the user has it.
    region_spec, additional_metadata : dict of str to list
        One int or tuple of ints per region.
    """

    data: Any
    texts: dict[str, Sequence[str]]
    data_shape: Numbers
    original_data_shape: Numbers
    region_spec: dict[str, Numbers]
    additional_metadata: dict[str, Numbers]

    def __len__(self) -> int:
        return len(self.data)

    def array(self) -> NDArray[Any]:
        """Return the data as an array in the memory of the host, of its own type; bfloat16 becomes float32."""
        if not isinstance(self.data, torch.Tensor):
            return np.asarray(self.data)
        data = self.data.detach().cpu()
        return np.asarray(data.float() if data.dtype == torch.bfloat16 else data)

    def region(self, index: int, *, data: Any = None) -> Any:
        """Return one region as CAREamics describes it, ``data`` being what is given."""
        return ImageRegionData(
            data=data,
            data_shape=self.data_shape[index],
            original_data_shape=self.original_data_shape[index],
            region_spec={key: values[index] for key, values in self.region_spec.items()},
            additional_metadata={key: values[index] for key, values in self.additional_metadata.items()},
            **{name: values[index] for name, values in self.texts.items()},
        )


def read_batch(batch: Any) -> RegionBatch:
    """Read the metadata of a collated batch of `ImageRegionData`.

    All numbers are fetched in one go, which for a batch on a GPU means one transfer.

    Parameters
    ----------
    batch : ImageRegionData
        A batch as torch's ``default_collate`` makes it, or any other that CAREamics can take apart.

    Returns
    -------
    RegionBatch
        The same data, with plain numbers.
    """
    read = _read_columns(batch)
    return _gather(batch.data, their_decollate(batch)) if read is None else read


def decollate_image_region_data(batch: Any) -> list[Any]:
    """Split a batch into its regions, as the function of CAREamics that has this name.

    Parameters
    ----------
    batch : ImageRegionData
        A collated batch.

    Returns
    -------
    list of ImageRegionData
        One per region; ``data`` are views of the batch's.
    """
    read = _read_columns(batch)
    if read is None:
        regions: list[Any] = their_decollate(batch)
        return regions
    return [read.region(index, data=batch.data[index]) for index in range(len(read))]


def _read_columns(batch: Any) -> RegionBatch | None:
    """Read metadata that are one column of numbers each, or a list of columns; None if they are not."""
    columns: list[Any] = []

    def place(value: Any) -> int | slice:
        start = len(columns)
        if isinstance(value, list):
            columns.extend(value)
            return slice(start, len(columns))
        columns.append(value)
        return start

    if not isinstance(batch.data_shape, list) or not isinstance(batch.original_data_shape, list):
        return None
    try:
        n_regions = len(batch.data)
        texts = {name: getattr(batch, name) for name in TEXTS}
        shape, original = place(batch.data_shape), place(batch.original_data_shape)
        spec = {key: place(value) for key, value in batch.region_spec.items()}
        additional = {key: place(value) for key, value in batch.additional_metadata.items()}
        table = _numbers(columns)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None
    if any(len(column) != n_regions for column in (*table, *texts.values())):
        return None

    def values(where: int | slice) -> Numbers:
        if isinstance(where, int):
            return table[where]
        rows = table[where]
        return list(zip(*rows, strict=True)) if rows else [()] * n_regions

    return RegionBatch(
        data=batch.data,
        texts=texts,
        data_shape=values(shape),
        original_data_shape=values(original),
        region_spec={key: values(where) for key, where in spec.items()},
        additional_metadata={key: values(where) for key, where in additional.items()},
    )


def _numbers(columns: list[Any]) -> list[list[int]]:
    """Fetch columns of integers, those on a GPU together."""
    if columns and all(isinstance(column, torch.Tensor) and not column.is_floating_point() for column in columns):
        table: list[list[int]] = torch.stack(columns).tolist()
        return table
    return [[int(value) for value in column] for column in columns]


def _gather(data: Any, regions: list[Any]) -> RegionBatch:
    """Make a batch of regions that CAREamics has taken out of one."""

    def values(name: str) -> dict[str, Numbers]:
        return {key: [getattr(region, name)[key] for region in regions] for key in getattr(regions[0], name)}

    return RegionBatch(
        data=data,
        texts={name: [getattr(region, name) for region in regions] for name in TEXTS},
        data_shape=[region.data_shape for region in regions],
        original_data_shape=[region.original_data_shape for region in regions],
        region_spec=values("region_spec"),
        additional_metadata=values("additional_metadata"),
    )
