"""Blended tiles are the oracle's, have no seams, and can be put together window by window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import Blend, TileGrid, stitch_into
from patchmill.errors import ConfigError, ShapeError
from tests.oracles.blend import blend
from tests.oracles.normalize import denormalize
from tests.oracles.sequential import Size
from tests.oracles.tiled import tiles
from tests.prediction.test_tiles import Geometry, geometries, grid_of

PROFILES = ["linear", "gaussian"]
NORMALIZATION = [(3.25, 0.7), (-10.0, 4.0)]

profiles = st.sampled_from(PROFILES)


def predict(geometry: Geometry, seed: int) -> np.ndarray:
    """Make predicted tiles of two channels."""
    _, tile, _ = geometry
    return np.random.default_rng(seed).normal(size=(len(grid_of(geometry)), 2, *tile)).astype(np.float32)


@given(geometries(), profiles, st.integers(0, 99))
def test_tiles_are_blended_as_the_oracle_says(geometry: Geometry, profile: str, seed: int) -> None:
    size, tile, overlap = geometry
    grid, predicted = grid_of(geometry), predict(geometry, seed)
    out = np.zeros((2, *size), np.float32)
    stitch_into(predicted, grid, first=0, normalization=NORMALIZATION, out=out, blend=Blend(grid, profile))
    back = [denormalize(pixels, NORMALIZATION) for pixels in predicted]
    expected = blend(back, tiles(*geometry), size, tile, overlap, profile)
    np.testing.assert_allclose(out, expected, rtol=2e-6, atol=2e-5)


@given(geometries(), profiles, st.floats(-1e5, 1e5, width=32))
def test_a_constant_prediction_stays_constant(geometry: Geometry, profile: str, value: float) -> None:
    size, tile, _ = geometry
    grid = grid_of(geometry)
    out = np.zeros((1, *size), np.float32)
    constant = np.full((len(grid), 1, *tile), value, np.float32)
    stitch_into(constant, grid, first=0, normalization=[(0.0, 1.0)], out=out, blend=Blend(grid, profile))
    # Below the least normal number, floats have fewer digits.
    np.testing.assert_allclose(out, np.float32(value), rtol=2e-6, atol=1e-37)


@given(geometries(), st.sampled_from([None, *PROFILES]), st.integers(0, 99))
def test_a_sample_can_be_put_together_in_windows(geometry: Geometry, profile: str | None, seed: int) -> None:
    size, tile, _ = geometry
    grid, predicted = grid_of(geometry), predict(geometry, seed)
    how = None if profile is None else Blend(grid, profile)
    whole, parts = np.zeros((2, *size), np.float32), np.zeros((2, *size), np.float32)
    stitch_into(predicted, grid, first=0, normalization=NORMALIZATION, out=whole, blend=how)
    for number in range(len(grid)):
        origin = [span[0] for span in grid.tile(number)]
        place = tuple(slice(start, min(start + n, end)) for start, n, end in zip(origin, tile, size, strict=True))
        window = np.ascontiguousarray(parts[(slice(None), *place)])
        stitch_into(
            predicted[number : number + 1],
            grid,
            first=number,
            normalization=NORMALIZATION,
            out=window,
            origin=origin,
            blend=how,
        )
        parts[(slice(None), *place)] = window
    assert parts.tobytes() == whole.tobytes()


@pytest.mark.parametrize("profile", PROFILES)
def test_no_seam_is_left_where_tiles_disagree(profile: str) -> None:
    grid = TileGrid((1, 1, 96), tile_size=(1, 1, 64), tile_overlap=(0, 0, 32))
    disagreeing = np.zeros((2, 1, 1, 1, 64), np.float32)
    disagreeing[1] = 1
    steps = {}
    for name, how in (("stitched", None), ("blended", Blend(grid, profile))):
        out = np.zeros((1, 1, 1, 96), np.float32)
        stitch_into(disagreeing, grid, first=0, normalization=[(0.0, 1.0)], out=out, blend=how)
        assert (np.diff(out.ravel()) >= 0).all()
        assert (out.min(), out.max()) == (0, 1)
        steps[name] = np.diff(out.ravel()).max()
    assert steps["stitched"] == 1
    assert steps["blended"] < 0.08


def test_a_profile_that_is_not_known_is_refused() -> None:
    grid = TileGrid((1, 8, 8), tile_size=(1, 8, 8), tile_overlap=(0, 0, 0))
    with pytest.raises(ConfigError, match='blend: expected "linear", "gaussian" or None, got "cubic"'):
        Blend(grid, "cubic")


SIZE: Size = (1, 16, 16)


@pytest.mark.parametrize(
    ("shape", "origin"),
    [
        ((1, 1, 8, 16), (0, 0, 0)),
        ((1, 1, 16, 16), (0, 1, 0)),
        ((1, 1, 16, 16), (0, 2**64 - 1, 0)),
        ((2, 1, 16, 16), (0, 0, 0)),
        ((1, 16, 16), (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("profile", [None, "linear"])
def test_a_window_that_does_not_hold_the_tiles_is_refused(
    shape: tuple[int, ...], origin: Size, profile: str | None
) -> None:
    grid = TileGrid(SIZE, tile_size=(1, 8, 8), tile_overlap=(0, 2, 2))
    with pytest.raises(ShapeError, match="tiles: expected contiguous float32 arrays that fit the grid"):
        stitch_into(
            np.zeros((len(grid), 1, 1, 8, 8), "f4"),
            grid,
            first=0,
            normalization=[(0.0, 1.0)],
            out=np.zeros(shape, "f4"),
            origin=origin,
            blend=None if profile is None else Blend(grid, profile),
        )


def test_the_weights_of_other_tiles_are_refused() -> None:
    grid = TileGrid(SIZE, tile_size=(1, 8, 8), tile_overlap=(0, 2, 2))
    other = Blend(TileGrid(SIZE, tile_size=(1, 8, 8), tile_overlap=(0, 0, 0)), "linear")
    with pytest.raises(ShapeError):
        stitch_into(
            np.zeros((1, 1, 1, 8, 8), "f4"),
            grid,
            first=0,
            normalization=[(0.0, 1.0)],
            out=np.zeros((1, *SIZE), "f4"),
            blend=other,
        )
