"""Predictions of one's own loop over `PredictDataModule`, put together: the functions of CAREamics, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from patchmill.dataset import TileInformation
from patchmill.errors import ShapeError

__all__ = ["convert_outputs", "stitch_prediction"]


def stitch_prediction(
    tiles: Sequence[ArrayLike | torch.Tensor], tile_infos: Sequence[TileInformation]
) -> list[NDArray[np.float32]]:
    """Put predicted tiles together.

    Parameters
    ----------
    tiles : sequence of torch.Tensor or numpy.ndarray
        Tiles C(Z)YX, or batches of them with a leading axis, in the order of the loader.
    tile_infos : sequence of TileInformation
        Where each tile lies, in the same order.

    Returns
    -------
    list of numpy.ndarray (1, C, (Z), Y, X), float32
        The prediction of each sample.

    Raises
    ------
    ShapeError
        If there are more or fewer tiles than `tile_infos`, a tile is missing, comes twice, or comes among those of
        another sample, or is smaller than what is to be kept of it.

    Examples
    --------
    >>> import numpy as np
    >>> from patchmill import PredictDataModule
    >>> from patchmill.config import InferenceConfig
    >>> config = InferenceConfig(
    ...     data_type="array", axes="YX", image_means=[0], image_stds=[1], tile_size=[16, 16], tile_overlap=[4, 4]
    ... )
    >>> data = PredictDataModule(config, np.ones((40, 50), np.float32))
    >>> data.setup()
    >>> batches = [(2 * tiles, infos) for tiles, infos in data.predict_dataloader()]
    >>> (sample,) = convert_outputs(batches, tiled=True)
    >>> sample.shape
    (1, 1, 40, 50)
    """
    single = list(_single_tiles(tiles, tile_infos))
    if len(single) != len(tile_infos):
        msg = (
            f"tiles: expected {len(tile_infos)}, one for each of tile_infos, got {len(single)}. Give both of all tiles."
        )
        raise ShapeError(msg)
    samples: list[NDArray[np.float32]] = []
    sample: _Sample | None = None
    for number, (tile, info) in enumerate(zip(single, tile_infos, strict=True)):
        expected = tile_infos[0].sample_id + len(samples)
        if info.sample_id != expected:
            msg = (
                f"tile {number}: expected a tile of sample {expected}, got one of sample {info.sample_id}. Give all "
                "tiles of one data loader, in its order."
            )
            raise ShapeError(msg)
        sample = sample or _Sample(info, n_channels=len(tile))
        sample.add(number, tile, info)
        if info.last_tile:
            samples.append(sample.finish())
            sample = None
    if sample is not None:
        msg = (
            f"tile_infos: expected the last tile of sample {tile_infos[-1].sample_id}, got none. Give all of its tiles."
        )
        raise ShapeError(msg)
    return samples


class _Sample:
    """The prediction of a sample, of which every pixel comes from one tile.

    Parameters
    ----------
    info : TileInformation
        Of its first tile.
    n_channels : int
        The channels of the prediction.
    """

    def __init__(self, info: TileInformation, n_channels: int) -> None:
        self._name = f"sample {info.sample_id}"
        self._array_shape = info.array_shape
        self._pixels = np.zeros((n_channels, *info.array_shape[1:]), np.float32)
        self._is_there = np.zeros((1, *info.array_shape[1:]), np.bool_)

    def add(self, number: int, tile: NDArray[np.float32], info: TileInformation) -> None:
        """Add what is kept of a tile."""
        if info.array_shape != self._array_shape:
            msg = (
                f"{self._name}, tile {number}: expected a tile of the array_shape {self._array_shape}, got one of "
                f"{info.array_shape}. Give the tiles of one data loader."
            )
            raise ShapeError(msg)
        kept, place = tile[_slices(info.overlap_crop_coords)], _slices(info.stitch_coords)
        if kept.shape != self._pixels[place].shape:
            msg = (
                f"{self._name}, tile {number}: expected {self._pixels[place].shape} pixels to be kept, got "
                f"{kept.shape}. Give tiles as they came."
            )
            raise ShapeError(msg)
        if self._is_there[place].any():
            msg = (
                f"{self._name}, tile {number}: expected pixels that no tile before it has, got some again, at "
                f"{_spans(info.stitch_coords)}. Give every tile once."
            )
            raise ShapeError(msg)
        self._pixels[place], self._is_there[place] = kept, True

    def finish(self) -> NDArray[np.float32]:
        """Return the prediction, when all tiles are there."""
        n_there = np.count_nonzero(self._is_there)
        if n_there < self._is_there.size:
            first = np.unravel_index(np.argmin(self._is_there), self._is_there.shape)[1:]
            msg = (
                f"{self._name}: expected tiles with all of its {self._is_there.size} pixels, got {n_there}: there is "
                f"no tile with {_spans([(int(start), int(start) + 1) for start in first])}. Give all of its tiles."
            )
            raise ShapeError(msg)
        return self._pixels[np.newaxis]


def convert_outputs(predictions: Sequence[Any], tiled: bool) -> list[NDArray[np.float32]]:  # noqa: FBT001 - as in CAREamics
    """Turn what a loop over a prediction loader gives into samples.

    Parameters
    ----------
    predictions : sequence
        For each batch the predicted tiles and their `TileInformation`, as the loader gave them; or, if the data is not
        tiled, the predicted samples alone, or in a tuple.
    tiled : bool
        Whether they are tiles.

    Returns
    -------
    list of numpy.ndarray (1, C, (Z), Y, X), float32
        The prediction of each sample.

    Raises
    ------
    ShapeError
        As `stitch_prediction` does.
    """
    if tiled:
        infos = [info for _, batch_infos in predictions for info in batch_infos]
        return stitch_prediction([tiles for tiles, _ in predictions], infos)
    batches = [batch[0] if isinstance(batch, (tuple, list)) else batch for batch in predictions]
    return [sample[None] for batch in batches for sample in _array(batch)]


def _single_tiles(
    tiles: Sequence[ArrayLike | torch.Tensor], tile_infos: Sequence[TileInformation]
) -> Iterator[NDArray[np.float32]]:
    n_axes = len(tile_infos[0].array_shape) if tile_infos else 0
    for given in tiles:
        array = _array(given)
        if array.ndim == n_axes:
            yield array
        elif array.ndim == n_axes + 1:
            yield from array
        else:
            msg = f"tiles: expected {n_axes} axes, as in tile_infos, or one more for a batch, got {array.ndim}."
            raise ShapeError(msg)


def _slices(coords: Sequence[tuple[int, int]]) -> tuple[slice, ...]:
    """Return the slices of all channels and of the given pixels."""
    return (slice(None), *(slice(start, end) for start, end in coords))


def _spans(coords: Sequence[tuple[int, int]]) -> str:
    """Write where pixels lie."""
    named = zip("ZYX"[-len(coords) :], coords, strict=True)
    return ", ".join(
        f"{axis} {start}" if end == start + 1 else f"{axis} {start} to {end - 1}" for axis, (start, end) in named
    )


def _array(batch: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
    if isinstance(batch, torch.Tensor):
        batch = batch.detach().float().cpu().numpy()
    return np.asarray(batch, dtype=np.float32)
