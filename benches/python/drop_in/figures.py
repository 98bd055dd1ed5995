"""The figures of the rows, what they are to be, and a table of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FIGURES", "Figure", "figures_table"]


@dataclass(frozen=True)
class Figure:
    """A line of the table.

    Parameters
    ----------
    row, key : str
        The row that it is measured in, and its name there.
    heading : str
        What it is.
    unit : str
        Its unit.
    times : float, optional
        By which factor the line is to make it better. None if it has no such goal.
    below : float, optional
        What the figure with the line is to stay below.
    more_is_better : bool, default=False
        Whether it is a speed.
    """

    row: str
    key: str
    heading: str
    unit: str
    times: float | None = None
    below: float | None = None
    more_is_better: bool = False

    def factor(self, record: dict[str, Any]) -> float:
        """Return how many times better its median is with the line."""
        plain, line = (statistics.median(self.values(record, side)) for side in ("plain", "line"))
        better, worse = (line, plain) if self.more_is_better else (plain, line)
        return better / worse if worse else math.inf

    def values(self, record: dict[str, Any], side: str) -> list[float]:
        """Return the runs of a side, in their order."""
        return [run[self.key] for run in record["rows"][self.row]["runs"][side]]

    def is_met(self, record: dict[str, Any]) -> bool | None:
        """Tell whether the goals are reached; None if there are none."""
        if self.times is None and self.below is None:
            return None
        return (self.times is None or self.factor(record) >= self.times) and (
            self.below is None or statistics.median(self.values(record, "line")) < self.below
        )


FIGURES = (
    Figure("training_2d", "patches_per_s", "training data, 2D 64 x 64", "patches/s", times=80, more_is_better=True),
    Figure(
        "training_3d", "patches_per_s", "training data, 3D 16 x 64 x 64", "patches/s", times=20, more_is_better=True
    ),
    Figure("set_up", "seconds", "set-up of a data module, 1 GiB uint16", "s", times=40),
    Figure("set_up", "memory_mb", "memory beyond that array", "MB", below=100),
    Figure("masking", "uniform_ms", "Noise2Void's step, batch of 128, uniform", "ms", times=5),
    Figure("masking", "median_ms", "Noise2Void's step, batch of 128, median", "ms", times=5),
    Figure("training", "seconds", "a whole `CAREamist.train`", "s", times=1.3),
    Figure("prediction", "seconds", "a tiled prediction of 4096 x 4096", "s"),
    Figure("prediction", "network_s", "of it the network", "s"),
    Figure("prediction", "rest_s", "of it data and stitching", "s", times=5),
)


def figures_table(record: dict[str, Any]) -> str:
    """Write the table of the figures of all rows that were measured.

    Parameters
    ----------
    record : dict
        What a run measured.
    """
    lines = [
        "| | | CAREamics | with the line | better by | goal | |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for figure in FIGURES:
        if figure.row in record["rows"]:
            sides = (_spread(figure.values(record, side)) for side in ("plain", "line"))
            met = {True: "met", False: "missed", None: ""}[figure.is_met(record)]
            cells = [figure.heading, figure.unit, *sides, f"{_short(figure.factor(record))} x", _goal(figure), met]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(numbers: Sequence[float]) -> str:
    return f"{_short(statistics.median(numbers))} ({_short(min(numbers))} to {_short(max(numbers))})"


def _short(number: float) -> str:
    """Write three digits, and all of those before the point."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _goal(figure: Figure) -> str:
    if figure.times is not None:
        return f"{figure.times:g} x"
    return "" if figure.below is None else f"< {figure.below:g} {figure.unit}"
