"""How many instructions every kernel takes, beside the numbers that are kept in benches/rust/instructions.json.

Run by ``make bench-instructions``; with ``--write``, keeps the new numbers. Ends with 1 where a kernel takes more than
it did. Counted by callgrind, which knows AVX2 and not AVX-512: so these are the instructions of the AVX2 path. They are
the same on a busy machine, and say nothing of waiting for memory, nor of how many of them a core does at a time.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).parents[1] / "rust" / "instructions.json"
BUILT = ("--quiet", "--profile", "wheel", "--package", "patchmill-core")
PROGRAM = ("cargo", "run", *BUILT, "--example", "instructions", "--")
# As the wheels are built, but with names: of several units of code, it depends on the path what is in which.
BUILD = {"CARGO_PROFILE_WHEEL_STRIP": "false"}
CALLGRIND = "valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect=*::counted*"
RUNNER = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
TOLERANCE = 0.03
"""How much more is let pass: what a compiler's release changes without anybody's doing."""


def main() -> None:
    """Count, compare and print."""
    parser = argparse.ArgumentParser(description="Count the instructions of every kernel.")
    parser.add_argument("--write", action="store_true", help=f"keep the numbers in {BASELINE.name}")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind: not found. Install it first: apt install valgrind")
    os.environ |= BUILD
    works = _output(*PROGRAM).splitlines()
    counted = {"versions": _versions(), "instructions": {work: _count(work) for work in works}}
    if arguments.write:
        BASELINE.write_text(json.dumps(counted, indent=1) + "\n")
        return
    is_worse = _compare(json.loads(BASELINE.read_text()), counted)
    sys.exit(is_worse)


def _count(work: str) -> int:
    """Count the instructions of a work."""
    command = subprocess.run(
        [*PROGRAM, work], env=os.environ | {RUNNER: CALLGRIND}, stderr=subprocess.PIPE, text=True, check=False
    )
    collected = re.search(r"Collected : (\d+)", command.stderr)
    if command.returncode or not collected:
        sys.exit(f"{work}: expected callgrind's count, got\n{command.stderr}")
    return int(collected[1])


def _compare(kept: dict[str, Any], counted: dict[str, Any]) -> bool:
    """Print both, and tell whether a work takes more than it did, is new, or is gone."""
    for tool, version in counted["versions"].items():
        if kept["versions"][tool] != version:
            print(f"{tool}: the numbers were kept with {kept['versions'][tool]}, this is {version}.")
    before, now = kept["instructions"], counted["instructions"]
    print(f"{'':36}{'kept':>12}{'now':>12}{'change':>9}")
    changes = {
        work: now[work] / before[work] - 1 if work in before and work in now else math.inf for work in before | now
    }
    for work, change in changes.items():
        kept_and_now = f"{before.get(work, 0):12,}{now.get(work, 0):12,}"
        print(f"{work:36}{kept_and_now}{change:+9.1%}  {_verdict(change)}".rstrip())
    return max(changes.values()) > TOLERANCE


def _verdict(change: float) -> str:
    if change > TOLERANCE:
        return "too many"
    return "fewer: keep them with --write" if change < -TOLERANCE else ""


def _versions() -> dict[str, str]:
    """Name what the numbers depend on beside the code."""
    return {"rustc": _output("rustc", "--version"), "valgrind": _output("valgrind", "--version")}


def _output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
