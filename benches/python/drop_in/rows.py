"""What is measured: the rows of the table, and what their processes are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drop_in.process import run
from patchmill.samples import simulate_fluorescence

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True)
class Row:
    """A measurement.

    Parameters
    ----------
    name : str
        What ``--only`` calls it.
    function : str
        What its processes call: ``module.function`` of this package.
    settings : dict
        The arguments.
    quick : dict
        The arguments that ``--quick`` changes.
    rounds : int, default=5
        How often each side is measured.
    best : str, optional
        The figure by which CAREamics' number of workers is chosen, of 0, 1 and 2. None for rows without workers.
    trial : dict
        The arguments that differ while that number is looked for.
    """

    name: str
    function: str
    settings: dict[str, Any]
    quick: dict[str, Any] = field(default_factory=dict)
    rounds: int = 5
    best: str | None = None
    trial: dict[str, Any] = field(default_factory=dict)

    def prepare(self, folder: Path, *, quick: bool) -> dict[str, Any]:
        """Write what the processes read; return the arguments that name it."""
        return {}

    def of_run(self, folder: Path, side: str, number: int) -> dict[str, Any]:
        """Return the arguments of one run."""
        return {}

    def compare(self, folder: Path) -> dict[str, Any]:
        """Compare what the last run of each side left behind."""
        return {}


class TrainingRow(Row):
    """Whole trainings on simulated images, each run with another seed."""

    def prepare(self, folder: Path, *, quick: bool) -> dict[str, Any]:
        return {"images": _save(folder / "images.npy", _stack(2 if quick else 16, 256 if quick else 512))}

    def of_run(self, folder: Path, side: str, number: int) -> dict[str, Any]:
        return {"seed": number + 1}


class PredictionRow(Row):
    """Predictions by a network that is trained once, without the line."""

    def prepare(self, folder: Path, *, quick: bool) -> dict[str, Any]:
        images = _save(folder / "images.npy", _stack(2, 256))
        (folder / "work").mkdir()
        trained = run("training.checkpoint", "plain", images=images, folder=str(folder / "work"))
        # Repeated: simulating that much takes minutes, and a network does not mind.
        n_times = 2 if quick else 8
        image = np.tile(simulate_fluorescence((512, 512), seed=20).noisy, (n_times, n_times))
        return {"checkpoint": trained["checkpoint"], "image": _save(folder / "image.npy", image)}

    def of_run(self, folder: Path, side: str, number: int) -> dict[str, Any]:
        return {"output": str(folder / f"{side}.npy")}

    def compare(self, folder: Path) -> dict[str, Any]:
        plain, line = (np.load(folder / f"{side}.npy").astype(np.float64) for side in ("plain", "line"))
        largest = float(np.abs(line - plain).max())
        return {"largest_difference": largest, "in_deviations": largest / float(np.load(folder / "image.npy").std())}


def _stack(n: int, side: int) -> NDArray[np.uint16]:
    return np.stack([simulate_fluorescence((side, side), seed=seed).noisy for seed in range(n)])


def _save(path: Path, array: NDArray[Any]) -> str:
    np.save(path, array)
    return str(path)


PATCHES_2D = {"axes": "SYX", "shape": [40, 1024, 1024], "patch_size": [64, 64], "batch_size": 128}
PATCHES_3D = {"axes": "ZYX", "shape": [64, 1024, 1024], "patch_size": [16, 64, 64], "batch_size": 16}

ROWS = (
    Row(
        "training_2d",
        "training_data.measure",
        {**PATCHES_2D, "seconds": 4.0},
        {"shape": [4, 1024, 1024], "seconds": 1.0},
        best="patches_per_s",
        trial={"seconds": 1.0},
    ),
    Row(
        "training_3d",
        "training_data.measure",
        {**PATCHES_3D, "seconds": 4.0},
        {"shape": [64, 256, 256], "seconds": 1.0},
        best="patches_per_s",
        trial={"seconds": 1.0},
    ),
    Row("set_up", "set_up.measure", {"shape": [512, 1024, 1024]}, {"shape": [32, 1024, 1024]}, rounds=3),
    Row("masking", "masking.measure", {"batch_size": 128, "seconds": 1.5}, {"seconds": 0.3}),
    TrainingRow("training", "training.measure", {"num_epochs": 3}, best="seconds", trial={"num_epochs": 1}),
    PredictionRow("prediction", "prediction.measure", {}, best="seconds"),
)
