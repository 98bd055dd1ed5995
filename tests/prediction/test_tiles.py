"""Tiles cover an image once, are padded by reflection, and stitched together give it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchmill._core import Blend, TileGrid, stitch_into, tiles_into
from patchmill.errors import ConfigError, PatchmillError, ShapeError
from patchmill.sources import canonical_view
from tests.images import AXES, dtypes, layouts, random_image, random_pixels
from tests.oracles.crop import samples
from tests.oracles.normalize import affine, denormalize
from tests.oracles.sequential import Size
from tests.oracles.stitch import cut, stitch
from tests.oracles.tiled import spans, tiles

Geometry = tuple[Size, Size, Size]


@st.composite
def geometries(draw: st.DrawFn, max_size: int = 40) -> Geometry:
    """Draw the sizes of a sample, of its tiles, and of their overlap."""
    size = tuple(draw(st.integers(1, n)) for n in (7, max_size, max_size))
    tile = tuple(draw(st.integers(1, n)) for n in (5, 20, 20))
    overlap = tuple(2 * draw(st.integers(0, (length - 1) // 2)) for length in tile)
    return size, tile, overlap


def grid_of(geometry: Geometry) -> TileGrid:
    size, tile, overlap = geometry
    return TileGrid(size, tile_size=tile, tile_overlap=overlap)


@given(geometries(max_size=120))
def test_tiles_are_the_oracles(geometry: Geometry) -> None:
    grid, expected = grid_of(geometry), tiles(*geometry)
    assert len(grid) == len(expected)
    assert [tuple(grid.tile(number)) for number in range(len(grid))] == expected


def test_tiles_are_those_of_careamics() -> None:
    # Its documented case: crops at 0 and 36, kept parts 0-56 and 56-100.
    assert spans(100, 64, 16) == [(0, 0, 56, 0), (36, 20, 64, 56)]
    grid = grid_of(((1, 100, 100), (1, 64, 64), (0, 16, 16)))
    assert [grid.tile(number)[1:] for number in range(4)] == [
        [y, x] for y in spans(100, 64, 16) for x in spans(100, 64, 16)
    ]


@given(geometries())
def test_kept_parts_cover_the_sample_once(geometry: Geometry) -> None:
    size, tile, _ = geometry
    covered = np.zeros(size, dtype=int)
    grid = grid_of(geometry)
    for number in range(len(grid)):
        place = []
        for axis, (origin, start, end, to) in enumerate(grid.tile(number)):
            assert 0 <= start < end <= tile[axis]
            assert origin + start == to
            assert origin + tile[axis] <= max(size[axis], tile[axis])
            place.append(slice(to, to + end - start))
        covered[tuple(place)] += 1
    assert (covered == 1).all()


@given(st.integers(2, 300), st.integers(4, 64), st.integers(1, 31))
def test_kept_pixels_are_half_an_overlap_from_the_edges_of_their_tile(size: int, tile: int, half: int) -> None:
    assume(2 * half < tile < size)
    found = [
        grid_of(((1, 1, size), (1, 1, tile), (0, 0, 2 * half))).tile(n)[2]
        for n in range(len(spans(size, tile, 2 * half)))
    ]
    for number, (_, start, end, _) in enumerate(found):
        assert number == 0 or start >= half
        assert number == len(found) - 1 or end <= tile - half


margins = st.one_of(st.just((0, 0, 0)), st.tuples(*[st.integers(0, 9)] * 3))


@given(geometries(), margins, st.sampled_from(AXES), dtypes, layouts, st.integers(0, 99))
def test_tiles_are_cut_as_the_oracle_says(
    geometry: Geometry, margin: Size, axes: str, dtype: np.dtype, layout: str, seed: int
) -> None:
    size, tile, overlap = geometry
    sizes = dict(zip("STCZYX", (2, 2, 2, *size), strict=True))
    size = (size[0] if "Z" in axes else 1, *size[1:])
    image = random_image(axes, sizes, dtype, layout=layout, seed=seed)
    expected_samples = samples(image, axes)
    n_samples, n_channels = expected_samples.shape[:2]
    normalization = [(3.25 + c, 0.7 + c) for c in range(n_channels)]
    grid = TileGrid(size, tile_size=tile, tile_overlap=overlap, margin=margin)
    expected = tiles(size, tile, overlap)
    sample = seed % n_samples
    with_margin = [length + 2 * width for length, width in zip(tile, margin, strict=True)]
    out = np.full((len(grid), n_channels, *with_margin), np.nan, dtype=np.float32)
    tiles_into(
        ("image", canonical_view(image, axes)),
        sample,
        grid,
        first=0,
        normalization=normalization,
        out=out,
        num_threads=2,
    )
    normalized = affine(expected_samples[sample], normalization)
    for pixels, place in zip(out, expected, strict=True):
        assert pixels.tobytes() == cut(normalized, place, tile, margin).tobytes()


@given(geometries(), margins, st.sampled_from([None, "linear", "gaussian"]))
def test_tiles_with_margins_are_put_together_as_those_without(
    geometry: Geometry, margin: Size, profile: str | None
) -> None:
    size, tile, overlap = geometry
    image, normalization = random_pixels((2, *size), np.dtype(np.uint8), 4), [(0.0, 1.0), (7.0, 0.25)]
    stitched = []
    for width in ((0, 0, 0), margin):
        grid = TileGrid(size, tile_size=tile, tile_overlap=overlap, margin=width)
        shape = [length + 2 * more for length, more in zip(tile, width, strict=True)]
        out = np.full((len(grid), 2, *shape), np.nan, dtype=np.float32)
        how = {"first": 0, "normalization": normalization}
        tiles_into(("image", image[None, None]), 0, grid, **how, out=out, num_threads=2)
        stitched.append(np.zeros((2, *size), dtype=np.float32))
        blend = None if profile is None else Blend(grid, profile)
        stitch_into(out, grid, **how, out=stitched[-1], blend=blend)
    assert stitched[0].tobytes() == stitched[1].tobytes()


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 7), (3, 5, 1), (2, 2, 2), (1, 9, 11)])
def test_an_axis_shorter_than_its_tile_is_reflected(size: Size) -> None:
    tile = (4, 12, 12)
    image = random_pixels(size, np.dtype(np.int16), 1)
    grid = TileGrid(size, tile_size=tile, tile_overlap=(0, 4, 4))
    out = np.full((1, 1, *tile), np.nan, dtype=np.float32)
    tiles_into(("image", image[None, None, None]), 0, grid, first=0, normalization=[(0.0, 1.0)], out=out, num_threads=1)
    padded = np.pad(image, [(0, t - s) for t, s in zip(tile, size, strict=True)], mode="reflect")
    np.testing.assert_array_equal(out[0, 0], padded)


@given(st.data(), geometries())
def test_tiles_can_be_cut_and_stitched_in_any_batches_and_order(data: st.DataObject, geometry: Geometry) -> None:
    size, tile, _ = geometry
    image = random_pixels((2, *size), np.dtype(np.uint8), 3)
    pixels = image[None, None]
    grid, normalization = grid_of(geometry), [(0.0, 1.0), (7.0, 0.25)]
    whole = np.full((len(grid), 2, *tile), np.nan, dtype=np.float32)
    tiles_into(("image", pixels), 0, grid, first=0, normalization=normalization, out=whole, num_threads=3)
    batch_size = data.draw(st.integers(1, len(grid)))
    firsts = data.draw(st.permutations(range(0, len(grid), batch_size)))
    stitched = np.full((2, *size), np.nan, dtype=np.float32)
    for first in firsts:
        batch = np.full((min(batch_size, len(grid) - first), 2, *tile), np.nan, dtype=np.float32)
        tiles_into(("image", pixels), 0, grid, first=first, normalization=normalization, out=batch, num_threads=1)
        assert batch.tobytes() == whole[first : first + batch_size].tobytes()
        stitch_into(batch, grid, first=first, normalization=normalization, out=stitched)
    np.testing.assert_array_equal(stitched, image, err_msg="8 bits and a scale of a power of two are exact")


@given(geometries(), st.integers(0, 99))
def test_tiles_are_stitched_as_the_oracle_says(geometry: Geometry, seed: int) -> None:
    size, tile, _ = geometry
    grid = grid_of(geometry)
    predicted = np.random.default_rng(seed).normal(size=(len(grid), 3, *tile)).astype(np.float32)
    normalization = [(100.5, 1 / 17.3), (-3.0, 1 / (0.0 + 1e-6)), (0.0, 1.0)]
    out = np.full((3, *size), np.nan, dtype=np.float32)
    stitch_into(predicted, grid, first=0, normalization=normalization, out=out)
    expected = denormalize(stitch(list(predicted), tiles(*geometry), size), normalization)
    assert not np.isnan(out).any()
    assert out.tobytes() == expected.tobytes()


@given(geometries(), st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_stitching_what_was_cut_gives_the_pixels_back(geometry: Geometry, mean: float, std: float) -> None:
    size, tile, _ = geometry
    image = random_pixels((1, *size), np.dtype(np.uint16), 5)
    grid, normalization = grid_of(geometry), [(mean, 1 / (std + 1e-6))]
    cut_tiles = np.empty((len(grid), 1, *tile), dtype=np.float32)
    tiles_into(("i", image[None, None]), 0, grid, first=0, normalization=normalization, out=cut_tiles, num_threads=2)
    out = np.empty((1, *size), dtype=np.float32)
    stitch_into(cut_tiles, grid, first=0, normalization=normalization, out=out)
    np.testing.assert_allclose(out, image, rtol=1e-6, atol=1e-6 * (abs(mean) + 65535))


@pytest.mark.parametrize(
    ("tile", "overlap", "message"),
    [
        ((1, 8, 8), (0, 3, 2), "even overlaps, smaller than the tile .8 along Y., got 3 along Y"),
        ((1, 8, 8), (0, 2, 8), "got 8 along X"),
        ((1, 0, 8), (0, 0, 0), "along Y"),
        ((2, 8, 8), (2, 2, 2), "got 2 along Z"),
    ],
)
def test_an_overlap_that_does_not_fit_is_refused(tile: Size, overlap: Size, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TileGrid((1, 30, 30), tile_size=tile, tile_overlap=overlap)


def test_a_tile_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="a number below 4, got 4"):
        TileGrid((1, 16, 16), tile_size=(1, 8, 8), tile_overlap=(0, 0, 0)).tile(4)


def test_arrays_that_do_not_fit_are_refused() -> None:
    grid = TileGrid((1, 16, 16), tile_size=(1, 8, 8), tile_overlap=(0, 0, 0))
    image = ("image", np.zeros((2, 1, 1, 1, 16, 16)))
    fits = {
        "image": image,
        "sample": 1,
        "first": 0,
        "normalization": [(0.0, 1.0)],
        "out": np.empty((4, 1, 1, 8, 8), "f4"),
    }
    read_only = np.empty((4, 1, 1, 8, 8), "f4")
    read_only.flags.writeable = False
    for name, value in (
        ("image", ("image", np.zeros((1, 1, 1, 1, 16, 17)))),
        ("sample", 2),
        ("first", 1),
        ("first", 2**64 - 1),
        ("normalization", [(0.0, 1.0)] * 2),
        ("out", np.empty((5, 1, 1, 8, 8), "f4")),
        ("out", np.empty((4, 1, 1, 8, 16), "f4")[..., ::2]),
        ("out", read_only),
    ):
        given_arguments = {**fits, name: value}
        with pytest.raises((PatchmillError, TypeError)):
            tiles_into(
                given_arguments["image"],
                given_arguments["sample"],
                grid,
                first=given_arguments["first"],
                normalization=given_arguments["normalization"],
                out=given_arguments["out"],
                num_threads=1,
            )
    with pytest.raises(ShapeError):
        stitch_into(
            np.empty((5, 1, 1, 8, 8), "f4"), grid, first=0, normalization=[(0, 1)], out=np.empty((1, 1, 16, 16), "f4")
        )
    with pytest.raises(ShapeError):
        stitch_into(
            np.empty((4, 1, 1, 8, 8), "f4"), grid, first=0, normalization=[(0, 1)], out=np.empty((1, 1, 16, 15), "f4")
        )
    with pytest.raises(ShapeError):
        stitch_into(
            np.empty((4, 1, 1, 8, 8), "f4"),
            grid,
            first=2**64 - 1,
            normalization=[(0, 1)],
            out=np.empty((1, 1, 16, 16), "f4"),
        )
