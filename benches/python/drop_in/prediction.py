"""A tiled prediction with CAREamics' own interface, and which part of it is the network's."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np
import torch
from careamics import CAREamist
from numpy.typing import NDArray

__all__ = ["measure"]


def measure(checkpoint: str, image: str, output: str, num_workers: int) -> dict[str, Any]:
    """Predict an image in tiles of 256 x 256, eight a batch.

    Parameters
    ----------
    checkpoint : str
        The file with the network.
    image : str
        The file with the image (Y, X).
    output : str
        Where to write what is predicted.
    num_workers : int
        CAREamics' setting.
    """
    pixels = np.load(image)
    with tempfile.TemporaryDirectory() as folder:
        careamist = CAREamist(checkpoint_path=checkpoint, work_dir=folder, enable_progress_bar=False)
        network_s = _time_calls(careamist.model.model)

        def predict(pixels: NDArray[Any]) -> NDArray[Any]:
            (predicted,), _ = careamist.predict(
                pixels,
                axes="YX",
                tile_size=(256, 256),
                tile_overlap=(48, 48),
                batch_size=8,
                num_workers=num_workers,
                checkpoint=checkpoint,
            )
            return predicted

        # What is done once in a process is no part of a prediction.
        predict(pixels[:512, :512])
        network_s.clear()
        started = time.perf_counter()
        predicted = predict(pixels)
        seconds = time.perf_counter() - started
    np.save(output, predicted)
    return {"seconds": seconds, "network_s": sum(network_s), "rest_s": seconds - sum(network_s)}


def _time_calls(network: torch.nn.Module) -> list[float]:
    """Let a network append the seconds of each of its calls to a list."""
    times: list[float] = []
    forward = network.forward

    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        result = forward(*arguments)
        times.append(time.perf_counter() - started)
        return result

    network.forward = timed  # type: ignore[method-assign]
    return times
