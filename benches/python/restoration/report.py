"""What came of restoring images, as a page with a table and pictures."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t

__all__ = ["write_report"]

DOCS = Path(__file__).parents[3] / "docs"
CLOSE_UP = 128
"""The side of what is shown of an image."""

TEXT = """\
# Quality

Do networks that patchmill trains restore images as well as those of CAREamics 0.3.5? Both train on the same images,
on a UNet of depth 2 with 16 initial channels, for {steps:,} steps of 16 patches of 64 x 64, with the same {n_seeds}
seeds and otherwise their defaults, but for the rate of learning: it falls to a tenth for the second half, so that the
last few batches do not decide more than what is compared. Stratified patches, 8 of them kept for validation; whole
images are restored by what each uses by default (the last weights for Noise2Void, the best ones for CARE). `make
quality` measures it again; two trainings run at a time, each on a core of its own.

{machine}

PSNR in dB over the range of the truth, the mean of all images. *Difference*: patchmill's PSNR less CAREamics', seed by
seed; *at least*: with 95 % confidence (one-sided, Student's t over the seeds). *Brightness aside*: the same with every
image shifted to the mean of its truth. *Time*: of training, patchmill's in CAREamics', the median over the seeds, run
by run. Gaussian and non-local means have the strength that is best for each image, which nobody knows without the
truth.

{table}

![The same part of an image, restored by each](images/quality.png)

## The images

*Simulated cells*: four images of 384 x 384 of `patchmill.samples.simulate_fluorescence`, 25 photo-electrons in the
brightest pixel. *Photographs*: scikit-image's camera, cell, brick and moon, with 40 photo-electrons in the brightest
pixel, Poisson noise and Gaussian noise of 2 electrons. *Simulated pairs*: four for training (15 photo-electrons, and
the truth), two others for the table.

## Why they differ

By their draws. From the same weights and the same batches both train the same network, to the rounding of floats
(`tests/careamics/test_training.py`); a seed chooses other weights and batches in each. What a seed moves most is the
brightness of a restored image: batch normalisation restores with averages over the last ten batches or so.

## What this does not show

Real micrographs, whose truth nobody knows; volumes; trainings that take hours, where the details of the schedule
count; and an accelerator. The time is that of two cores that do both the loading and the network, in which the
network takes most.
"""


def write_report(record: dict[str, Any], shown: dict[str, dict[str, NDArray[np.float32]]]) -> None:
    """Write docs/quality.md and its picture.

    Parameters
    ----------
    record : dict
        What was measured.
    shown : dict of dict of numpy.ndarray
        By the names of the tasks, images of one size by what made them; ``"truth"`` among them.
    """
    n_seeds = max(run["seed"] for task in record["tasks"].values() for run in task["runs"])
    text = TEXT.format(
        steps=record["steps"], n_seeds=n_seeds, machine=_list(record["machine"]), table=_table(record["tasks"])
    )
    (DOCS / "quality.md").write_text(text, encoding="utf-8")
    _draw(shown, DOCS / "images" / "quality.png")


def _list(machine: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in machine.items())


def _table(tasks: dict[str, Any]) -> str:
    classical = list(next(iter(tasks.values()))["classical"])
    headings = ["", *classical, "CAREamics", "patchmill", "difference", "at least"]
    headings += ["brightness aside", "at least", "time"]
    lines = [_row(headings), _row(["---"] * len(headings))]
    for name, task in tasks.items():
        peer, ours = (_runs_of(task, trainer) for trainer in ("CAREamics", "patchmill"))
        time = statistics.median(a["train_s"] / b["train_s"] for a, b in zip(ours, peer, strict=True))
        cells = [
            name,
            *(f"{np.mean(task['classical'][kind]):.2f}" for kind in classical),
            *(f"{means.mean():.2f} ± {means.std(ddof=1):.2f}" for means in (_means(peer), _means(ours))),
            *_difference(_means(ours) - _means(peer)),
            *_difference(_means(ours, "psnr_of_mean") - _means(peer, "psnr_of_mean")),
            f"{time:.2f}",
        ]
        lines.append(_row(cells))
    return "\n".join(lines)


def _runs_of(task: dict[str, Any], trainer: str) -> list[dict[str, Any]]:
    runs = (run for run in task["runs"] if run["trainer"] == trainer)
    return sorted(runs, key=lambda run: run["seed"])


def _means(runs: list[dict[str, Any]], of: str = "psnr") -> NDArray[np.float64]:
    """Average over the images, run by run."""
    return np.array([np.mean(run[of]) for run in runs])


def _difference(differences: NDArray[np.float64]) -> tuple[str, str]:
    """Describe differences by their mean and its lower bound."""
    margin = t.ppf(0.95, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{differences.mean():+.2f}", f"{differences.mean() - margin:+.2f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _draw(shown: dict[str, dict[str, NDArray[np.float32]]], path: Path) -> None:
    """Draw a row of close-ups for each task, all of them in the range of the truth."""
    columns = ["noisy", "non-local means", "CAREamics", "patchmill", "truth"]
    with mpl.rc_context({"font.size": 8}):
        figure = Figure(figsize=(2 * len(columns), 2.1 * len(shown)), dpi=110, layout="compressed")
        axes = figure.subplots(len(shown), len(columns), squeeze=False)
        for row, (task, images) in zip(axes, shown.items(), strict=True):
            middle = tuple(slice((size - CLOSE_UP) // 2, (size + CLOSE_UP) // 2) for size in images["truth"].shape)
            low, high = np.percentile(images["truth"][middle], (0.1, 99.9))
            for place, name in zip(row, columns, strict=True):
                place.imshow(images[name][middle], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
                place.set(xticks=[], yticks=[])
                if place is axes[0][columns.index(name)]:
                    place.set_title(name)
            row[0].set_ylabel(task)
        figure.savefig(path)
