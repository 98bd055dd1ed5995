"""A table of the losses of trainings."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["losses_table"]


def losses_table(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Write the table of the losses of each epoch.

    Parameters
    ----------
    runs : dict of lists of dict
        For ``"plain"`` and ``"line"`` the runs, each with ``train_loss`` and ``val_loss`` by epoch.
    """
    lines = ["| | epoch | CAREamics | with the line | difference |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, heading in (("train_loss", "training"), ("val_loss", "validation")):
        by_side = [list(zip(*(run[name] for run in runs[side]), strict=True)) for side in ("plain", "line")]
        for epoch, (plain, line) in enumerate(zip(*by_side, strict=True), 1):
            differences = [b - a for a, b in zip(plain, line, strict=True)]
            error = _deviation(differences) / len(differences) ** 0.5
            cells = [
                heading,
                str(epoch),
                *(f"{statistics.mean(of):.4f} ± {_deviation(of):.4f}" for of in (plain, line)),
            ]
            lines.append(f"| {' | '.join(cells)} | {statistics.mean(differences):+.4f} ± {error:.4f} |")
    return "\n".join(lines)


def _deviation(numbers: Sequence[float]) -> float:
    return statistics.stdev(numbers) if len(numbers) > 1 else 0.0
