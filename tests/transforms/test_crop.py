"""The fused kernel (crop, cast, normalise, orient) is the oracle's, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import Augmentation, PatchDataset, Plan
from patchmill.sources import canonical_view
from tests.images import AXES, DTYPES, LAYOUTS, dtypes, lay_out, layouts, random_image, random_pixels, seeds
from tests.oracles.item import Dataset

FLIPS_AND_TURNS = {"flip_probability": 0.5, "rotation_probability": 0.75, "flip_y": True, "flip_x": True}


def assert_items_are_the_oracles(oracle: Dataset, image: np.ndarray, axes: str, items: list[tuple[int, int]]) -> None:
    pixels = canonical_view(image, axes)
    assert np.shares_memory(pixels, image)
    n_s, n_t, n_c, *size = pixels.shape
    core = PatchDataset(
        [("image", pixels)],
        oracle.normalization,
        Plan.sequential([("image", n_s * n_t, tuple(size))], oracle.patch),
        augmentation=Augmentation(**FLIPS_AND_TURNS),
    )
    out = np.full((len(items), n_c, *oracle.patch), np.nan, dtype=np.float32)
    core.submit(np.array(items), (out,), seed=oracle.seed, num_threads=2).wait()
    for (index, epoch), found in zip(items, out, strict=True):
        (expected,) = oracle.item(index, epoch)
        assert found.tobytes() == expected.tobytes(), f"item {index} of epoch {epoch}"


def oracle_of(image: np.ndarray, axes: str, patch: tuple[int, int, int], n_channels: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(
        images=[image],
        axes=axes,
        patch=patch,
        normalization=list(zip(rng.normal(5, 30, n_channels), rng.uniform(0.01, 9, n_channels), strict=True)),
        seed=seed,
        flipped_axes=[-2, -1],
        flip_p=FLIPS_AND_TURNS["flip_probability"],
        rotation_p=FLIPS_AND_TURNS["rotation_probability"],
    )


@given(st.data(), dtypes, layouts, st.sampled_from(AXES), seeds)
def test_patches_of_any_image_are_the_oracles(
    data: st.DataObject, dtype: np.dtype, layout: str, axes: str, seed: int
) -> None:
    sizes = {letter: data.draw(st.integers(1, 3), letter) for letter in "STC"}
    sizes |= {"Z": data.draw(st.integers(1, 5), "Z")}
    sizes |= {letter: data.draw(st.integers(1, 45), letter) for letter in "YX"}
    n_z, n_y, n_x = (sizes[letter] if letter in axes else 1 for letter in "ZYX")
    patch_y, patch_x = data.draw(st.integers(1, n_y), "patch y"), data.draw(st.integers(1, n_x), "patch x")
    if data.draw(st.booleans(), "is square"):
        patch_y = patch_x = min(patch_y, patch_x)
    patch = (data.draw(st.integers(1, n_z), "patch z"), patch_y, patch_x)
    image = random_image(axes, sizes, dtype, layout=layout, seed=seed % 2**32)
    oracle = oracle_of(image, axes, patch, sizes["C"] if "C" in axes else 1, seed)
    items = [(data.draw(st.integers(0, len(oracle) - 1)), epoch) for epoch in range(8)]
    assert_items_are_the_oracles(oracle, image, axes, items)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_data_type_in_every_layout_is_the_oracles(dtype: np.dtype, layout: str) -> None:
    image = random_image("ZYX", {"Z": 2, "Y": 53, "X": 37}, dtype, layout=layout, seed=1)
    oracle = oracle_of(image, "ZYX", (1, 35, 35), 1, seed=2)
    assert_items_are_the_oracles(oracle, image, "ZYX", [(index, epoch) for index in (1, 6) for epoch in range(6)])


def test_every_order_of_axes_is_the_oracles() -> None:
    sizes = dict(zip("STCZYX", (2, 3, 2, 3, 5, 4), strict=True))
    for axes in AXES:
        image = random_image(axes, sizes, np.dtype(np.uint16), layout="rows", seed=1)
        oracle = oracle_of(image, axes, (2 if "Z" in axes else 1, 3, 3), 2 if "C" in axes else 1, seed=len(axes))
        assert_items_are_the_oracles(oracle, image, axes, [(0, 0), (len(oracle) - 1, 1)])


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", ">i2", "u1", "i1", "<f2", ">f2"])
def test_every_value_of_a_narrow_type_is_the_oracles(dtype: str) -> None:
    kind = np.dtype(dtype)
    values = np.arange(2 ** (8 * kind.itemsize)).astype(f"u{kind.itemsize}").view(kind.newbyteorder("=")).astype(kind)
    values = np.where(np.isfinite(values), values, np.zeros(1, kind)) if kind.kind == "f" else values
    image = values.astype(kind).reshape(-1, 16)
    oracle = oracle_of(image, "YX", (1, *image.shape), 1, seed=3)
    assert_items_are_the_oracles(oracle, image, "YX", [(0, epoch) for epoch in range(4)])


def test_integers_beyond_float32_are_normalised_before_they_are_rounded() -> None:
    image = np.array([[2**24, 2**24 + 1], [2**53 - 1, 2**53]], dtype=np.uint64)
    core = PatchDataset(
        [("image", image[None, None, None, None])],
        [(2.0**24, 1.0)],
        Plan.sequential([("image", 1, (1, 2, 2))], (1, 2, 2)),
    )
    out = np.empty((1, 1, 1, 2, 2), dtype=np.float32)
    core.submit(np.array([[0, 0]]), (out,), seed=0, num_threads=1).wait()
    assert out[0, 0, 0, 0].tolist() == [0.0, 1.0]
    assert out[0, 0, 0, 1].tolist() == [float(np.float32(2**53 - 1 - 2**24)), float(np.float32(2**53 - 2**24))]


def test_pixels_of_a_broadcast_image_are_the_oracles() -> None:
    row = random_pixels((40,), np.dtype(np.uint16), 5)
    image = np.broadcast_to(row, (3, 30, 40))
    oracle = oracle_of(np.ascontiguousarray(image), "TYX", (1, 17, 17), 1, seed=4)
    assert_items_are_the_oracles(oracle, image, "TYX", [(index, index) for index in range(len(oracle))])


def test_a_single_pixel_is_a_patch() -> None:
    image = lay_out(np.array([[7]], dtype=np.int32), "unaligned")
    oracle = oracle_of(image, "YX", (1, 1, 1), 1, seed=6)
    assert_items_are_the_oracles(oracle, image, "YX", [(0, epoch) for epoch in range(8)])
