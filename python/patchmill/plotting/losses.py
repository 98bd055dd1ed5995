"""The curves of the losses by epoch."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from patchmill.errors import DataError, MissingFileError, ReadError
from patchmill.plotting.style import (
    ACCENT,
    COOL,
    FONT,
    GROUND,
    LINE,
    MUTED,
    TEXT,
    create_figure,
    relative,
    save_figure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["plot_losses"]


def plot_losses(
    history: str | os.PathLike[str] | Sequence[Mapping[str, float | str | None]], path: str | os.PathLike[str]
) -> None:
    """Draw the losses by epoch as a PNG file; the axis is logarithmic where the losses span more than a factor of 5.

    Parameters
    ----------
    history : path-like or sequence of mapping
        A CSV file with a header, or its rows: `epoch`, `train_loss` and, if there was a validation, `val_loss`. Other
        columns are left alone; a value that is empty, None or not finite leaves a gap.
    path : path-like
        The PNG file. It is replaced in one step: a failure leaves what was there.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    MissingFileError
        If the CSV file is not there; `ReadError` if it cannot be read.
    DataError
        If a column is missing, a value is not a number, or no training loss is finite.
    OutputError
        If the picture cannot be written.
    """
    where, rows = _read_history(history)
    epochs, train, val = (_column(where, rows, name) for name in ("epoch", "train_loss", "val_loss"))
    if not np.isfinite(train).any():
        msg = f"{where}: expected at least one finite train_loss, got none in {len(rows)} rows. Train an epoch first."
        raise DataError(msg)

    figure = create_figure(1000, 560)
    axes = figure.add_axes(relative(figure, (84, 68, 884, 430)), facecolor=GROUND)
    marker = "o" if len(epochs) <= 40 else ""
    axes.plot(epochs, train, color=COOL, linewidth=2, marker=marker, markersize=4, label="training")
    if np.isfinite(val).any():
        axes.plot(epochs, val, color=ACCENT, linewidth=2, marker=marker, markersize=4, label="validation")
        best = int(np.nanargmin(np.where(np.isfinite(val), val, np.nan)))
        label = f"best: {val[best]:.4g} in epoch {epochs[best]:g}"
        axes.plot(
            epochs[best], val[best], "o", markersize=11, markerfacecolor="none", markeredgecolor=TEXT, label=label
        )
    _style_loss_axes(axes, np.concatenate([train, val]))
    figure.text(84 / 1000, 1 - 36 / 560, "Loss by epoch", color=TEXT, family=FONT, fontsize=14, weight="bold")
    save_figure(figure, Path(path))


def _read_history(
    history: str | os.PathLike[str] | Sequence[Mapping[str, float | str | None]],
) -> tuple[str, Sequence[Mapping[str, float | str | None]]]:
    """Return where the rows come from, for messages, and the rows."""
    if not isinstance(history, str | os.PathLike):
        return "loss history", history
    try:
        with Path(history).open(newline="", encoding="utf-8") as file:
            return str(history), list(csv.DictReader(file))
    except OSError as error:
        msg = f"{history}: expected a CSV file of losses, got {error.strerror}. Check the path."
        raise (MissingFileError if isinstance(error, FileNotFoundError) else ReadError)(msg) from error


def _column(where: str, rows: Sequence[Mapping[str, float | str | None]], name: str) -> NDArray[np.float64]:
    """Return one column as floats, with NaN where there is no value."""
    if name != "val_loss" and any(name not in row for row in rows):
        columns = sorted({str(key) for row in rows for key in row})
        msg = (
            f"{where}: expected epoch and train_loss in every row, got {columns}. Pass the losses that training wrote."
        )
        raise DataError(msg)
    values = [row.get(name) for row in rows]
    try:
        return np.array([float("nan") if value in (None, "") else float(value) for value in values])
    except ValueError as error:
        msg = f"{where}: expected numbers in column {name}, got {error}. Pass the losses that training wrote."
        raise DataError(msg) from error


def _style_loss_axes(axes: Axes, losses: NDArray[np.float64]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    finite = losses[np.isfinite(losses)]
    if finite.min() > 0 and finite.max() > 5 * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if finite.max() > 12 * finite.min() else (1, 1.5, 2, 3, 5, 7))
        )
        axes.yaxis.set_minor_locator(LogLocator(subs=()))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", color=MUTED, family=FONT, fontsize=11)
    axes.set_ylabel("loss", color=MUTED, family=FONT, fontsize=11)
    axes.tick_params(colors=MUTED, labelsize=10, length=0, labelfontfamily=FONT)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=LINE)
    axes.legend(frameon=False, labelcolor=TEXT, prop={"family": FONT, "size": 11}, loc="upper right")
