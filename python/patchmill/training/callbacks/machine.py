"""What a training ran on."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import psutil
import torch

import patchmill
from patchmill._core import default_num_threads

__all__ = ["describe_machine"]


def describe_machine(device: torch.device) -> dict[str, str | int]:
    """Name the device, the processor and the versions. No names of users, hosts or folders are among it.

    Parameters
    ----------
    device : torch.device
        What is trained on.
    """
    return {
        "device": _device(device),
        "processor": _processor(),
        "cores": default_num_threads(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "patchmill": patchmill.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
