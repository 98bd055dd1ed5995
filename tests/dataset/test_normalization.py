"""Every kind of normalisation: its statistics, its pixels, its targets, and what is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patchmill.config import MeanStdConfig, MinMaxConfig, NoNormConfig, QuantileConfig
from patchmill.dataset import InMemoryDataset, IterableDataset
from patchmill.errors import DataError, ShapeError
from patchmill.sources import Normalization, input_normalization
from tests.dataset.files import write_tiffs
from tests.dataset.milling import data_config, noise

IMAGE = noise((3, 40, 50))
TARGET = noise((2, 40, 50), np.float32, seed=4)


def plain(**settings: Any) -> Any:
    return data_config("CYX", transforms=[], **settings)


def whole(dataset: InMemoryDataset, part: int = 0) -> np.ndarray:
    """Put the patches of the sequential grid back where they lie."""
    pixels = np.empty((dataset[0][part].shape[0], 40, 50), np.float32)
    regions = dataset._plan.regions(np.array([(index, 0) for index in range(len(dataset))]), seed=0)
    for index, (_, _, _, y, x) in enumerate(regions.tolist()):
        pixels[:, y : y + 16, x : x + 16] = dataset[index][part]
    return pixels


def applied(image: np.ndarray, shifts: Any, scales: Any) -> np.ndarray:
    shifts, scales = (np.reshape(np.float32(values), (-1, 1, 1)) for values in (shifts, scales))
    return (image.astype(np.float32) - shifts) * scales


def low_and_high(image: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    flat = image.reshape(len(image), -1).astype(np.float64)
    if kind == "min_max":
        return flat.min(1), flat.max(1)
    return np.quantile(flat, 0.05, axis=1), np.quantile(flat, 0.9, axis=1)


RANGES = {"min_max": MinMaxConfig(), "quantile": QuantileConfig(lower_quantiles=[0.05], upper_quantiles=[0.9])}


@pytest.mark.parametrize("kind", RANGES)
def test_a_range_becomes_0_to_1_channel_by_channel(kind: str) -> None:
    dataset = InMemoryDataset(plain(normalization=RANGES[kind]), IMAGE, TARGET)
    for part, image in enumerate((IMAGE, TARGET)):
        low, high = low_and_high(image, kind)
        assert whole(dataset, part).tobytes() == applied(image, low, 1 / (high - low + 1e-8)).tobytes()
    found = dataset.data_config.normalization
    low, high = low_and_high(IMAGE, kind)
    names = ("mins", "maxes") if kind == "min_max" else ("lower_quantile_values", "upper_quantile_values")
    assert [getattr(found, f"input_{name}") for name in names] == [low.tolist(), high.tolist()]
    assert getattr(found, f"target_{names[0]}") == low_and_high(TARGET, kind)[0].tolist()
    again = InMemoryDataset(dataset.data_config, noise((3, 40, 50), seed=8), TARGET)
    assert again.data_config.normalization == found, "given statistics win"


def test_nothing_is_done_to_pixels_if_asked_to() -> None:
    dataset = InMemoryDataset(plain(normalization=NoNormConfig()), IMAGE, TARGET)
    assert whole(dataset).tobytes() == IMAGE.astype(np.float32).tobytes()
    assert whole(dataset, 1).tobytes() == TARGET.tobytes()
    bad = TARGET.copy()
    bad[1, 2, 3] = np.nan
    with pytest.raises(DataError, match="NaN"):
        InMemoryDataset(plain(normalization=NoNormConfig()), IMAGE, bad)


def test_channels_may_share_their_statistics() -> None:
    dataset = InMemoryDataset(plain(normalization=MeanStdConfig(per_channel=False)), IMAGE)
    means, stds = dataset.get_data_statistics()
    np.testing.assert_allclose(means, [IMAGE.mean()] * 3, rtol=1e-12)
    np.testing.assert_allclose(stds, [IMAGE.std()] * 3, rtol=1e-12)
    assert abs(whole(dataset).mean()) < 1e-5
    dataset = InMemoryDataset(plain(normalization=MinMaxConfig(per_channel=False)), IMAGE)
    pixels = whole(dataset)
    assert (pixels.min(), round(float(pixels.max()), 6)) == (0, 1)
    dataset = InMemoryDataset(plain(normalization=QuantileConfig(per_channel=False)), IMAGE)
    expected = [float(np.quantile(IMAGE.astype(float), 0.01))] * 3
    assert dataset.data_config.normalization.input_lower_quantile_values == expected


@pytest.mark.parametrize("kind", [MeanStdConfig, MinMaxConfig, QuantileConfig])
def test_targets_may_stay_as_they_are(kind: Any) -> None:
    dataset = InMemoryDataset(plain(normalization=kind(skip_target=True)), IMAGE, TARGET)
    assert whole(dataset, 1).tobytes() == TARGET.tobytes()
    assert dataset.data_config.target_means is None


def test_levels_of_quantiles_may_differ_from_channel_to_channel() -> None:
    levels = {"lower_quantiles": [0.0, 0.1, 0.2], "upper_quantiles": [0.7, 0.8, 1.0]}
    dataset = InMemoryDataset(plain(normalization=QuantileConfig(**levels)), IMAGE)
    found = dataset.data_config.normalization
    pixels = IMAGE.reshape(3, -1).astype(float)
    assert found.input_lower_quantile_values == [
        float(np.quantile(channel, level)) for channel, level in zip(pixels, levels["lower_quantiles"], strict=True)
    ]
    with pytest.raises(ShapeError, match="one for each of 2 channels, got 3"):
        InMemoryDataset(plain(normalization=QuantileConfig(**levels)), IMAGE[:2])


@pytest.mark.parametrize("kind", [MeanStdConfig(), *RANGES.values()])
def test_statistics_of_files_that_are_read_in_turn_are_those_of_all_together(tmp_path: Path, kind: Any) -> None:
    paths = write_tiffs(tmp_path, [(2, 30, 40), (2, 50, 20), (2, 33, 33)])
    config = data_config("CYX", data_type="tiff", normalization=kind)
    together, in_turn = InMemoryDataset(config, paths), IterableDataset(config, paths)
    assert in_turn.data_config.normalization == together.data_config.normalization
    assert in_turn.get_data_statistics() == together.get_data_statistics()


def test_chosen_channels_are_the_ones_that_count() -> None:
    for channels in ([1], [2, 0], [0, 1, 2]):
        dataset = InMemoryDataset(plain(channels=channels, patching="sequential"), IMAGE)
        means, stds = dataset.get_data_statistics()
        assert means == [float(IMAGE[channel].mean()) for channel in channels]
        scales = [1 / (std + 1e-6) for std in stds]
        assert whole(dataset).tobytes() == applied(IMAGE[channels], means, scales).tobytes()


def test_normalizations_are_shift_and_scale() -> None:
    assert Normalization.identity(2).pairs == [(0.0, 1.0)] * 2
    assert Normalization.by_mean_and_std([3.0], [0.0]).pairs == [(3.0, 1e6)]
    config = plain(normalization=MinMaxConfig(input_mins=[1.0], input_maxes=[3.0]))
    assert input_normalization(config, 1) == Normalization.by_range([1.0], [3.0])
