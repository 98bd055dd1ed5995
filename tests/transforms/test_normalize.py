"""Normalisation: (x - mean) / (std + 1e-6), to the last bit what the data type's arithmetic says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill.config import DataConfig
from patchmill.dataset import InMemoryDataset
from tests.images import DTYPES, dtypes, random_pixels
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
