"""Processes that have done nothing before, and the memory of the one that runs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

__all__ = ["in_fresh_process", "memory_bytes", "reset_peak"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_fresh_process(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call a function of a module in a new process, and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *args, **kwargs).result()


def memory_bytes(field: str) -> int:
    """Read one of the lines about memory in /proc/self/status: RssAnon, VmRSS, VmHWM (the peak)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix("kB")) * 1024
    msg = f"/proc/self/status: expected a line {field!r}, got none."
    raise RuntimeError(msg)


def reset_peak() -> None:
    """Let the peak, VmHWM, be counted from here."""
    Path("/proc/self/clear_refs").write_text("5")
