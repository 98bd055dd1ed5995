"""Measure patchmill, print a report, and write it with all runs to benches/results/loader.md and loader.json.

Run by ``make bench``. Needs Linux, 12 GiB of memory and, once, 4 GiB of disk.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from batch_cost import measure_batch_cost
from figures import Section
from image_statistics import measure_statistics
from loader import measure_loader
from loader_share import measure_loader_share
from machine import describe_machine
from mapped import measure_cold, measure_memory
from patch_filters import measure_filters
from resume import measure_resume
from start import measure_start
from waiting import measure_waiting
from works import WORKS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benches" / "results"

INTRODUCTION = """\
# PatchLoader and what memory allows

Figures are the median of {n_rounds} runs, with the least and the greatest of them in brackets. The runs of a table take
turns, so that a busy moment of the machine hits all of them, and ratios are those of runs of the same round. The pixels
are noise that fills 16 bits; patches are float32, normalised, flipped with a probability of one half and turned with
the same.
"""

CAVEATS = """\
What the loader's tables do not show: training (the batches are dropped unread, and nothing else wants the cores),
copies to a GPU, files that must be decoded, other patch sizes, and more threads than the machine has cores. Nor what
else there is: that is measured by `make bench-peers`.
"""


PARTS: dict[str, Callable[[argparse.Namespace], list[Section]]] = {
    "start": lambda options: [measure_start(n_rounds=options.rounds)],
    # Before the works: a file is not cold while somebody has it mapped.
    "mapped": lambda options: [
        measure_memory(n_rounds=options.rounds, folder=options.folder),
        measure_cold(threads=options.threads, n_rounds=options.rounds, folder=options.folder),
    ],
    "resume": lambda options: [measure_resume(n_rounds=options.rounds)],
    "waiting": lambda options: [measure_waiting(n_rounds=options.rounds)],
    "loader_share": lambda options: [measure_loader_share(n_rounds=options.rounds)],
    "batch_cost": lambda options: [measure_batch_cost(threads=options.threads, n_rounds=options.rounds)],
    "statistics": lambda options: [measure_statistics(threads=options.threads, n_rounds=options.rounds)],
    "filters": lambda options: [measure_filters(threads=options.threads, n_rounds=options.rounds)],
    "loader": lambda options: measure_loader(
        [WORKS[name] for name in options.works],
        threads=options.threads,
        n_rounds=options.rounds,
        folder=options.folder,
    ),
}
"""What can be measured, by name."""


def main() -> None:
    """Measure, print and, if everything was measured, write."""
    options = _parse_options()
    machine = describe_machine()
    report = [_introduction(machine, options.rounds)]
    record: dict[str, Any] = {"machine": machine}
    for name in options.parts:
        for section in PARTS[name](options):
            report.append(section.markdown())
            record[section.name] = [row.record() for row in section.rows]
            print(report[-1], flush=True)
    if set(options.parts) == set(PARTS) and set(options.works) == set(WORKS):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "loader.md").write_text("\n".join([*report, CAVEATS]))
        (RESULTS / "loader.json").write_text(json.dumps(record, indent=1) + "\n")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure patchmill. A run of everything is written to benches/results."
    )
    parser.add_argument("--parts", type=_some_of(PARTS), default=list(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--works", type=_some_of(WORKS), default=list(WORKS), help=f"of the loader: {', '.join(WORKS)}")
    parser.add_argument("--threads", type=_numbers, default=[1, 2], help="numbers of threads (default: 1,2)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench" / "noise", help="for the file of W5, on a disk")
    return parser.parse_args()


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """Create the parser of names with commas between them, which gives them in the order in which they are known."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            msg = f"expected some of {', '.join(known)}, got {', '.join(sorted(unknown))}"
            raise argparse.ArgumentTypeError(msg)
        return [name for name in known if name in names]

    return parse


def _numbers(text: str) -> list[int]:
    return sorted({int(number) for number in text.split(",")})


def _introduction(machine: dict[str, str], n_rounds: int) -> str:
    about = "".join(f"- {heading}: {text}\n" for heading, text in machine.items())
    return f"{INTRODUCTION.format(n_rounds=n_rounds)}\n{about}"


if __name__ == "__main__":
    main()
