"""When, on what and with what a figure was measured."""

import datetime
import os
import platform
import sys
from pathlib import Path

import numpy as np
import psutil
import torch

import patchmill

__all__ = ["describe_machine"]


def describe_machine() -> dict[str, str]:
    """Name the machine and the versions, by headings for a table."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "processor": f"{_processor()}, {n_cores} cores for this process{_caches()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB{_huge_pages()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load before": f"{os.getloadavg()[0]:.2f} processes wanting a core in the last minute",
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "torch": torch.__version__,
        "patchmill": patchmill.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _caches() -> str:
    """List the caches of the first core, where the system tells."""
    caches = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            caches.append(f"L{level} {size}")
    return f" ({', '.join(caches)})" if caches else ""


def _huge_pages() -> str:
    """Tell who gets huge pages, where the system says: the setting in brackets."""
    try:
        setting = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return ""
    return f" (huge pages: {setting.partition('[')[2].partition(']')[0]})"
