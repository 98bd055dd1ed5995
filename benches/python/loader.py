"""How fast PatchLoader makes batches, beside a NumPy loop and beside the bound that memory sets.

Run by ``make bench``. Prints a report and writes it, with all runs, to benches/results/loader.md and loader.json.
"""

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from machine import describe_machine
from memcpy import measure_memcpy
from numpy_loop import numpy_batches

from patchmill import PatchLoader
from patchmill.config import create_n2v_configuration
from patchmill.dataset import InMemoryDataset

SHAPE, PATCH_SIZE, BATCH_SIZE, PREFETCH = (40, 1024, 1024), 64, 128, 2
THREADS = (1, 2)
ROUNDS = 7
LOADER_EPOCHS, MEMCPY_EPOCHS, NUMPY_EPOCHS = 5, 10, 1
RESULTS = Path(__file__).parents[1] / "results"

WORKLOADS = {
    "flips, rotations": (False, 4),
    "flips, rotations, N2V": (True, 4 + 4 + 1),
}
"""By name: whether pixels are masked, and the bytes of a batch per pixel of a patch."""

INTRODUCTION = f"""\
# PatchLoader beside a NumPy loop and beside memcpy

Patches per second: the median of {ROUNDS} runs, and the least and the greatest of them. The runs of all rows take
turns, so that a busy moment of the machine hits all of them. A stack of {SHAPE} uint16 in memory, patches of
{PATCH_SIZE}x{PATCH_SIZE} in random order, batches of {BATCH_SIZE}, normalised, flipped and turned at random; with N2V
also masked, which makes three arrays of a patch instead of one.

- *PatchLoader*: whole epochs, from `iter()` to the last batch, in pageable memory.
- *memcpy*: as many bytes as the batches hold and no more, from a source in the cache into {PREFETCH + 2} whole batches.
- *NumPy loop*: the same work in plain NumPy in one thread, `benches/python/numpy_loop.py`.
"""

CAVEATS = """\
What this does not show: training (the batches are dropped unread, and nothing else wants the cores), files (the stack
is in memory), copies to a GPU, other patch sizes, data types or 3D, and more threads than the machine has cores. The
NumPy loop could be run in several worker processes, at the price of their memory and of sending batches between
processes; that is not measured here.
"""


def main() -> None:
    """Measure, print and write."""
    machine = describe_machine()
    stack = np.random.default_rng(0).integers(0, 2**16, SHAPE, np.uint16)
    cases = {key: case for workload in WORKLOADS for key, case in _cases(workload, stack).items()}
    runs: dict[tuple[str, str], list[float]] = {key: [] for key in cases}
    for case in cases.values():
        case()  # what is only slow the first time: pools, buffers, caches
    for _ in range(ROUNDS):
        for key, case in cases.items():
            runs[key].append(case())
    report = _report(machine, runs)
    sys.stdout.write(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "loader.md").write_text(report)
    record = {
        "machine": machine,
        "patches_per_s": [
            {"workload": workload, "what": what, "runs": [round(speed) for speed in speeds]}
            for (workload, what), speeds in runs.items()
        ],
    }
    (RESULTS / "loader.json").write_text(json.dumps(record, indent=1) + "\n")


def _cases(workload: str, stack: np.ndarray) -> dict[tuple[str, str], Callable[[], float]]:
    """Create the measurements of a workload: each returns patches per second."""
    masks, bytes_per_pixel = WORKLOADS[workload]
    config = create_n2v_configuration(
        experiment_name="bench",
        data_type="array",
        axes="SYX",
        patch_size=[PATCH_SIZE] * 2,
        batch_size=BATCH_SIZE,
        num_epochs=1,
    ).data_config
    if not masks:
        config.transforms = config.transforms[:-1]
    dataset = InMemoryDataset(config, stack)
    n_batches = -(-len(dataset) // BATCH_SIZE)
    rng = np.random.default_rng(1)
    (mean,), (std,) = dataset.image_stats.means, dataset.image_stats.stds
    batch_bytes = BATCH_SIZE * PATCH_SIZE**2 * bytes_per_pixel

    def loader(num_threads: int) -> Callable[[], float]:
        loader = PatchLoader(dataset, BATCH_SIZE, shuffle=True, num_threads=num_threads, prefetch=PREFETCH)
        return lambda: _speed(itertools.chain.from_iterable(itertools.repeat(loader, LOADER_EPOCHS)))

    def memcpy(num_threads: int) -> Callable[[], float]:
        n = n_batches * MEMCPY_EPOCHS
        return lambda: n * BATCH_SIZE / measure_memcpy(n, batch_bytes, ring=PREFETCH + 2, num_threads=num_threads)

    def numpy() -> float:
        settings = {"patch_size": PATCH_SIZE, "batch_size": BATCH_SIZE, "mean": mean, "std": std, "masks": masks}
        epochs = (numpy_batches(stack, **settings, rng=rng) for _ in range(NUMPY_EPOCHS))
        return _speed(itertools.chain.from_iterable(epochs))

    cases: dict[str, Callable[[], float]] = {}
    for num_threads in THREADS:
        name = f"{num_threads} thread{'s'[: num_threads > 1]}"
        cases |= {f"PatchLoader, {name}": loader(num_threads), f"memcpy, {name}": memcpy(num_threads)}
    cases["NumPy loop"] = numpy
    return {(workload, what): case for what, case in cases.items()}


def _speed(batches: Iterable[tuple[object, ...]]) -> float:
    """Take all batches; return patches per second."""
    n_patches = 0
    started = time.perf_counter()
    for batch in batches:
        n_patches += len(batch[0])
    return n_patches / (time.perf_counter() - started)


def _report(machine: dict[str, str], runs: dict[tuple[str, str], list[float]]) -> str:
    """Write the report in Markdown."""
    median = {key: statistics.median(speeds) for key, speeds in runs.items()}
    lines = [INTRODUCTION]
    lines += ["| workload | what | patches/s | of memcpy | times the NumPy loop |", "| --- | --- | --- | --- | --- |"]
    for (workload, what), speeds in runs.items():
        figures = f"{median[workload, what]:,.0f} ({min(speeds):,.0f} - {max(speeds):,.0f})"
        bound, ratio = "", ""
        if what.startswith("PatchLoader"):
            memcpy = median[workload, what.replace("PatchLoader", "memcpy")]
            bound = f"{median[workload, what] / memcpy:.2f}"
            ratio = f"{median[workload, what] / median[workload, 'NumPy loop']:.1f}"
        lines.append(f"| {workload} | {what} | {figures} | {bound} | {ratio} |")
    lines += ["", *(f"- {heading}: {text}" for heading, text in machine.items()), "", CAVEATS]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
