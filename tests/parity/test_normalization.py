"""Normalised values are CAREamics', up to the rounding of float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from patchmill.config import MeanStdConfig, MinMaxConfig, NoNormConfig, QuantileConfig
from patchmill.dataset import InMemoryDataset
from patchmill.errors import PatchmillWarning
from patchmill.transforms import Normalize
from tests.parity.images import Array, config, noise
from tests.parity.peer import Peer

EPSILON = float(np.finfo(np.float32).eps)

DTYPES = [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64]


def _assert_equal(ours: Array, theirs: Array, patch: Array, shifts: list[float], widths: list[float]) -> None:
    """Assert equality up to the rounding of the pixel, the shift, their difference, the scale and the product."""
    assert ours.dtype == theirs.dtype == np.float32
    shape = (len(shifts),) + (1,) * (patch.ndim - 1)
    shift, width = np.reshape(shifts, shape), np.reshape(widths, shape)
    rounding = EPSILON * ((np.abs(patch.astype(np.float64)) + np.abs(shift)) / width + 3 * np.abs(theirs))
    assert (np.abs(ours.astype(np.float64) - theirs) <= rounding).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_and_std_are_those_of_v0_1(v01: Peer, dtype: type) -> None:
    patch = noise((2, 16, 16), dtype)
    means, stds = patch.mean((1, 2)).tolist(), patch.std((1, 2)).tolist()
    theirs = v01.call("normalized", patch=patch, means=means, stds=stds)
    (from_dataset,) = InMemoryDataset(config("CYX", [16, 16]), patch)[0]
    (from_transform, *_) = Normalize(means, stds)(patch)
    for ours in (from_dataset, from_transform):
        _assert_equal(ours, theirs, patch, means, stds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["mean_std", "min_max", "quantile"])
def test_given_statistics_normalise_as_in_0_3_5(v03: Peer, kind: str, dtype: type) -> None:
    patch = noise((2, 16, 16), dtype)
    first, second = [10.0, 20.5], [100.25, 3000.0]
    theirs = v03.call(
        "normalized", kind="mean_std" if kind == "mean_std" else "range", patch=patch, first=first, second=second
    )
    given: dict[str, Any] = {
        "mean_std": {"image_means": first, "image_stds": second, "normalization": MeanStdConfig()},
        "min_max": {"normalization": MinMaxConfig(input_mins=first, input_maxes=second)},
        "quantile": {
            "normalization": QuantileConfig(input_lower_quantile_values=first, input_upper_quantile_values=second)
        },
    }[kind]
    (ours,) = InMemoryDataset(config("CYX", [16, 16], **given), patch)[0]
    widths = second if kind == "mean_std" else np.subtract(second, first).tolist()
    _assert_equal(ours, theirs, patch, first, widths)


def test_a_constant_image_becomes_zeros_as_theirs(v01: Peer) -> None:
    patch = np.full((1, 16, 16), 7, np.uint16)
    theirs = v01.call("normalized", patch=patch, means=[7.0], stds=[0.0])
    with pytest.warns(PatchmillWarning, match="standard deviation 0"):
        (ours,) = InMemoryDataset(config("YX", [16, 16]), patch[0])[0]
    np.testing.assert_array_equal(ours, theirs)


def test_no_normalization_leaves_pixels_as_they_are() -> None:
    patch = noise((1, 16, 16))
    (ours,) = InMemoryDataset(config("YX", [16, 16], normalization=NoNormConfig()), patch[0])[0]
    np.testing.assert_array_equal(ours, patch)
