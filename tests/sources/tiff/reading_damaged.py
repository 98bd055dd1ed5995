"""Read damaged TIFF files in a process of little memory, and print of each what came of it, as one line of JSON.

``python -m tests.sources.tiff.reading_damaged WHOLE SEED START STOP``: file n is one of those in the folder WHOLE, and
damaged as the seed and n say.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from patchmill.errors import PatchmillError, PatchmillWarning
from patchmill.sources import read_tiff
from patchmill.sources.tiff import segments
from tests.sources.tiff.damage import damage

MEMORY_BYTES = 2 << 30
"""The address space that reading has on Linux, and that of the decoders that it starts."""


def main() -> None:
    folder, seed, start, stop = Path(sys.argv[1]), *map(int, sys.argv[2:])
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    whole = sorted(folder.glob("*.tif"))
    path = folder / f"damaged {seed} {start}.tiff"
    for number in range(start, stop):
        rng = np.random.default_rng([seed, number])
        chosen, other = (whole[int(at)] for at in rng.integers(0, len(whole), 2))
        kind, content = damage(chosen.read_bytes(), other.read_bytes(), rng)
        path.write_bytes(content)
        _tell({"number": number, "file": chosen.name, "damage": kind})
        _tell(_read(path))
    path.unlink(missing_ok=True)


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def _read(path: Path) -> dict[str, Any]:
    """Read a file, and compare what came with what tifffile makes of it."""
    decoding = _watch_decoding()
    before, begin = _resident(reset=True), time.perf_counter()
    array = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            array = read_tiff(path)
            outcome, detail = "read", f"{array.dtype} {array.shape}"
        except PatchmillError as error:
            outcome, detail = ("error" if str(error).startswith(f"{path}: ") else "nameless"), str(error)
        except Exception as error:
            outcome, detail = "escaped", f"{type(error).__name__}: {error}"
    told = {
        "outcome": outcome,
        "detail": detail,
        "seconds": time.perf_counter() - begin,
        "peak_bytes": _resident() - before,
        "file_bytes": path.stat().st_size,
        "decoding_bytes": max(decoding, default=0),
    }
    strange = [str(warning.message) for warning in caught if not issubclass(warning.category, PatchmillWarning)]
    if strange:
        told |= {"outcome": "warned", "detail": strange[0]}
    elif array is not None:
        told["outcome"] = _compare(path, array)
    return told


def _compare(path: Path, array: np.ndarray[Any, Any]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = tifffile.imread(path)
        except Exception:
            return "read where tifffile raises"
    same = (
        array.shape == expected.shape
        and array.dtype.newbyteorder("=") == expected.dtype
        and array.astype(expected.dtype).tobytes() == expected.tobytes()
    )
    if same:
        return "equal"
    return "differs" if _is_defined(path) else "undefined"


def _is_defined(path: Path) -> bool:
    """Tell whether tifffile reads a file alike whatever was in memory before (as far as the C library can fill it)."""
    command = [sys.executable, "-c", "import sys, tifffile; print(hash(tifffile.imread(sys.argv[1]).tobytes()))", path]
    hashes = {
        subprocess.run(
            command, env=os.environ | {"MALLOC_PERTURB_": fill, "PYTHONHASHSEED": "0"}, capture_output=True, check=True
        ).stdout
        for fill in ("1", "85", "200")
    }
    return len(hashes) == 1


def _watch_decoding() -> list[int]:
    """Note what memory patchmill expects decoding to take."""
    noted: list[int] = []

    def note(series: tifffile.TiffPageSeries) -> int:
        noted.append(_decoding_bytes(series))
        return noted[-1]

    segments.decoding_bytes = note
    return noted


_decoding_bytes = segments.decoding_bytes


def _resident(*, reset: bool = False) -> int:
    """Return the most memory in use since the last reset; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
