"""Test-time augmentation: which orientations, and the mean over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from patchmill.config import XYFlipConfig, XYRandomRotate90Config
from patchmill.prediction import predict_image
from patchmill.prediction.network import Network
from patchmill.prediction.orientations import Orientation, training_orientations
from patchmill.sources import Image, Normalization
from tests.prediction.test_predict import network

RNG = np.random.default_rng(5)
BOTH = [XYFlipConfig(), XYRandomRotate90Config()]


def as_numpy(tile: np.ndarray, flipped: int | None, turns: int) -> np.ndarray:
    """Lay a tile down as training does: a flip, then quarter turns."""
    tile = tile if flipped is None else np.flip(tile, flipped)
    return np.rot90(tile, turns, axes=(-2, -1))


def shown(transforms: Sequence[Any], is_square: bool) -> list[tuple[int | None, int]]:
    """List what training may have drawn: the flipped axis, and the number of quarter turns; each orientation once."""
    flips: list[int | None] = [None]
    turns = [0]
    for transform in transforms:
        if isinstance(transform, XYFlipConfig):
            flips += [-2] * transform.flip_y + [-1] * transform.flip_x
        else:
            turns = [0, 1, 2, 3] if is_square else [0, 2]
    probe = np.arange(4).reshape(2, 2)
    ways = [(flip, turn) for flip in flips for turn in turns]
    return list({as_numpy(probe, *way).tobytes(): way for way in ways}.values())


TRANSFORMS: dict[str, tuple[list[Any], int, int]] = {
    # Each: the transforms, and how many orientations square patches and others had.
    "none": ([], 1, 1),
    "flips": ([XYFlipConfig()], 3, 3),
    "flips of x": ([XYFlipConfig(flip_y=False)], 2, 2),
    "flips of y": ([XYFlipConfig(flip_x=False)], 2, 2),
    "turns": ([XYRandomRotate90Config()], 4, 2),
    "flips and turns": (BOTH, 8, 4),
    "flips of x, and turns": ([XYFlipConfig(flip_y=False), XYRandomRotate90Config()], 8, 4),
    "never drawn": ([XYFlipConfig(p=0), XYRandomRotate90Config(p=0)], 1, 1),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("patch_size", [(16, 16), (8, 16, 16), (16, 32), (16, 16, 32)])
def test_orientations_are_those_that_training_showed(name: str, patch_size: tuple[int, ...]) -> None:
    transforms, n_of_square, n_of_others = TRANSFORMS[name]
    is_square = patch_size[-1] == patch_size[-2]
    found = training_orientations(transforms, patch_size)
    assert found[0] == Orientation()
    assert len(found) == (n_of_square if is_square else n_of_others)
    tile = RNG.normal(size=(1, 1, 4, 4)).astype("f4")
    laid = {orientation.apply(torch.from_numpy(tile)).numpy().tobytes() for orientation in found}
    drawn = [transform for transform in transforms if transform.p > 0]
    assert laid == {as_numpy(tile, *one).tobytes() for one in shown(drawn, is_square)}


@pytest.mark.parametrize("orientation", training_orientations(BOTH, (16, 16)))
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 2, 5, 4, 6)])
def test_an_orientation_can_be_undone(orientation: Orientation, shape: tuple[int, ...]) -> None:
    batch = torch.arange(int(np.prod(shape))).reshape(shape)
    assert torch.equal(orientation.undo(orientation.apply(batch)), batch)


def mean_over(model: nn.Module, tiles: np.ndarray, ways: list[tuple[int | None, int]]) -> np.ndarray:
    """Average predictions over orientations, one after the other."""
    total = np.zeros(tiles.shape)
    for flipped, turns in ways:
        laid = np.ascontiguousarray(as_numpy(tiles, flipped, turns))
        with torch.no_grad():
            predicted = model.eval()(torch.from_numpy(laid)).numpy()
        back = np.rot90(predicted, -turns, axes=(-2, -1))
        total += back if flipped is None else np.flip(back, flipped)
    return total / len(ways)


@pytest.mark.parametrize("shape", [(3, 1, 16, 16), (2, 1, 8, 12), (2, 1, 4, 8, 8)])
@pytest.mark.parametrize("name", ["none", "flips", "turns", "flips and turns"])
def test_predictions_are_the_mean_over_the_orientations(name: str, shape: tuple[int, ...]) -> None:
    model, tiles = network(len(shape) - 2), RNG.normal(size=shape).astype("f4")
    transforms, _, _ = TRANSFORMS[name]
    ways = shown(transforms, is_square=shape[-1] == shape[-2])
    predicted = Network(model, training_orientations(transforms, (16, 16)))(tiles)
    np.testing.assert_allclose(predicted, mean_over(model, tiles, ways), atol=1e-5)
    if len(ways) > 1:
        assert np.abs(predicted - mean_over(model, tiles, ways[:1])).max() > 1e-4


def test_a_network_that_knows_no_direction_predicts_the_same_with_and_without() -> None:
    model = network()
    for parameter in model.parameters():
        if parameter.ndim == 4:
            # Every kernel becomes the mean over its eight orientations, or a single pixel's.
            kernels = parameter.data
            ways = [torch.rot90(k, turns, (-2, -1)) for k in (kernels, kernels.flip(-1)) for turns in range(4)]
            parameter.data = torch.stack(ways).mean(0)
    tiles = RNG.normal(size=(2, 1, 16, 16)).astype("f4")
    plain, averaged = (Network(model, training_orientations(t, (8, 8)))(tiles) for t in ([], BOTH))
    np.testing.assert_allclose(averaged, plain, atol=1e-5)


@pytest.mark.parametrize(("tile_size", "n_forwards"), [((16, 16), 8), ((16, 8), 4), (None, 4)])
def test_tiles_that_are_not_square_are_not_turned_by_a_quarter(
    tile_size: tuple[int, int] | None, n_forwards: int
) -> None:
    model, shapes = network(), []
    model.register_forward_hook(lambda _module, given, _result: shapes.append(tuple(given[0].shape)))
    identity = Normalization.identity(1)
    predict_image(
        model,
        Image.of("cells", np.ones((16, 8)), "YX"),
        normalization=identity,
        target_normalization=identity,
        tile_size=tile_size,
        tile_overlap=(0, 0),
        orientations=training_orientations(BOTH, (16, 16)),
    )
    assert len(shapes) == n_forwards
    assert len(set(shapes)) == 1
