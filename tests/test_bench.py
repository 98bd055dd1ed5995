"""Whether a training waits for its data is measured on any data, and nothing of it is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.bench import BenchReport, run_bench
from patchmill.config import Configuration, create_care_configuration, create_n2v_configuration
from patchmill.errors import MissingFileError
from patchmill.samples import simulate_fluorescence

IMAGE = simulate_fluorescence((64, 64), seed=2).noisy


def configure(axes: str = "YX", **settings: Any) -> Configuration:
    usual: dict[str, Any] = {
        "experiment_name": "test",
        "data_type": "tiff",
        "axes": axes,
        "patch_size": [8, 16, 16] if "Z" in axes else [16, 16],
        "batch_size": 4,
        "num_epochs": 1,
        "model_params": {"depth": 1, "num_channels_init": 8},
    }
    create = create_care_configuration if settings.pop("care", False) else create_n2v_configuration
    masking = {} if create is create_care_configuration else {"masked_pixel_percentage": 1}
    return create(**{**usual, **masking, **settings})


def check(report: BenchReport) -> None:
    counts = [speed.num_threads for speed in report.loader]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    for speed in report.loader:
        assert speed.bytes_per_s > speed.patches_per_s > 0
    assert report.memcpy_bytes_per_s > 0
    assert report.training_patches_per_s > 0
    assert 0 <= report.waiting_share <= 1
    assert report.n_runs >= 1
    assert report.device == "cpu"


KINDS: dict[str, dict[str, Any]] = {
    "image": {},
    "volume": {"axes": "ZYX"},
    "channels": {"axes": "YXC", "n_channels": 2},
    "some channels": {"axes": "CTYX", "channels": [2, 0]},
    "pairs": {"care": True, "axes": "CYX", "n_channels_in": 2, "n_channels_out": 1, "independent_channels": False},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_simulated_for_any_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("patchmill.bench.SIDE", 128)
    config = configure(**KINDS[kind])
    report = run_bench(configuration=config, device="cpu", seconds=0.3)
    check(report)
    assert report.configuration == config
    assert report.data == "a simulated image"
    assert list(tmp_path.iterdir()) == []


def test_epochs_of_a_single_step_are_measured_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE[:32, :32])
    report = run_bench(tmp_path, configuration=configure(num_steps=1), device="cpu", seconds=0.3)
    check(report)
    assert report.n_runs > 1
    assert report.data == "1 file(s)"


def test_a_configuration_is_suggested_for_the_data(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([IMAGE] * 2))
    report = run_bench([tmp_path / "a.tif"], axes="TYX", device="cpu", seconds=0.3)
    check(report)
    data = report.configuration.data_config
    assert (data.axes, data.patch_size) == ("TYX", [32, 32])


def test_data_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        run_bench(tmp_path / "none.tif")
