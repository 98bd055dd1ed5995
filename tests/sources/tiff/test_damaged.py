"""Damaged TIFF files: read as tifffile reads them, or refused in one error that names them; never more than that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dataset.thoroughness import times
from tests.sources.tiff.crafted import CRAFTED
from tests.sources.tiff.files import IMAGE_CODECS, drawn_files

N_PARTS = 4
N_DAMAGED = times(600, slow=12000)
SEED = int(os.environ.get("PATCHMILL_DAMAGE_SEED", "0"))

# What docs/design.md states: this much, and 24 bytes for each byte of the file, and what decoding was expected to take.
CONSTANT_BYTES, TIMES_FILE = 64 << 20, 24

pytestmark = pytest.mark.timeout(times(300, slow=3600))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of whole files to damage."""
    folder = tmp_path_factory.mktemp("whole")
    for file in drawn_files(folder, 99, times(150, slow=600)):
        # Of those that are decoded in a process of their own, a few will do.
        if file.form.compression in list(IMAGE_CODECS)[-2:] and int(file.path.stem) % 8:
            file.path.unlink()
    for name, (craft, _) in CRAFTED.items():
        for seed in range(3):
            craft(folder / f"{name} {seed}.tif", np.random.default_rng(seed))
    return folder


def read_damaged(whole: Path, seed: int, n_files: int) -> Iterator[dict[str, Any]]:
    """Read damaged files, in as many processes as it takes until all of them were read."""
    start = 0
    while start < n_files:
        command = [
            sys.executable,
            "-m",
            "tests.sources.tiff.reading_damaged",
            str(whole),
            *map(str, (seed, start, n_files)),
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            begun: dict[str, Any] = {}
            # Nothing is measured by the clock: a file that takes this long is taken to take for ever.
            watch = threading.Timer(120, process.kill)
            watch.start()
            for line in process.stdout:
                told = json.loads(line)
                if "number" in told:
                    begun = told
                    continue
                yield begun | told
                start = begun["number"] + 1
                watch.cancel()
                watch = threading.Timer(120, process.kill)
                watch.start()
            watch.cancel()
        if start < n_files:
            yield begun | {"outcome": "hung" if process.returncode == -9 else f"ended with {process.returncode}"}
            start = begun.get("number", n_files) + 1


@pytest.mark.parametrize("part", range(N_PARTS))
def test_damaged_files_are_read_as_tifffile_reads_them_or_refused_by_name_in_bounded_memory(
    whole: Path, part: int
) -> None:
    outcomes = list(read_damaged(whole, SEED + part, N_DAMAGED // N_PARTS))
    assert len(outcomes) == N_DAMAGED // N_PARTS
    # Of damaged JPEG 2000, openjpeg leaves some pixels as memory was before, so that tifffile differs from itself.
    wrong = [told for told in outcomes if told["outcome"] not in {"equal", "error", "undefined"}]
    assert not wrong, json.dumps(wrong[:5], indent=1)
    assert sum(told["outcome"] == "undefined" for told in outcomes) <= max(1, len(outcomes) // 500)
    large = [
        told
        for told in outcomes
        if told["peak_bytes"] > CONSTANT_BYTES + TIMES_FILE * told["file_bytes"] + told["decoding_bytes"]
    ]
    assert not large, json.dumps(large[:5], indent=1)
    counts = Counter(told["outcome"] for told in outcomes)
    # Damage that nobody notices, or that everybody does, would show nothing.
    assert min(counts["equal"], counts["error"]) > len(outcomes) / 10
    if (report := os.environ.get("PATCHMILL_DAMAGE_REPORT")) is not None:
        with Path(report).open("a") as file:
            file.writelines(f"{json.dumps(told)}\n" for told in outcomes)
