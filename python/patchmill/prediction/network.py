"""Tiles through a network, and what is said where they do not fit into its memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill.errors import OutOfMemoryError
from patchmill.models import UNet
from patchmill.prediction.orientations import IDENTITY, Orientation, mean_over
from patchmill.sources import usable_memory
from patchmill.training import memory_format
from patchmill.training.memory import is_out_of_memory

__all__ = ["Network", "out_of_memory"]

_MAPS = 16
"""How many maps a network is reckoned to hold at once, at full resolution and with the channels of its first level."""

_SHARE = 0.6
"""The share of the free memory that proposed batches may take."""


class Network:
    """A network that predicts batches of tiles, averaged over orientations if there are several.

    Parameters
    ----------
    model : UNet
        The network, on the device that it runs on. It is put in evaluation mode.
    orientations : sequence of Orientation
        What predictions are averaged over. Tiles that are not square in YX leave out those that exchange Y and X.
    """

    def __init__(self, model: UNet, orientations: Sequence[Orientation] = (IDENTITY,)) -> None:
        self._model = model.eval()
        self._orientations = orientations
        self._device = next(model.parameters()).device
        self._format = memory_format(self._device, model.conv_dims)

    def __call__(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict tiles.

        Parameters
        ----------
        tiles : numpy.ndarray (B, C, (Z), Y, X), float32
            The tiles, normalised.

        Returns
        -------
        numpy.ndarray (B, C, (Z), Y, X), float32
            Their predictions: the mean over the orientations, summed up in float32 in their order.

        Raises
        ------
        OutOfMemoryError
            If the memory of the device does not do. It proposes a batch and a tile that should fit.
        """
        try:
            return self._predict(tiles)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = error
        # Outside of the handler, where nothing holds the tensors of the failed attempt any more.
        raise out_of_memory(self._model, tiles.shape, reason.with_traceback(None)) from reason

    @torch.inference_mode()
    def _predict(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(tiles).to(self._device, memory_format=self._format)
        total = mean_over(self._orientations, self._forward, batch)
        predicted: NDArray[np.float32] = total.cpu().contiguous().numpy()
        return predicted

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        restored: torch.Tensor = self._model(batch.contiguous(memory_format=self._format))
        return restored


def out_of_memory(model: UNet, shape: tuple[int, ...], reason: BaseException) -> OutOfMemoryError:
    """Make the error of a batch that memory has no room for. It proposes a batch and a tile that should fit.

    Parameters
    ----------
    model : UNet
        The network, on its device.
    shape : tuple of int
        The shape of the batch, BC(Z)YX.
    reason : BaseException
        What torch or NumPy raised.

    Returns
    -------
    OutOfMemoryError
        The error.
    """
    batch_size, _, *tile = shape
    device, axes = next(model.parameters()).device, "ZYX"[-len(tile) :]
    fewer, smaller = _fitting(model, device, batch_size, tile)
    return OutOfMemoryError(
        f"prediction on {device}: expected memory for {batch_size} tiles of {tuple(tile)} pixels ({axes}), got: "
        f"{str(reason).splitlines()[0] if str(reason) else 'out of memory'}. Use batch_size={fewer} and "
        f"tile_size=({', '.join(map(str, smaller))}), with an overlap that is smaller than that."
    )


def _fitting(model: UNet, device: torch.device, batch_size: int, tile: Sequence[int]) -> tuple[int, list[int]]:
    """Find a batch and a tile that should fit, by what the network holds for each pixel."""
    width = model.groups * model.output.get_parameter("weight").shape[1]
    bytes_per_pixel = 4 * (_MAPS * width + model.in_channels)
    # What did not fit is no measure of what does, but nothing near it is proposed.
    most = min(_SHARE * _free_bytes(device) / bytes_per_pixel, batch_size * math.prod(tile) / 2)
    smaller, factor = list(tile), 2**model.depth
    while math.prod(smaller) > most and max(smaller) > factor:
        longest = max(range(len(smaller)), key=lambda axis: smaller[axis])
        smaller[longest] = max(smaller[longest] // 2 // factor, 1) * factor
    return max(1, min(batch_size, int(most // math.prod(smaller)))), smaller


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device)[0]
    return usable_memory()
