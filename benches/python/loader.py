"""How fast PatchLoader makes the batches of every work, beside the bound that memory sets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import page_cache
import torch
from datasets import create_dataset
from figures import Place, Row, Section
from memcpy import measure_memcpy
from turns import of_length, take_turns
from works import WORKS, Work

from patchmill import PatchLoader

__all__ = ["PREFETCH", "measure_loader", "take"]

PREFETCH = 2

TEXT = f"""\
Batches in pageable memory, from `iter()` to the last of a run, dropped unread. *memcpy*: as many bytes as the batches
hold, from a source of 256 KiB that stays in the cache into a ring of {PREFETCH + 2} whole batches. The file of W5 is in
the page cache, and its map was read once for the statistics, as by a training. Patches per second are not comparable
between works; the bytes per second that are written are."""

COMPARED = (
    ("W1L", "W1"),
    ("W3L", "W3"),
    ("W3m", "W3"),
    ("W5", "W1L"),
    *((name, "W1") for name in WORKS if "W6" in name),
)

Rows = dict[tuple[str, int, str], Row]
"""By work, number of threads, and what was measured."""


def measure_loader(works: Sequence[Work], *, threads: Sequence[int], n_rounds: int, folder: Path) -> list[Section]:
    """Measure works with each number of threads.

    Parameters
    ----------
    works : sequence of Work
        The works.
    threads : sequence of int
        The numbers of threads, the least first.
    n_rounds : int
        How many runs there are of each.
    folder : Path
        Where the mapped file is, or is to be.

    Returns
    -------
    list of Section
        The speeds, how works compare, and what more threads gain.
    """
    cases: dict[tuple[str, int, str], Callable[[], float]] = {}
    for work in works:
        if work.mapped:
            page_cache.load(work.source.write(folder))
        # A map of pages that were never touched is not warm, whatever is in the page cache.
        dataset = create_dataset(work, folder, reads_pixels=work.mapped)
        for num_threads in threads:
            loader = PatchLoader(dataset, work.batch_size, shuffle=True, num_threads=num_threads, prefetch=PREFETCH)
            cases[work.name, num_threads, "PatchLoader"] = of_length(_loading(loader))
            cases[work.name, num_threads, "memcpy"] = of_length(_copying(work, num_threads))
    rows = {
        (name, num_threads, what): Row(what, "patches/s", {"work": name, "threads": num_threads}, runs)
        for (name, num_threads, what), runs in take_turns(cases, n_rounds).items()
    }
    sections = [
        Section("loader", "PatchLoader beside memcpy", f"{_described(works)}\n\n{TEXT}", _speeds(rows)),
        Section("works", "Works beside each other", "Bytes of batches per second.", _compared_works(rows)),
        Section(
            "threads",
            f"What more threads than {threads[0]} gain",
            "Times as many patches per second.",
            _gains(rows, threads),
        ),
    ]
    return [section for section in sections if section.rows]


def take(loader: PatchLoader, n_batches: int) -> Iterable[Sequence[torch.Tensor]]:
    """Take batches from a loader, as many epochs of them as it needs."""
    return itertools.islice(itertools.chain.from_iterable(itertools.repeat(loader)), n_batches)


def _loading(loader: PatchLoader) -> Callable[[int], float]:
    def patches_per_s(n_batches: int) -> float:
        n_patches = 0
        started = time.perf_counter()
        for batch in take(loader, n_batches):
            n_patches += len(batch[0])
        return n_patches / (time.perf_counter() - started)

    return patches_per_s


def _copying(work: Work, num_threads: int) -> Callable[[int], float]:
    batch_bytes = work.batch_size * work.bytes_per_patch

    def patches_per_s(n_batches: int) -> float:
        seconds = measure_memcpy(n_batches, batch_bytes, ring=PREFETCH + 2, num_threads=num_threads)
        return n_batches * work.batch_size / seconds

    return patches_per_s


def _speeds(rows: Rows) -> list[Row]:
    speeds = []
    for (name, num_threads, what), row in rows.items():
        if what == "PatchLoader":
            bound = rows[name, num_threads, "memcpy"]
            speeds += [row, bound, row.over(bound, "of memcpy"), _written(row)]
    return speeds


def _compared_works(rows: Rows) -> list[Row]:
    compared = []
    for name, base in COMPARED:
        for (other, num_threads, what), row in rows.items():
            if (other, what) == (name, "PatchLoader") and (base, num_threads, what) in rows:
                ratio_to = _written(rows[base, num_threads, what])
                at: Place = {"works": f"{name} / {base}", "threads": num_threads}
                compared.append(_written(row).over(ratio_to, "ratio", at))
    return compared


def _gains(rows: Rows, threads: Sequence[int]) -> list[Row]:
    gains = []
    for (name, num_threads, what), row in rows.items():
        if what == "PatchLoader" and num_threads > threads[0]:
            ours = row.over(rows[name, threads[0], what], what)
            bound = rows[name, num_threads, "memcpy"].over(rows[name, threads[0], "memcpy"], "memcpy")
            gains += [ours, bound, ours.over(bound, "of memcpy's gain")]
    return gains


def _written(row: Row) -> Row:
    """Express a speed in bytes: patches are not of one size in all works."""
    return row.times(WORKS[str(row.at["work"])].bytes_per_patch / 1e9, f"{row.what} writes", "GB/s")


def _described(works: Sequence[Work]) -> str:
    lines = []
    for work in works:
        source = f"{work.source.axes} {work.source.shape} {work.source.dtype}"
        patch = "x".join(map(str, work.patch_size))
        batch = f"batches of {work.batch_size} patches of {patch}, {work.bytes_per_patch:,} bytes a patch"
        lines.append(f"- **{work.name}**: {work.description}; {source}, {batch}")
    return "\n".join(lines)
