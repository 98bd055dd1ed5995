"""``python -m patchmill.careamics script.py``: runs a script of CAREamics, accelerated."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from patchmill.careamics.switch import accelerate, status
from patchmill.errors import PatchmillError


def main() -> int:
    """Run a script as Python would, after `accelerate`."""
    parser = argparse.ArgumentParser(prog="python -m patchmill.careamics", description=main.__doc__)
    parser.add_argument("--faithful", action="store_true", help="draw what CAREamics draws")
    parser.add_argument("--status", action="store_true", help="say at the end what was replaced, and what fell back")
    parser.add_argument("script", help="the script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    options = parser.parse_args()
    try:
        accelerate(faithful=options.faithful)
    except PatchmillError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    if not Path(options.script).exists():
        sys.stderr.write(f"Error: {options.script}: expected a script, got nothing of that name. Check the path.\n")
        return 2
    sys.argv = [options.script, *options.arguments]
    # As for a script that Python runs itself, its own folder is where it imports from.
    sys.path[0] = str(Path(options.script).resolve().parent)
    try:
        runpy.run_path(options.script, run_name="__main__")
    finally:
        if options.status:
            sys.stderr.write(f"{status()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
