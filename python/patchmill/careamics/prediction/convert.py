"""Predicted batches put together in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from careamics.lightning.prediction import convert_prediction as their_convert_prediction
from numpy.typing import NDArray

from patchmill.careamics.prediction.batch import SAMPLE_KEYS, TILE_KEYS, RegionBatch, read_batch
from patchmill.careamics.prediction.canvas import Canvas, put_tiles
from patchmill.careamics.prediction.collect import Collected

__all__ = ["consume_prediction", "convert_prediction"]


def convert_prediction(
    predictions: list[Any],
    tiled: bool,  # noqa: FBT001 - as CAREamics has it
    restore_shape: bool = False,  # noqa: FBT001, FBT002
) -> tuple[list[NDArray[Any]], list[str]]:
    """Put the batches of ``Trainer.predict`` together, as the function of CAREamics that has this name.

    Parameters
    ----------
    predictions : list of ImageRegionData
        Collated batches, with data as NumPy arrays or torch tensors. They stay as they are.
    tiled : bool
        Whether they are tiles.
    restore_shape : bool, default=False
        Whether images get the axes and the shape of the user's data.

    Returns
    -------
    list of numpy.ndarray
        One image per ``data_idx``, in its order: S C (Z) Y X, or the user's axes. Stitched tiles are float32.
    list of str
        The source of each image; empty if all are arrays in memory.

    Raises
    ------
    ValueError
        If there are tiles and `tiled` is False.
    """
    return _convert(predictions, tiled=tiled, restore_shape=restore_shape, consume=False)


def consume_prediction(
    predictions: list[Any],
    tiled: bool,  # noqa: FBT001 - as CAREamics has it
    restore_shape: bool = False,  # noqa: FBT001, FBT002
) -> tuple[list[NDArray[Any]], list[str]]:
    """Do what `convert_prediction` does, and empty the list, so that each batch is freed as it is used.

    For the one caller whose list nobody needs any more, though its trainer would keep it: ``CAREamist.predict``.
    """
    return _convert(predictions, tiled=tiled, restore_shape=restore_shape, consume=True)


def _convert(
    predictions: list[Any], *, tiled: bool, restore_shape: bool, consume: bool
) -> tuple[list[NDArray[Any]], list[str]]:
    """Read all metadata, and then place the pixels."""
    canvases = predictions.canvases if isinstance(predictions, Collected) else {}
    if not canvases:
        if not predictions or not _fit(predictions, tiled=tiled):
            theirs: tuple[list[NDArray[Any]], list[str]] = their_convert_prediction(predictions, tiled, restore_shape)
            return theirs
        batches = [read_batch(batch) for batch in predictions]
        if consume:
            predictions.clear()
        canvases = _stitched(batches) if tiled else _stacked(batches, copy=not consume)
    images = [canvases[image] for image in sorted(canvases)]
    sources = [canvas.first.source for canvas in images]
    arrays = [canvas.restored() if restore_shape else canvas.array for canvas in images]
    return arrays, [] if set(sources) == {"array"} else sources


def _fit(predictions: list[Any], *, tiled: bool) -> bool:
    """Whether the regions are what they are said to be; if not, the error is CAREamics' own."""
    needed = TILE_KEYS if tiled else SAMPLE_KEYS
    specs = [set(batch.region_spec) for batch in predictions]
    return all(needed <= keys for keys in specs) and (tiled or "total_tiles" not in specs[0])


def _stitched(batches: list[RegionBatch]) -> dict[int, Canvas]:
    """Stitch tiles; a batch is let go when it has been placed."""
    canvases: dict[int, Canvas] = {}
    batches.reverse()
    while batches:
        put_tiles(batches.pop(), canvases)
    return canvases


def _stacked(batches: list[RegionBatch], *, copy: bool) -> dict[int, Canvas]:
    """Put whole samples together, in the order of their ``sample_idx``; a batch is let go when it has been placed."""
    places = _places(batches)
    canvases: dict[int, Canvas] = {}
    batches.reverse()
    while batches:
        batch = batches.pop()
        data = batch.array()
        for index, image in enumerate(batch.region_spec["data_idx"]):
            canvas = canvases.get(image)
            total = len(places[image])
            if canvas is None:
                # A batch that is one image of one sample is this image.
                whole = total == len(data) == 1 and not copy
                array = data if whole else np.empty((total, *data.shape[1:]), data.dtype)
                canvas = canvases[image] = Canvas(array, batch.region(index), total)
            if canvas.array is not data:
                canvas.array[places[image][canvas.count]] = data[index]
            canvas.count += 1
    return canvases


def _places(batches: list[RegionBatch]) -> dict[int, list[int]]:
    """Say for each image where its samples go, in the order in which they come."""
    samples: dict[int, list[int]] = {}
    for batch in batches:
        for image, sample in zip(batch.region_spec["data_idx"], batch.region_spec["sample_idx"], strict=True):
            samples.setdefault(image, []).append(sample)
    return {
        image: np.argsort(np.argsort(came, kind="stable"), kind="stable").tolist() for image, came in samples.items()
    }
