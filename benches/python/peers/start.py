"""What a peer's data module costs before the first batch: ``python -m peers.start NAME`` prints it as JSON."""

import importlib
import json
import sys
import time

from processes import memory_bytes, reset_peak
from works import STACK, Source, Work

WORK = Work("1 GiB", "2D", Source((512, 1024, 1024), STACK.axes))


def main() -> None:
    """Set up the data module of an array, and take one batch."""
    peer = importlib.import_module(f"peers.{sys.argv[1]}")
    pixels = WORK.source.make()
    reset_peak()
    before = memory_bytes("VmRSS")
    started = time.perf_counter()
    loader = peer.open_data_module(WORK, pixels)
    set_up = time.perf_counter()
    peak = memory_bytes("VmHWM")
    asked = time.perf_counter()
    batches = iter(loader)  # kept: to drop it takes time, too
    next(batches)
    figures = {
        "set_up_s": set_up - started,
        "memory_mb": (peak - before) / 1e6,
        "first_batch_ms": (time.perf_counter() - asked) * 1e3,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
