"""Runs one measurement in a process of its own: ``python -m drop_in.host REQUEST`` prints what was measured as JSON.

Everything that is measured is written for CAREamics alone. The one line that is compared is here.
"""

from __future__ import annotations

import importlib
import json
import sys

import torch

__all__ = ["main"]


def main() -> None:
    """Answer the request: a function's name, its settings, the threads of torch, and whether with the line."""
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["num_threads"])
    if request["line"]:
        import patchmill.careamics

        patchmill.careamics.accelerate()
    module, _, name = request["function"].partition(".")
    answer = getattr(importlib.import_module(f"drop_in.{module}"), name)(**request["settings"])
    if request["line"]:
        answer["status"] = str(patchmill.careamics.status())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
