"""The page about what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drop_in.defects import defects_table
from drop_in.figures import figures_table
from drop_in.losses import losses_table

__all__ = ["write_report"]

PAGE = Path(__file__).parents[3] / "docs" / "careamics_drop_in.md"

TEXT = """\
# CAREamics with one line more: the figures

The same scripts, with CAREamics 0.3.5 as it is installed and with `patchmill.careamics.accelerate()` before them, side
by side in one run. `make bench-careamics` measures it again and writes this page.

{machine}

{table}

Medians, and the least and the most of the runs in brackets, five of each side ({few} for the set-up). *Better by*: the
ratio of the medians.

## How it was measured

Every run is a process of its own in an environment with CAREamics 0.3.5, with and without the line by turns, so that
a busy moment of the machine hits both. Torch computes on {num_threads} threads in both. `num_workers` is the one of 0,
1 and 2 that CAREamics was fastest with in a trial, for both sides:
{workers}.
With the line there are no worker processes, whatever it says. Noise2Void throughout, configured by CAREamics' factory,
and otherwise its defaults.

- *Training data*: batches of 128 (2D) and 16 (3D) from the data module's `train_dataloader`, of an array of 16-bit
  noise of 40 x 1024 x 1024 and 64 x 1024 x 1024. At least four seconds after two to warm up, on any number of epochs,
  with what an epoch takes to begin. Nothing is done with the batches. Statistics are given.
- *Set-up*: `CareamicsDataModule(...)`, `setup("fit")` and `train_dataloader()` of an array of 512 x 1024 x 1024. Memory
  is the growth of the process's resident memory at its peak.
- *Noise2Void's step*: `N2VModule.n2v_manipulate` on 128 patches of 64 x 64; the median of the calls of 1.5 s.
- *A whole training*: 16 simulated images of 512 x 512 (uint16), patches of 64 x 64, batches of 32, a UNet of depth 2
  with 16 initial channels, 3 epochs on the CPU; `CAREamist.train` alone, without imports. Each run has another seed.
- *Prediction*: `CAREamist.predict` of 4096 x 4096 pixels (uint16) in tiles of 256 x 256 that overlap by 48, eight a
  batch, by a UNet of depth 2 with 8 initial channels, the fewest that CAREamics takes: a larger one only adds to what
  is not compared. A prediction of 512 x 512 in the same process comes first. The network's part is the time within its
  `forward`; all else is data and stitching, with what Lightning does and the reading of the checkpoint. The largest
  difference between the pixels is {difference:.2g}, or {in_deviations:.1g} standard deviations of the image.

## The same loss curves

Means and standard deviations over {n_seeds} seeds. Both sides are given the same seeds, which give them the same
weights to begin with, but not the same draws. *Difference*: with the line less without, and its standard error.

{losses}

## Where CAREamics is wrong

What each draws from the same configuration. `accelerate(faithful=True)` keeps the left column where it is a choice.

{defects}

*Places*: the corners of patches within the cells of the grid that they are drawn from, of eight images of 512 x 512
with two workers, five seeds: the mean, and the least and the most. *Orientations*: of 8,000 patches of an image with no
two pixels alike. *Replacements*: of the pixels of 512 patches that are masked far from the border, `roi_size=11`.
*Mean and deviation*: of 512 x 512 pixels of 100 with a corner of 64 x 64 of 10,000, by ten seeds; no patches are set
aside.

## What this does not show

Training on a GPU, where what loads the data has the cores for itself; more cores than this machine has; files. The
larger the network, the less of a whole training is left to gain.
"""


def write_report(record: dict[str, Any]) -> None:
    """Write docs/careamics_drop_in.md.

    Parameters
    ----------
    record : dict
        What a whole run measured.
    """
    rows = record["rows"]
    text = TEXT.format(
        machine="".join(f"- {heading}: {value}\n" for heading, value in record["machine"].items()).rstrip(),
        table=figures_table(record),
        few=len(rows["set_up"]["runs"]["plain"]),
        num_threads=record["num_threads"],
        workers=_workers(record),
        difference=rows["prediction"]["largest_difference"],
        in_deviations=rows["prediction"]["in_deviations"],
        n_seeds=len(rows["training"]["runs"]["plain"]),
        losses=losses_table(rows["training"]["runs"]),
        defects=defects_table(record["draws"]),
    )
    PAGE.write_text(text, encoding="utf-8")


def _workers(record: dict[str, Any]) -> str:
    titles = {
        "training_2d": "data in 2D",
        "training_3d": "in 3D",
        "training": "the training",
        "prediction": "the prediction",
    }
    return ", ".join(f"{record['rows'][name]['num_workers']} for {title}" for name, title in titles.items())
