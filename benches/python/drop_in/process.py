"""A process of CAREamics' environment, with the line or without."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from peers.environment import create_environment

__all__ = ["ENVIRONMENT", "SIDES", "MeasurementError", "run"]

ENVIRONMENT = "careamics_0_3_5"
SIDES = ("plain", "line")
"""CAREamics as installed, and the same script with ``patchmill.careamics.accelerate()``."""

FOLDER = Path(__file__).parents[1]
PACKAGES = Path(__file__).parents[3] / "python"
NUM_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class MeasurementError(Exception):
    """A measurement failed; the message has the end of what its process printed."""


def run(function: str, side: str, **settings: Any) -> dict[str, Any]:
    """Call a function of a module of this package in a new process.

    Parameters
    ----------
    function : str
        Its module and its name, as ``module.function``.
    side : {"plain", "line"}
        Without the line, or with it.
    **settings
        Its arguments: what JSON can carry.

    Returns
    -------
    dict
        What it returned.

    Raises
    ------
    MeasurementError
        If the process failed.
    """
    request = {"function": function, "line": side == "line", "settings": settings, "num_threads": NUM_THREADS}
    # All of it is about the processor; CAREamics would take a GPU where there is one.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(PACKAGES) if side == "line" else ""}
    command = [_python(), "-W", "ignore", "-m", "drop_in.host", json.dumps(request)]
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{function}, {side}: {done.stderr[-3000:]}"
        raise MeasurementError(msg)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


@cache
def _python() -> Path:
    return create_environment(ENVIRONMENT)
