"""What the bench of CAREamics with and without the line makes of its runs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from benches.python.drop_in.defects import ORIENTATIONS, defects_table
from benches.python.drop_in.figures import FIGURES, Figure, figures_table
from benches.python.drop_in.losses import losses_table

SPEED = Figure("loader", "patches_per_s", "patches", "patches/s", times=80, more_is_better=True)
MEMORY = Figure("set_up", "memory_mb", "memory", "MB", below=100)


def record(figure: Figure, plain: list[float], line: list[float]) -> dict[str, Any]:
    runs = {"plain": plain, "line": line}
    return {
        "rows": {figure.row: {"runs": {side: [{figure.key: value} for value in runs[side]] for side in runs}}},
    }


def test_a_factor_is_of_the_medians_and_above_one_where_the_line_helps() -> None:
    assert SPEED.factor(record(SPEED, [1, 9, 2], [160, 1, 180])) == 80
    assert MEMORY.factor(record(MEMORY, [30, 20, 10], [5, 1, 40])) == 4
    assert MEMORY.factor(record(MEMORY, [30], [0])) == math.inf


def test_a_goal_is_met_at_its_factor_and_below_its_limit() -> None:
    assert SPEED.is_met(record(SPEED, [2], [160]))
    assert not SPEED.is_met(record(SPEED, [2], [159]))
    assert MEMORY.is_met(record(MEMORY, [2000], [99]))
    assert not MEMORY.is_met(record(MEMORY, [2000], [100]))
    assert Figure("prediction", "seconds", "prediction", "s").is_met(record(SPEED, [1], [1])) is None


def test_the_table_has_what_was_measured_and_nothing_else() -> None:
    of_row = [figure for figure in FIGURES if figure.row == "set_up"]
    runs = {side: [{figure.key: 7.0 for figure in of_row}] for side in ("plain", "line")}
    lines = figures_table({"rows": {"set_up": {"runs": runs}}}).splitlines()[2:]
    assert len(lines) == len(of_row) == 2
    assert lines[0].endswith("| 7 (7 to 7) | 7 (7 to 7) | 1 x | 40 x | missed |")
    assert lines[1].endswith("| < 100 MB | met |")


def test_losses_are_compared_epoch_by_epoch_and_seed_by_seed() -> None:
    plain = [{"train_loss": [3.0, 2.0], "val_loss": [1.0, 1.0]}, {"train_loss": [5.0, 2.0], "val_loss": [1.0, 1.0]}]
    line = [{"train_loss": [4.0, 2.0], "val_loss": [1.0, 1.0]}, {"train_loss": [6.0, 2.0], "val_loss": [1.0, 0.5]}]
    lines = losses_table({"plain": plain, "line": line}).splitlines()[2:]
    assert lines[0] == "| training | 1 | 4.0000 ± 1.4142 | 5.0000 ± 1.4142 | +1.0000 ± 0.0000 |"
    assert lines[3] == "| validation | 2 | 1.0000 ± 0.0000 | 0.7500 ± 0.3536 | -0.2500 ± 0.2500 |"


def test_the_right_shares_of_the_orientations_are_those_of_all_draws() -> None:
    patch = np.arange(4).reshape(2, 2)
    names = {
        made.tobytes(): name
        for name, made in {
            "as it is": patch,
            "X flipped": patch[:, ::-1],
            "Y flipped": patch[::-1],
            "half a turn": patch[::-1, ::-1],
            "a quarter turn": np.rot90(patch),
            "three quarter turns": np.rot90(patch, 3),
            "transposed": patch.T,
            "transposed, half a turn": patch.T[::-1, ::-1],
        }.items()
    }
    shares: Counter[str] = Counter()
    # One of the two axes is flipped or none, and one to three quarter turns are made or none: all by even chances.
    for flip, turns in itertools.product((None, None, 0, 1), (0, 0, 0, 1, 2, 3)):
        shares[names[np.rot90(patch if flip is None else np.flip(patch, flip), turns).tobytes()]] += 1
    assert {name: share / 24 for name, share in shares.items()} == pytest.approx(ORIENTATIONS)


def test_what_is_drawn_is_shown_beside_what_is_right() -> None:
    shares = [{"between_workers": 1.0, "between_epochs": 0.5}, {"between_workers": 0.5, "between_epochs": 0.0}]
    drawn = {
        "offsets": {"persistent": shares, "new": shares},
        "orientations": dict.fromkeys(ORIENTATIONS, 0.125),
        "replacements": {str(step): {0: 0.0, 1: 0.2, 2: 0.07}.get(step, 0.09) for step in range(-5, 6)},
        "statistics": {"means": [3.0, 1.0], "stds": [2.0, 4.0], "mean": 2.0, "std": 3.0},
    }
    lines = defects_table({"plain": drawn, "line": drawn}).splitlines()[2:]
    assert "| 75.0% (50.0% to 100.0%) | 75.0% (50.0% to 100.0%) | 0 % |" in lines[0]
    assert "| orientation: as it is | 12.5% | 12.5% | 25.0% |" in lines
    assert any("| 0.200 | 0.200 | 0.100 |" in line for line in lines)
    assert any("| 0.070 to 0.090 |" in line for line in lines)
    assert lines[-2].endswith("| 1 to 3 | 1 to 3 | 2 |")
