"""Normalisation: (x - mean) / (std + 1e-6), to the last bit what the data type's arithmetic says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill.config import DataConfig
from patchmill.dataset import InMemoryDataset
from patchmill.errors import ConfigError, DtypeError, ShapeError
from patchmill.transforms import Denormalize, Normalize
from tests.images import DTYPES, dtypes, lay_out, layouts, random_pixels
from tests.oracles.normalize import affine, denormalize, normalize

finite = st.floats(-1e6, 1e6)
positive = st.floats(0, 1e6)


def normalized(image: np.ndarray, means: list[float], stds: list[float], axes: str = "CYX") -> np.ndarray:
    config = DataConfig(
        data_type="array",
        axes=axes,
        patch_size=list(image.shape[-2:]),
        transforms=[],
        image_means=means,
        image_stds=stds,
        seed=1,
    )
    (patch,) = InMemoryDataset(config, image)[0]
    return patch


@given(dtypes, finite, positive, st.integers(0, 99))
def test_items_are_the_oracles(dtype: np.dtype, mean: float, std: float, seed: int) -> None:
    image = random_pixels((2, 9, 8), dtype, seed)
    means, stds = [mean, -mean], [std, 2 * std]
    pixels = image.astype(dtype.newbyteorder("="))[:, None]
    assert normalized(image, means, stds).tobytes() == normalize(pixels, means, stds)[:, 0].tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_items_are_within_rounding_of_the_formula(dtype: np.dtype) -> None:
    image = random_pixels((1, 30, 20), dtype, 3)
    values = image.astype(np.float64)
    mean, std = float(values.mean()), float(values.std())
    found, expected = normalized(image, [mean], [std]), (values - mean) / (std + 1e-6)
    scale = (abs(values) + abs(mean)) / (std + 1e-6)
    assert (abs(found - expected) <= 4 * np.finfo(np.float32).eps * scale + 1e-38).all()


def test_a_constant_channel_becomes_zero_and_not_nan() -> None:
    image = np.full((1, 8, 8), 77, dtype=np.uint8)
    assert not normalized(image, [77.0], [0.0]).any()


@given(finite, st.floats(1e-3, 1e6), st.integers(0, 99))
def test_denormalising_brings_the_pixels_back(mean: float, std: float, seed: int) -> None:
    pixels = random_pixels((1, 1, 6, 6), np.dtype(np.uint16), seed)
    normalization = [(mean, 1 / std)]
    again = denormalize(affine(pixels, normalization), normalization)
    assert np.allclose(again, pixels, rtol=1e-5, atol=1e-6 * (abs(mean) + 65535))


@given(dtypes, layouts, st.sampled_from([(), (1,), (3,)]), finite, positive, st.integers(0, 99))
def test_normalised_arrays_are_the_oracles(
    dtype: np.dtype, layout: str, depth: tuple[int, ...], mean: float, std: float, seed: int
) -> None:
    patch = lay_out(random_pixels((2, *depth, 7, 5), dtype, seed), layout)
    means, stds = [mean, -mean], [std, 2 * std]
    found, target, others = Normalize(means, stds, means[:1], stds[:1])(patch, patch[:1], other=patch)
    native = patch.astype(dtype.newbyteorder("="))
    expected = normalize(native, means, stds)
    assert (found.shape, found.dtype) == (patch.shape, np.float32)
    assert all(array.flags.c_contiguous for array in (found, target, others["other"]))
    assert found.tobytes() == others["other"].tobytes() == expected.tobytes()
    assert target.tobytes() == expected[:1].tobytes()


@given(st.sampled_from([(), (1,), (3,)]), st.integers(0, 3), finite, positive, st.integers(0, 99), st.booleans())
def test_denormalised_batches_are_the_oracles(
    depth: tuple[int, ...], n: int, mean: float, std: float, seed: int, is_double: bool
) -> None:
    batch = (
        np.random.default_rng(seed).normal(size=(n, 2, *depth, 4, 6)).astype(np.float64 if is_double else np.float32)
    )
    means, stds = [mean, -mean], [std, 2 * std]
    if n == 0:
        with pytest.raises(ShapeError, match=r"expected pixels with the axes BC\(Z\)YX"):
            Denormalize(means, stds)(batch)
        return
    found = Denormalize(means, stds)(batch)
    normalization = [(mean, 1 / (std + 1e-6)) for mean, std in zip(means, stds, strict=True)]
    expected = np.stack([denormalize(patch.astype(np.float32), normalization) for patch in batch])
    assert (found.shape, found.dtype) == (batch.shape, np.float32)
    assert found.tobytes() == expected.tobytes()


def test_arrays_that_do_not_fit_the_statistics_are_refused() -> None:
    patch = np.zeros((2, 8, 8), dtype=np.uint8)
    for wrong in (patch[0], patch[:, :0], patch[None, None]):
        with pytest.raises(ShapeError, match=r"patch: expected pixels with the axes C\(Z\)YX"):
            Normalize([1.0, 2.0], [1.0, 2.0])(wrong)
    with pytest.raises(ShapeError, match="patch: expected 1 channels, one per mean, along axis 0"):
        Normalize([1.0], [1.0])(patch)
    with pytest.raises(ShapeError, match="labels: expected 2 channels"):
        Normalize([1.0, 2.0], [1.0, 2.0])(patch, labels=patch[:1])
    with pytest.raises(ConfigError, match="target: expected target_means and target_stds"):
        Normalize([1.0, 2.0], [1.0, 2.0])(patch, patch)
    with pytest.raises(ShapeError, match="target: expected 1 channels"):
        Normalize([1.0, 2.0], [1.0, 2.0], [1.0], [1.0])(patch, patch)
    with pytest.raises(ShapeError, match="patch: expected 1 channels, one per mean, along axis 1"):
        Denormalize([1.0], [1.0])(patch[None])
    with pytest.raises(DtypeError, match="patch: expected real numbers, got complex128"):
        Denormalize([1.0, 2.0], [1.0, 2.0])(patch[None] * 1j)


def test_statistics_that_do_not_fit_each_other_are_refused() -> None:
    for means, stds in [([1.0], [1.0, 2.0]), ([], []), ([float("nan")], [1.0])]:
        with pytest.raises(ConfigError, match="image_means"):
            Normalize(means, stds)
        with pytest.raises(ConfigError, match="image_means"):
            Denormalize(means, stds)
        with pytest.raises(ConfigError, match="target_means"):
            Normalize([1.0], [1.0], means, stds)
    with pytest.raises(ConfigError, match="target_means"):
        Normalize([1.0], [1.0], [1.0])
