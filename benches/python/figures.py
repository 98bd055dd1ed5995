"""What was measured: runs, their ratios, and the tables and the record that they are written to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Place", "Row", "Section"]

Place = dict[str, str | int]
"""On what something was measured: the work, the number of threads, ..."""


@dataclass(frozen=True)
class Row:
    """The runs of one thing.

    Parameters
    ----------
    what, unit : str
        What was measured, and in what. Rows that differ in it alone are columns of one line of a table.
    at : Place
        On what it was measured.
    runs : list of float
        The runs, in their order.
    """

    what: str
    unit: str
    at: Place
    runs: list[float]

    def over(self, other: Row, what: str, at: Place | None = None) -> Row:
        """Divide by another row, run by run: the runs of a round are neighbours in time."""
        ratios = [run / base for run, base in zip(self.runs, other.runs, strict=True)]
        return Row(what, "", self.at if at is None else at, ratios)

    def times(self, factor: float, what: str, unit: str) -> Row:
        """Express it in another unit."""
        return Row(what, unit, self.at, [run * factor for run in self.runs])

    def record(self) -> dict[str, Any]:
        """Describe it for JSON."""
        return {**self.at, "what": self.what, "unit": self.unit, "runs": [float(f"{run:.5g}") for run in self.runs]}

    def __str__(self) -> str:
        if len(self.runs) == 1:
            return _number(self.runs[0])
        return f"{_number(statistics.median(self.runs))} ({_number(min(self.runs))} - {_number(max(self.runs))})"


@dataclass(frozen=True)
class Section:
    """A table with what is to be said of it.

    Parameters
    ----------
    name : str
        What it is called in the record.
    title, text : str
        Its heading, and how it was measured.
    rows : list of Row
        The figures.
    """

    name: str
    title: str
    text: str
    rows: list[Row]

    def markdown(self) -> str:
        """Write it in Markdown: a line per place, a column per thing that was measured."""
        headings: dict[str, str] = {}
        lines: dict[tuple[str | int, ...], dict[str, str]] = {}
        for row in self.rows:
            headings[row.what] = f"{row.what}, {row.unit}" if row.unit else row.what
            lines.setdefault(tuple(row.at.values()), {})[row.what] = str(row)
        table = [[*self.rows[0].at, *headings.values()]]
        table += [[*map(str, place), *(cells.get(what, "") for what in headings)] for place, cells in lines.items()]
        table.insert(1, ["---"] * len(table[0]))
        return "\n".join([f"## {self.title}", "", self.text, "", *map(_line, table), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
