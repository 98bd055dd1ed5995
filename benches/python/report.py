"""Writes docs/benchmarks.md and its picture from what the last runs of the benches left in benches/results.

Run by ``make bench-peers``, and by hand after ``make bench``.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from peers_plot import plot_peers
from works import MASKED_PERCENTAGE, ROI_SIZE, WORKS, Work

ROOT = Path(__file__).parents[2]
RESULTS, DOCS = ROOT / "benches" / "results", ROOT / "docs"
PICTURE = Path("images") / "benchmarks.svg"
OURS = "patchmill"

INTRODUCTION = f"""\
# Benchmarks

What a user could pick to make batches, side by side, and then patchmill alone beside what memory allows. All do the
same works: float32 patches of 16-bit noise in memory, normalised, flipped with a probability of one half and turned by
quarters with the same, in batches of torch tensors; for Noise2Void (masked, original, mask), with {MASKED_PERCENTAGE} %
of the pixels masked and replaced from a region of {ROI_SIZE} pixels a side. `make bench-peers` and `make bench` measure
it on your machine; this page is made by `benches/python/report.py` of what they wrote to `benches/results`.
"""

METHOD = """\
Patches per second, medians of {rounds} runs, and how many times as many patchmill makes. Every peer is a process in an
environment of its own, set up as its documentation and source show. A run is whole epochs of at least {seconds:g} s,
from `iter()` to the last batch, after one batch to warm up. The peers take turns, run by run, so that a busy moment of
the machine hits all of them. Each works with the number of workers that was best in a trial: of 0, 1 and 2 processes,
or of 1 and 2 threads, whatever its workers are. First batches are checked for their shape, type, mean, standard
deviation and masks. A dash: it cannot do that work, or only in tens of seconds an epoch.
"""

CAVEATS = """\
## What the peers' figures do not show

- Training: batches are dropped unread, and nothing else wants the cores. With a network on the same processor, or a GPU
  that is slower than the loader, less of the difference is left, or nothing.
- More cores than this machine has. Peers with worker processes go on growing with them, at the price of their memory.
- Files: the pixels are in memory. Peers that read formats that patchmill does not are not credited for it.
- What else they do: most of them interpolate, deform, add noise and blur, and their quarter turns and flips are not
  what they are made to be fast at.
- Memory, but for the start of data modules. Some keep the images as float32, or all patches.
- Better set-ups that we do not know of. The scripts are in `benches/python/peers`.
"""


def main() -> None:
    """Write the page and the picture."""
    record = json.loads((RESULTS / "peers.json").read_text())
    (DOCS / PICTURE.parent).mkdir(parents=True, exist_ok=True)
    plot_peers(_medians(record), _titles(record), DOCS / PICTURE)
    parts = [
        INTRODUCTION,
        _machine(record),
        _comparison(record),
        _runs(record),
        _costs(record),
        _peers(record),
        CAVEATS,
    ]
    (DOCS / "benchmarks.md").write_text("\n".join([*filter(None, parts), _alone()]))


def _machine(record: dict[str, Any]) -> str:
    return "".join(f"- {heading}: {text}\n" for heading, text in record["machine"].items())


def _titles(record: dict[str, Any]) -> dict[str, str]:
    return {name: peer["title"] for name, peer in record["peers"].items()}


def _figures(record: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(figure["work"], figure["peer"]): figure for figure in record["figures"]}


def _medians(record: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the median patches per second by work and peer, of those that did not fail."""
    medians: dict[str, dict[str, float]] = {}
    for (work, peer), figure in _figures(record).items():
        works = medians.setdefault(work, {})
        if "error" not in figure:
            works[peer] = statistics.median(figure["patches_per_s"])
    return medians


def _comparison(record: dict[str, Any]) -> str:
    medians, figures = _medians(record), _figures(record)

    def cell(work: str, peer: str) -> str:
        if (work, peer) not in figures:
            return "failed" if "error" in record["peers"][peer] else "-"
        if peer not in medians[work]:
            return "failed"
        speed, ours = medians[work][peer], medians[work].get(OURS)
        return f"{speed:,.0f}" if ours is None or peer == OURS else f"{speed:,.0f} ({_ratio(ours / speed)})"

    works = list(medians)
    rows = [[title, *(cell(work, peer) for work in works)] for peer, title in _titles(record).items()]
    lines = [
        "## patchmill and its peers\n",
        METHOD.format(**record),
        *_table(["patches/s", *works], rows),
        "",
        *(f"- {work}: {_describe(WORKS[work])}" for work in works),
        "",
        f"![The same figures as bars]({PICTURE.as_posix()})",
        "",
    ]
    return "\n".join(lines)


def _describe(work: Work) -> str:
    source = f"{work.source.axes} {work.source.shape}, {'x'.join(map(str, work.patch_size))} patches"
    return f"{work.description}; {source} in batches of {work.batch_size}"


def _runs(record: dict[str, Any]) -> str:
    titles = _titles(record)
    rows = []
    for (work, peer), figure in _figures(record).items():
        trials = ", ".join(f"{n}: {speed:,.0f}" for n, speed in figure["trials"].items())
        if "error" in figure:
            rows.append([work, titles[peer], trials, f"failed: {figure['error']}", ""])
            continue
        rows.append([work, titles[peer], trials, _spread(figure["patches_per_s"]), _spread(figure["cpu_s_per_10240"])])
    text = """\
*Trial*: patches/s by the number of workers; the best was taken. *Patches/s*: the median, the least and the greatest.
*Processor*: seconds of it, of all processes and threads, for 10,240 patches, as many as an epoch of W1 has.
"""
    headings = ["work", "peer", "trial", "patches/s", "processor, s"]
    return "\n".join(["### The runs\n", text, *_table(headings, rows), ""])


def _costs(record: dict[str, Any]) -> str:
    if not record["start"]:
        return ""
    titles = _titles(record)
    rows = [
        [titles[start["peer"]], f"failed: {start['error']}", "", ""]
        if "error" in start
        else [
            titles[start["peer"]],
            f"{start['set_up_s']:.3g}",
            f"{start['memory_mb']:,.0f}",
            f"{start['first_batch_ms']:,.0f}",
        ]
        for start in record["start"]
    ]
    text = """\
A data module for 2D patches of a uint16 array of 1 GiB, its statistics computed, one run each in a fresh process.
*Memory*: the peak of the process until it is set up, above what it was with the array. *First batch*: from its loader
to a batch in hand, without workers (patchmill: its threads).
"""
    return "\n".join(
        ["### Start\n", text, *_table(["data module", "set-up, s", "memory, MB", "first batch, ms"], rows), ""]
    )


def _peers(record: dict[str, Any]) -> str:
    lines = ["### How each is set up\n"]
    for peer in record["peers"].values():
        if "error" in peer:
            lines.append(f"- **{peer['title']}** failed: {peer['error']}")
            continue
        versions = ", ".join(f"{package} {version}" for package, version in peer["versions"].items())
        lines.append(f"- **{peer['title']}** ({versions}). {peer['setup']}")
    return "\n".join([*lines, ""])


def _alone() -> str:
    """Return the sections of the report of ``make bench``, which says itself what they are."""
    report = (RESULTS / "loader.md").read_text()
    _, _, text = report.partition("\n")
    return "\n".join(["## patchmill alone", "", text.strip().replace("\n## ", "\n### "), ""])


def _spread(runs: Sequence[float]) -> str:
    return f"{_number(statistics.median(runs))} ({_number(min(runs))} - {_number(max(runs))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{value:,.0f}x" if value >= 10 else f"{value:.1f}x"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]


if __name__ == "__main__":
    main()
