"""Images through a network in tiles: every pixel once, in the axes and shape of the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchmill.config import XYFlipConfig
from patchmill.errors import ConfigError, DataError, PatchmillError, ShapeError
from patchmill.models import UNet
from patchmill.prediction import predict_image
from patchmill.prediction.orientations import training_orientations
from patchmill.sources import Image, Normalization
from tests.images import AXES, dtypes, layouts, random_image

RNG = np.random.default_rng(11)


class Identity(UNet):
    """A network that gives back what it gets, and keeps the shapes of the batches."""

    def __init__(self, conv_dims: int, n_channels: int = 1) -> None:
        super().__init__(conv_dims, in_channels=n_channels, num_classes=n_channels, depth=1, num_channels_init=8)
        self.batches: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches.append(tuple(x.shape))
        return x


def network(conv_dims: int = 2, *, seed: int = 0, **parameters: Any) -> UNet:
    """Make a small network with random weights, whose pixels see no further than 9 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet(conv_dims, **{"depth": 1, "num_channels_init": 8, **parameters})


def predict(model: UNet, array: np.ndarray, axes: str, **options: Any) -> np.ndarray:
    image = Image.of("cells", array, axes)
    n_out = options.pop("n_out", image.n_channels)
    of_input, of_output = (Normalization.by_mean_and_std([3.0] * n, [2.0] * n) for n in (image.n_channels, n_out))
    return predict_image(model, image, normalization=of_input, target_normalization=of_output, **options)


@given(
    axes=st.sampled_from(AXES),
    sizes=st.fixed_dictionaries(
        {axis: st.integers(1, 3) for axis in "STC"}
        | {"Z": st.integers(1, 7)}
        | {axis: st.integers(1, 19) for axis in "YX"}
    ),
    dtype=dtypes,
    layout=layouts,
    is_tiled=st.booleans(),
    batch_size=st.integers(1, 5),
    blend=st.sampled_from([None, "linear", "gaussian"]),
    orientations=st.sampled_from([training_orientations(transforms, (8, 8)) for transforms in ([], [XYFlipConfig()])]),
)
def test_the_network_that_changes_nothing_gives_back_the_image(
    axes: str,
    sizes: dict[str, int],
    dtype: np.dtype[Any],
    layout: str,
    is_tiled: bool,
    batch_size: int,
    blend: Any,
    orientations: Any,
) -> None:
    array = random_image(axes, sizes, dtype, layout=layout, seed=1)
    n_dims = 3 if "Z" in axes else 2
    tiles = {"tile_size": (4, 8, 6)[-n_dims:], "tile_overlap": (2, 4, 2)[-n_dims:]} if is_tiled else {}
    model = Identity(n_dims, sizes["C"] if "C" in axes else 1)
    options = {"batch_size": batch_size, "blend": blend, "orientations": orientations}
    predicted = predict(model, array, axes, **tiles, **options)
    assert (predicted.shape, predicted.dtype) == (array.shape, np.float32)
    np.testing.assert_allclose(predicted, array.astype("f8"), rtol=1e-5, atol=1e-5)
    assert all(1 <= n_tiles <= batch_size for n_tiles, *_ in model.batches)


@pytest.mark.parametrize(
    ("conv_dims", "shape", "tile_size", "tile_overlap"),
    [
        (2, (90, 78), (48, 40), (20, 20)),
        (2, (64, 200), (128, 64), (20, 24)),
        (3, (30, 46, 34), (28, 32, 34), (20, 20, 0)),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_tiles_that_overlap_enough_give_what_the_whole_image_gives(
    conv_dims: int, shape: tuple[int, ...], tile_size: Sequence[int], tile_overlap: Sequence[int], batch_size: int
) -> None:
    model, image = network(conv_dims), RNG.normal(3, 2, shape).astype("f4")
    axes = "ZYX"[-conv_dims:]
    whole = predict(model, image, axes)
    tiled = predict(model, image, axes, tile_size=tile_size, tile_overlap=tile_overlap, batch_size=batch_size)
    # An axis that is shorter than its tile is padded by reflection, which the whole image is not.
    interior = tuple(
        slice(10, -10) if tile > size else slice(None) for tile, size in zip(tile_size, shape, strict=True)
    )
    np.testing.assert_allclose(tiled[interior], whole[interior], atol=1e-4)


def test_tiles_without_overlap_differ_at_their_borders_alone() -> None:
    model, image = network(), RNG.normal(3, 2, (64, 64)).astype("f4")
    whole = predict(model, image, "YX")
    tiled = predict(model, image, "YX", tile_size=(32, 32), tile_overlap=(0, 0))
    far = np.ones(64, bool)
    far[32 - 10 : 32 + 10] = False
    np.testing.assert_allclose(tiled[np.ix_(far, far)], whole[np.ix_(far, far)], atol=1e-4)
    assert np.abs(tiled - whole).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (31, 33)])
def test_any_size_goes_through_a_network_that_halves_it(shape: tuple[int, int]) -> None:
    image = RNG.normal(3, 2, shape).astype("f4")
    for options in ({}, {"tile_size": (32, 16), "tile_overlap": (8, 8)}):
        predicted = predict(network(depth=3), image, "YX", **options)
        assert predicted.shape == shape
        assert np.isfinite(predicted).all()


@pytest.mark.parametrize(
    ("axes", "n_in", "n_out", "axes_out"),
    [("CYX", 2, 3, "CYX"), ("YXC", 2, 3, "YXC"), ("YX", 1, 2, "CYX"), ("SYX", 1, 2, "SCYX"), ("SCYX", 2, 1, "SCYX")],
)
def test_a_network_with_other_channels_out_than_in_changes_that_axis_alone(
    axes: str, n_in: int, n_out: int, axes_out: str
) -> None:
    sizes = {"S": 3, "C": n_in, "Y": 10, "X": 12}
    image = RNG.normal(3, 2, [sizes[axis] for axis in axes]).astype("f4")
    model = network(in_channels=n_in, num_classes=n_out, independent_channels=False)
    predicted = predict(model, image, axes, n_out=n_out)
    assert predicted.shape == tuple({**sizes, "C": n_out}[axis] for axis in axes_out)


def test_predicting_leaves_the_network_without_gradients_and_in_evaluation_mode() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predict(model, RNG.normal(3, 2, (16, 16)), "YX")
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


TILES = {"tile_size": (16, 16), "tile_overlap": (4, 4)}


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"tile_size": (15, 16)}, ConfigError, "tile_size, axis Y: expected a multiple of 2, .*, got 15. Use 16."),
        (
            {"tile_size": (16, 16, 16)},
            ConfigError,
            "tile_size: expected 2 whole numbers of pixels, YX, .*got (16, 16, 16)",
        ),
        ({"tile_size": 16}, ConfigError, "tile_size: expected 2 whole numbers of pixels, YX, .*, got 16. Give one per"),
        ({"tile_size": (0, 16)}, ConfigError, "tile_size: .* got (0, 16). Give one per axis, at least 1."),
        ({"tile_size": (16.0, 16)}, ConfigError, "tile_size: expected 2 whole numbers"),
        ({**TILES, "tile_overlap": (4,)}, ConfigError, "tile_overlap: expected 2 whole numbers of pixels, YX"),
        (
            {**TILES, "tile_overlap": (-2, 4)},
            ConfigError,
            "tile_overlap: .* got (-2, 4). Give one per axis, at least 0.",
        ),
        ({**TILES, "tile_overlap": (3, 4)}, ConfigError, "tile_overlap: expected even overlaps, .*, got 3 along Y"),
        ({**TILES, "tile_overlap": (4, 16)}, ConfigError, "smaller than the tile (16 along X), got 16 along X"),
        ({"batch_size": 0}, ConfigError, "batch_size: expected a whole number of at least 1, got 0"),
    ],
)
def test_tiles_that_cannot_be_are_refused(options: dict[str, Any], kind: type[PatchmillError], message: str) -> None:
    with pytest.raises(kind, match=message.replace("(", r"\(").replace(")", r"\)")):
        predict(network(), np.ones((20, 20)), "YX", **options)


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((3, 20, 20), "CYX", "cells, axis C: expected 1 channels, as the network was trained on, got 3: its axes"),
        ((3, 20, 20), "ZYX", "cells, axis Z: expected one plane, because the network is 2D, got 3. Give the axes with"),
    ],
)
def test_an_image_that_does_not_fit_the_network_is_refused(shape: tuple[int, ...], axes: str, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        predict(network(), np.ones(shape), axes)


@pytest.mark.parametrize(("value", "got"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8"])
def test_a_pixel_that_is_no_number_is_named_before_it_spreads(dtype: str, value: float, got: str) -> None:
    image = np.ones((2, 20, 20), dtype)
    image[1, 5, 7] = value
    with pytest.raises(DataError, match=rf"cells, sample 1, .*\(z=0, y=5, x=7\): expected a finite number, got {got}"):
        predict(network(), image, "SYX")
