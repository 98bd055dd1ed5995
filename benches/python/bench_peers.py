"""How fast patchmill makes batches beside what a user could pick instead.

Run by ``make bench-peers``. Each peer has a process of its own, in an environment of its own, which is made at first;
they take turns. Writes all runs to benches/results/peers.json, which ``report.py`` makes docs/benchmarks.md of.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import describe_machine
from peers.process import PeerError, PeerProcess, run_module
from works import WORKS

PEERS = (
    "patchmill",
    "careamics_0_3_5",
    "careamics_0_1_0",
    "monai",
    "torchio",
    "batchgeneratorsv2",
    "dali",
    "torch_gather",
    "numpy_sliding_windows",
    "numba",
)
PEER_WORKS = ("W1", "W2", "W3", "W3m", "W3d-uniform", "W3d-median", "W4")
WITH_DATA_MODULE = ("patchmill", "careamics_0_3_5", "careamics_0_1_0")

TRIAL_SECONDS, RUN_SECONDS = 0.5, 2.0
"""The least that a run takes, to find the best number of workers and for the figures. Epochs are run whole."""

RESULTS = Path(__file__).parents[1] / "results" / "peers.json"


def main() -> None:
    """Measure and write."""
    options = _options()
    record: dict[str, Any] = {
        "machine": describe_machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "peers": {},
        "figures": [],
        "start": [],
    }
    with contextlib.ExitStack() as stack:
        peers = list(_start_peers(options.peers, record["peers"], stack))
        for work in options.works:
            record["figures"] += _measure(work, peers, options.rounds, options.seconds)
    if options.start:
        record["start"] = [_measure_start(name) for name in options.peers if name in WITH_DATA_MODULE]
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--works", type=_names(PEER_WORKS), default=PEER_WORKS, help="W1,W3,... (all)")
    parser.add_argument("--peers", type=_names(PEERS), default=PEERS, help="numba,monai,... (all)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (5)")
    parser.add_argument("--seconds", type=float, default=RUN_SECONDS, help="the least that a run takes (2)")
    parser.add_argument("--start", action=argparse.BooleanOptionalAction, default=True, help="data modules' start, too")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where all runs are written")
    return parser.parse_args()


def _names(known: tuple[str, ...]) -> Any:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            msg = f"expected some of {', '.join(known)}, got {', '.join(sorted(unknown))}"
            raise argparse.ArgumentTypeError(msg)
        return names

    return parse


def _start_peers(names: list[str], described: dict[str, Any], stack: contextlib.ExitStack) -> Iterator[PeerProcess]:
    """Start peers one after the other; describe those that fail by their error."""
    for name in names:
        _say(name)
        try:
            peer = PeerProcess(name)
        except PeerError as error:
            described[name] = {"title": name, "error": str(error)}
            _say(f"  failed: {error}")
        else:
            stack.callback(peer.stop)
            described[name] = peer.description
            yield peer


def _measure(work: str, peers: list[PeerProcess], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Find the best number of workers of each peer, and let them take turns with it."""
    _say(f"{work}: {WORKS[work].description}")
    figures = {}
    for peer in peers:
        if work in peer.description["works"]:
            figures[peer.name] = {"work": work, "peer": peer.name, **_try_workers(peer, work)}
    for _ in range(rounds):
        for peer in peers:
            figure = figures.get(peer.name)
            if figure is not None and "error" not in figure:
                figure |= _add_run(peer, figure, seconds)
    for name, figure in figures.items():
        _say(f"  {name}: {figure.get('error') or [round(run) for run in figure['patches_per_s']]}")
    for peer in peers:
        with contextlib.suppress(PeerError):
            peer.ask("close")
    return list(figures.values())


def _try_workers(peer: PeerProcess, work: str) -> dict[str, Any]:
    """Run every number of workers once, and set up the best."""
    trials: dict[int, float] = {}
    try:
        for n_workers in peer.description["workers"]:
            peer.ask("open", work=work, n_workers=n_workers)
            run = peer.ask("run", seconds=TRIAL_SECONDS)
            trials[n_workers] = run["patches"] / run["seconds"]
            peer.ask("close")
        best = max(trials, key=trials.__getitem__)
        peer.ask("open", work=work, n_workers=best)
    except PeerError as error:
        return {"trials": trials, "error": str(error)}
    return {"trials": trials, "n_workers": best, "patches_per_s": [], "cpu_s_per_10240": []}


def _add_run(peer: PeerProcess, figure: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Run a peer once; return what changes in its figures."""
    before = peer.cpu_seconds()
    try:
        run = peer.ask("run", seconds=seconds)
    except PeerError as error:
        return {"error": str(error)}
    cpu = (peer.cpu_seconds() - before) / run["patches"] * 10240
    return {
        "patches_per_s": [*figure["patches_per_s"], run["patches"] / run["seconds"]],
        "cpu_s_per_10240": [*figure["cpu_s_per_10240"], cpu],
    }


def _measure_start(name: str) -> dict[str, Any]:
    """Measure once, in a fresh process, what a data module costs."""
    _say(f"start of {name}")
    try:
        return {"peer": name, **run_module(name, "peers.start")}
    except PeerError as error:
        return {"peer": name, "error": str(error)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
