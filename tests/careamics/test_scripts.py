"""Scripts like the published notebooks of CAREamics do the same with ``python -m patchmill.careamics`` before them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from tests.careamics.environment import variables

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in (HERE / "scripts").glob("*.py") if path.stem != "simulated")
SEEDS = (1, 2, 3, 4, 5)
REPEATED = ("care_2d_array", "n2v_2d_array")
"""Scripts that are run for every seed, the others for the first."""

pytestmark = pytest.mark.timeout(600)  # the first to ask waits for all scripts

Folders = tuple[Path, Path]


@pytest.fixture(scope="session")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Run all scripts without patchmill, and with it at the same time."""
    runs = [f"{name}:{seed}" for name in SCRIPTS for seed in (SEEDS if name in REPEATED else SEEDS[:1])]
    root = tmp_path_factory.mktemp("scripts")
    processes = []
    for name, before in (("plain", []), ("accelerated", ["-m", "patchmill.careamics"])):
        folder = root / name
        folder.mkdir()
        command = [sys.executable, *before, HERE / "run_scripts.py", folder, *runs]
        processes.append(subprocess.Popen(command, env=variables()))
    assert [process.wait() for process in processes] == [0, 0]
    return root / "plain", root / "accelerated"


@pytest.fixture(params=SCRIPTS)
def folders(request: pytest.FixtureRequest, roots: Folders) -> Folders:
    """Return the folders of one script, if it came to its end without patchmill."""
    plain, accelerated = roots
    name = f"{request.param}_{SEEDS[0]}"
    if _exit_code(plain / name):
        pytest.fail(f"does not run without patchmill:\n{(plain / name / 'log.txt').read_text()[-2000:]}")
    return plain / name, accelerated / name


def test_every_script_comes_to_its_end(folders: Folders) -> None:
    assert _exit_code(folders[1]) == 0, (folders[1] / "log.txt").read_text()[-2000:]


def test_the_same_files_are_written(folders: Folders) -> None:
    plain, accelerated = map(_names_of_files, folders)
    assert accelerated == plain


def test_predictions_have_the_same_shapes_and_types_and_show_the_same(folders: Folders) -> None:
    plain, accelerated = map(_predictions, folders)
    assert accelerated.keys() == plain.keys()
    assert plain
    for name, expected in plain.items():
        assert (accelerated[name].shape, accelerated[name].dtype) == (expected.shape, expected.dtype), name
        assert np.isfinite(accelerated[name]).all(), name
        # Two trainings with other draws: what is not alike is stitched wrongly, of another image or of no scale.
        assert np.corrcoef(accelerated[name].ravel(), expected.ravel())[0, 1] > 0.6, name
        assert accelerated[name].mean() == pytest.approx(expected.mean(), rel=0.2), name


def test_losses_fall_and_end_near_those_without_patchmill(folders: Folders) -> None:
    plain, accelerated = map(_losses, folders)
    assert accelerated.keys() == plain.keys()
    assert plain
    for name, expected in plain.items():
        assert len(accelerated[name]) == len(expected), name
        assert accelerated[name][-1] < accelerated[name][0], name
        assert 1 / 1.6 < accelerated[name][-1] / expected[-1] < 1.6, name


@pytest.mark.parametrize("name", REPEATED)
def test_losses_of_several_seeds_differ_by_no_more_than_the_seeds_make(name: str, roots: Folders) -> None:
    ends = np.array([[_losses(root / f"{name}_{seed}")["csv_logs"][-1] for seed in SEEDS] for root in roots])
    error = np.sqrt((ends.var(axis=1, ddof=1) / len(SEEDS)).sum())
    assert abs(np.diff(ends.mean(axis=1))[0]) < 3 * error


def _exit_code(folder: Path) -> int:
    name, _, seed = folder.name.rpartition("_")
    codes: dict[str, int] = json.loads((folder.parent / "exit_codes.json").read_text())
    return codes[f"{name}:{seed}"]


def _names_of_files(folder: Path) -> Counter[str]:
    """Return the names of all files; those of checkpoints without the epochs and losses of the best."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return Counter(re.sub(r"\d+(\.\d+)?", "#", name) if name.endswith(".ckpt") else name for name in names)


def _predictions(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Read what was predicted: arrays that the script has saved, and what was written for it."""
    images: dict[str, NDArray[np.generic]] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".npy":
            images[name] = np.load(path)
        elif path.suffix == ".tiff":
            images[name] = tifffile.imread(path)
        elif path.suffix == ".zarr" and path.is_dir():
            group = zarr.open_group(path, mode="r")
            images |= {f"{name}/{key}": array[...] for key, array in group.arrays()}
    return images


def _losses(folder: Path) -> dict[str, list[float]]:
    """Return for every training its loss of each epoch, under the folder that it was logged in."""
    losses = {}
    for file in folder.rglob("metrics.csv"):
        with file.open() as lines:
            rows = [row["train_loss_epoch"] for row in csv.DictReader(lines)]
        losses[file.relative_to(folder).parts[0]] = [float(loss) for loss in rows if loss]
    return losses
