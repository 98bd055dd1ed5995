"""Where patchmill has what CAREamics 0.1.0 has, as ``docs/careamics.md`` says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NOT_THERE", "OTHER_ARGUMENTS", "SAME", "Row", "places", "tables"]

PAGE = Path(__file__).parents[2] / "docs" / "careamics.md"

SAME, NOT_THERE, OTHER_ARGUMENTS = "the same", "—", "other arguments"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    names : list of str
        The names of CAREamics.
    place : str
        Where they are: `SAME`, `NOT_THERE`, the path of the one name in patchmill, or the module that has all of them.
    remark : str
        What differs. It begins with `OTHER_ARGUMENTS` if that is so.
    """

    names: list[str]
    place: str
    remark: str


def tables() -> dict[str, list[Row]]:
    """Return the rows of each table, by the module or class of CAREamics that it is about."""
    found: dict[str, list[Row]] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, text = section.partition("\n")
        found[heading.strip("`")] = list(_rows(text))
    return found


def places(*, with_other_arguments: bool = True) -> dict[str, str]:
    """Return the path in patchmill of each name of CAREamics that has one.

    Parameters
    ----------
    with_other_arguments : bool, default=True
        Whether those are among them that are not called as in CAREamics.
    """
    return {
        f"{about}.{name}": row.place if len(row.names) == 1 else f"{row.place}.{name}"
        for about, rows in tables().items()
        for row in rows
        for name in row.names
        if row.place not in (SAME, NOT_THERE)
        if with_other_arguments or not row.remark.startswith(OTHER_ARGUMENTS)
    }


def _rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        if line.startswith("| `"):
            names, place, remark = (cell.strip() for cell in line.rstrip("|").removeprefix("| ").split(" | ", 2))
            yield Row(re.findall(r"`([^`]+)`", names), place.strip("`"), remark)
