"""CAREamics as installed beside the same script with one line more.

``make bench-careamics`` writes benches/results/careamics_drop_in.json and docs/careamics_drop_in.md. A part that is
measured alone takes the place of what it was there; a quick run is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from drop_in.defects import defects_table
from drop_in.figures import figures_table
from drop_in.losses import losses_table
from drop_in.process import NUM_THREADS, SIDES, run
from drop_in.report import write_report
from drop_in.rows import ROWS, Row
from machine import describe_machine

RESULTS = Path(__file__).parents[1] / "results" / "careamics_drop_in.json"
WORKERS = (0, 1, 2)
DRAWS = "defects"


def main() -> None:
    """Measure what is asked for, and write or print it."""
    options = _options()
    record: dict[str, Any] = {"machine": describe_machine() | {"CAREamics": "0.3.5"}, "num_threads": NUM_THREADS}
    record["rows"] = {row.name: _measure(row, options) for row in ROWS if options.only in (None, row.name)}
    if options.only in (None, DRAWS):
        record["draws"] = {side: run("draws.measure", side) for side in SIDES}
    if options.quick:
        _print(record)
        return
    if options.only is not None:
        record = _among_others(record)
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    write_report(record)


def _among_others(part: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured last, with a part of it measured anew."""
    record: dict[str, Any] = json.loads(RESULTS.read_text())
    return record | part | {"rows": record["rows"] | part["rows"]}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=[*(row.name for row in ROWS), DRAWS], help="measure this alone")
    parser.add_argument("--quick", action="store_true", help="small, and one run of each: whether it works")
    return parser.parse_args()


def _measure(row: Row, options: argparse.Namespace) -> dict[str, Any]:
    """Find the best number of workers of CAREamics, and let both sides take turns with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = row.settings | (row.quick if options.quick else {})
        found: dict[str, Any] = {"settings": settings, "runs": {side: [] for side in SIDES}}
        arguments = settings | row.prepare(folder, quick=options.quick)
        if row.best is not None:
            trials = _try_workers(row, arguments, folder)
            best = (max if row.best.endswith("_per_s") else min)(trials, key=trials.__getitem__)
            found |= {"trials": trials, "num_workers": best}
            arguments["num_workers"] = best
        for number in range(1 if options.quick else row.rounds):
            for side in SIDES:
                result = run(row.function, side, **arguments, **row.of_run(folder, side, number))
                found["runs"][side].append(result)
                _say(f"{row.name}, {side}: {_figures(result)}")
        return found | row.compare(folder)


def _try_workers(row: Row, arguments: dict[str, Any], folder: Path) -> dict[int, float]:
    tried: dict[int, float] = {}
    for number in WORKERS:
        changed = row.trial | {"num_workers": number} | row.of_run(folder, "plain", 0)
        result = run(row.function, "plain", **(arguments | changed))
        tried[number] = result[row.best]
        _say(f"{row.name}, plain, {number} workers: {_figures(result)}")
    return tried


def _figures(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in result.items() if isinstance(value, float))


def _print(record: dict[str, Any]) -> None:
    if record["rows"]:
        print(figures_table(record))
    if "training" in record["rows"]:
        print("", losses_table(record["rows"]["training"]["runs"]), sep="\n")
    if "prediction" in record["rows"]:
        largest, in_deviations = (
            record["rows"]["prediction"][name] for name in ("largest_difference", "in_deviations")
        )
        print(f"\nlargest difference: {largest:.3g}, or {in_deviations:.3g} standard deviations of the image")
    if "draws" in record:
        print("", defects_table(record["draws"]), sep="\n")
    for name, row in record["rows"].items():
        print(f"\n{name}, {row['runs']['line'][-1]['status']}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
