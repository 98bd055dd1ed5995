"""Putting predicted tiles together by weights that fall, over the whole of an overlap, towards the edge of a tile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.oracles.sequential import Size
from tests.oracles.stitch import Tile
from tests.oracles.tiled import Span, spans


def falling(profile: str, n_pixels: int) -> NDArray[np.float64]:
    """Return the weights along an overlap of some pixels, from the edge of the tile inwards."""
    share = np.arange(1, n_pixels + 1) / (n_pixels + 1)
    return share if profile == "linear" else np.exp(-0.5 * ((1 - share) / (1 / 3)) ** 2)


def axis_weights(profile: str, size: int, tile: int, overlap: int) -> NDArray[np.float64]:
    """Return the weight of every tile (rows) at every pixel (columns) of an axis; every column adds up to 1."""
    found: list[Span] = spans(size, tile, overlap)
    length = min(tile, size)
    weights = np.zeros((len(found), size))
    for number, (origin, *_) in enumerate(found):
        along = np.ones(length)
        if number > 0:
            shared = found[number - 1][0] + length - origin
            along[:shared] *= falling(profile, shared)
        if number + 1 < len(found):
            shared = origin + length - found[number + 1][0]
            along[length - shared :] *= falling(profile, shared)[::-1]
        weights[number, origin : origin + length] = along
    return weights / weights.sum(axis=0)


def blend(
    predicted: list[NDArray[np.float32]], tiles: list[Tile], size: Size, tile_size: Size, overlap: Size, profile: str
) -> NDArray[np.float64]:
    """Return the sample (C, Z, Y, X) that all tiles make up, each weighted along every axis."""
    weights = [axis_weights(profile, *sizes) for sizes in zip(size, tile_size, overlap, strict=True)]
    n_along = [len(along) for along in weights]
    sample = np.zeros((predicted[0].shape[0], *size))
    for number, (pixels, tile) in enumerate(zip(predicted, tiles, strict=True)):
        place = tuple(slice(span[0], span[0] + min(t, s)) for span, t, s in zip(tile, tile_size, size, strict=True))
        z, y, x = (
            along[at][part] for along, at, part in zip(weights, np.unravel_index(number, n_along), place, strict=True)
        )
        inside = pixels[:, : len(z), : len(y), : len(x)].astype("f8")
        sample[(slice(None), *place)] += inside * z[:, None, None] * y[:, None] * x
    return sample
