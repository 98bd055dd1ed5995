"""The demo: an image of its own, denoised, with pictures and figures of what was gained."""

from __future__ import annotations

import csv
import importlib
import math
from pathlib import Path

import numpy as np
import pytest

from patchmill.demo import DemoReport, run_demo
from patchmill.errors import MissingPackageError, OutputError
from patchmill.samples import simulate_fluorescence
from patchmill.sources import read_metadata, read_tiff


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return run_demo(folder, size=128, num_epochs=30, seed=3, device="cpu", progress=False)


def test_the_demo_writes_all_its_files(report: DemoReport) -> None:
    files = {path.relative_to(report.folder).as_posix() for path in report.folder.rglob("[!.]*") if path.is_file()}
    best = min(report.training.history, key=lambda record: record.watched_loss).epoch
    assert files == {
        "noisy.tif",
        "truth.tif",
        "denoised.tif",
        "losses.csv",
        "losses.png",
        "comparison.png",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "checkpoints/training_state.safetensors",
        "config.yml",
        "report.html",
        "report.json",
        *(f"panels/epoch_{epoch:04d}.png" for epoch in {1, 2, 3, 5, 8, 12, 18, 27, 30, best}),
    }


def test_the_images_of_the_demo_are_those_that_it_reports_on(report: DemoReport) -> None:
    sample = simulate_fluorescence((128, 128), seed=3)
    images = {name: read_tiff(report.folder / f"{name}.tif") for name in ("noisy", "truth", "denoised")}
    np.testing.assert_array_equal(images["noisy"], sample.noisy)
    np.testing.assert_array_equal(images["truth"], sample.truth)
    assert images["denoised"].dtype == np.float32
    assert {read_metadata(report.folder / f"{name}.tif").axes for name in images} == {"YX"}
    assert report.psnr_noisy == sample.psnr(images["noisy"])
    assert report.psnr_denoised == sample.psnr(images["denoised"])


def test_the_demo_gains_with_little_training(report: DemoReport) -> None:
    assert report.psnr_denoised > report.psnr_noisy + 3


def test_the_figures_of_the_demo_are_numbers(report: DemoReport) -> None:
    assert math.isfinite(report.psnr_noisy)
    assert math.isfinite(report.psnr_denoised)
    assert report.training.patches_per_s > 0
    assert 0 <= report.training.waiting_share <= 1
    assert report.seconds >= report.training.seconds
    with (report.folder / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 31))
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_the_pictures_of_the_demo_are_pictures(report: DemoReport) -> None:
    image = importlib.import_module("matplotlib.image")
    for name in ("losses.png", "comparison.png"):
        height, width, _ = image.imread(report.folder / name).shape
        assert min(height, width) > 300


def test_a_second_demo_replaces_the_first_with_the_same(tmp_path: Path) -> None:
    results = []
    for _ in range(2):
        run_demo(tmp_path, size=128, num_epochs=1, seed=1, device="cpu", progress=False)
        results.append({path.name: path.read_bytes() for path in tmp_path.glob("*.tif")})
    assert results[0] == results[1]


def test_without_matplotlib_the_demo_says_so_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'patchmill\[plot\]'"):
        run_demo(tmp_path / "demo", size=128, num_epochs=1)
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_cannot_be_made_is_named_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file: expected a folder that can be written to, got"):
        run_demo(tmp_path / "file", size=128, num_epochs=1, device="cpu", progress=False)
