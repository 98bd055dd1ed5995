"""A table of where CAREamics' draws and statistics are wrong, and what they are with the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["defects_table"]

SIDES = ("plain", "line")


def defects_table(drawn: dict[str, Any]) -> str:
    """Write the table.

    Parameters
    ----------
    drawn : dict
        What ``draws.measure`` returned for ``"plain"`` and for ``"line"``.
    """
    lines = ["| | CAREamics | with the line | right |", "| --- | ---: | ---: | ---: |"]
    for heading, cell, right in _lines(drawn["plain"]):
        lines.append("| " + " | ".join([heading, *(cell(drawn[side]) for side in SIDES), right]) + " |")
    return "\n".join(lines)


def _lines(any_side: dict[str, Any]) -> list[tuple[str, Callable[[dict[str, Any]], str], str]]:
    between = "patches of two workers at the same place of their cells"
    again = "patches of the second epoch where those of the first were"
    exact = any_side["statistics"]
    return [
        (between, lambda d: _shares(d, "persistent", "between_workers"), "0 %"),
        (f"{again}, workers that are kept", lambda d: _shares(d, "persistent", "between_epochs"), "0 %"),
        (f"{again}, workers that are not", lambda d: _shares(d, "new", "between_epochs"), "0 %"),
        *(_orientation(name, right) for name, right in ORIENTATIONS.items()),
        ("replacements from +1 along an axis", lambda d: f"{d['replacements']['1']:.3f}", "0.100"),
        ("from any other of the ten steps", _other_steps, "0.100"),
        ("mean of an image with a bright corner", lambda d: _range(d["statistics"]["means"]), f"{exact['mean']:.0f}"),
        ("its standard deviation", lambda d: _range(d["statistics"]["stds"]), f"{exact['std']:.0f}"),
    ]


ORIENTATIONS = {
    "as it is": 1 / 4,
    "X flipped": 1 / 6,
    "Y flipped": 1 / 6,
    "half a turn": 1 / 12,
    "a quarter turn": 1 / 12,
    "three quarter turns": 1 / 12,
    "transposed": 1 / 12,
    "transposed, half a turn": 1 / 12,
}
"""How often each comes when one axis is flipped, and one to three quarter turns are made, by separate even chances."""


def _orientation(name: str, right: float) -> tuple[str, Callable[[dict[str, Any]], str], str]:
    return f"orientation: {name}", lambda drawn: f"{drawn['orientations'][name]:.1%}", f"{right:.1%}"


def _shares(drawn: dict[str, Any], workers: str, between: str) -> str:
    shares = [found[between] for found in drawn["offsets"][workers]]
    return f"{sum(shares) / len(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"


def _other_steps(drawn: dict[str, Any]) -> str:
    others = [share for step, share in drawn["replacements"].items() if step not in {"0", "1"}]
    return f"{min(others):.3f} to {max(others):.3f}"


def _range(numbers: Sequence[float]) -> str:
    return f"{min(numbers):.0f} to {max(numbers):.0f}"
