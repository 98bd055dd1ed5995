"""No work in parallel but on patchmill's own pools: a forked child would wait for other threads for ever."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

RUST = Path(__file__).parents[2] / "rust"

PARALLEL = re.compile(
    r"\b(?:par_\w+|into_par_iter|spawn\w*|in_place_scope\w*|broadcast|ThreadPoolBuilder|build_global"
    r"|rayon::(?:join|scope\w*|iter)|thread::(?:Builder|scope))\b"
)
"""What begins a thread, or hands work to one."""

ALLOWED = {
    "core/src/threads.rs": {"ThreadPoolBuilder"},  # the pools themselves
    "core/src/dataset/batch.rs": {"spawn_fifo"},  # on the pool that it is handed
    "bindings/src/run.rs": {"in_place_scope", "spawn"},  # of the pool that it asks `threads::pool` for
    # On the current pool: called from within `run` alone.
    "core/src/patching/filters/mod.rs": {"par_chunks_mut"},
    "core/src/sources/blocks.rs": {"into_par_iter"},
    "core/src/sources/quantiles.rs": {"into_par_iter"},
    "core/src/sources/statistics.rs": {"par_chunks_mut"},
}
"""Where there are such calls, and why they run on one of the pools."""


def parallel_calls(path: Path) -> set[str]:
    """Find what a file does in parallel, except in comments and in its tests."""
    code = path.read_text(encoding="utf-8").partition("#[cfg(test)]")[0]
    return set(PARALLEL.findall(re.sub(r"//.*", "", code)))


@pytest.mark.skipif(not RUST.is_dir(), reason="needs the sources")
def test_every_parallel_call_is_known_to_run_on_a_pool_of_patchmill() -> None:
    files = [*(RUST / "core" / "src").rglob("*.rs"), *(RUST / "bindings" / "src").rglob("*.rs")]
    found = {path.relative_to(RUST).as_posix(): calls for path in files if (calls := parallel_calls(path))}
    assert found == ALLOWED, "give a new call a pool, and its reason a line here"
