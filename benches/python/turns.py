"""Runs that take turns, so that a busy moment of the machine hits everything that is compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

__all__ = ["of_length", "take_turns"]

Key = TypeVar("Key", bound=Hashable)


def of_length(case: Callable[[int], float], *, seconds: float = 0.4) -> Callable[[], float]:
    """Find how often something is to be done for a run of about some seconds. That also does what is slow at first.

    Parameters
    ----------
    case : callable
        Does something a number of times, and returns a figure.
    seconds : float, default=0.4
        How long a run is to take.

    Returns
    -------
    callable
        Does a run, and returns the figure.
    """
    n, took = 1, 0.0
    while took < seconds / 4:
        n *= 2
        started = time.perf_counter()
        case(n)
        took = time.perf_counter() - started
    n_run = math.ceil(n * seconds / took)
    return lambda: case(n_run)


def take_turns(cases: Mapping[Key, Callable[[], float]], n_rounds: int) -> dict[Key, list[float]]:
    """Run every case, and again, and again.

    Parameters
    ----------
    cases : mapping of callables
        Each does a run and returns its figure.
    n_rounds : int
        How often.

    Returns
    -------
    dict of lists of float
        The figures of each, in the order of the rounds.
    """
    runs: dict[Key, list[float]] = {key: [] for key in cases}
    for _ in range(n_rounds):
        for key, case in cases.items():
            runs[key].append(case())
    return runs
