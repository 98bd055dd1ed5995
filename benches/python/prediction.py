"""A large image through a small network, in memory and onto the disk: the memory it takes, and what tiling costs.

    python benches/python/prediction.py [--side 20000] [--tile 256] [--overlap 48] [--batch 8] [--blend gaussian]

The source is a plain TIFF, which is mapped. *Growth* is that of RssAnon during the call, read every 5 ms: what the
process holds that could not be dropped, and neither the mapped source nor what the system keeps of files. *Tiling* is
the time of the same call with a network that gives back its tiles: cutting, normalising, stitching and writing, none of
which then hides behind the network.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from machine import describe_machine
from processes import in_fresh_process, memory_bytes

from patchmill.models import UNet
from patchmill.prediction import ImageReader, Predictor, Writing, predict_to_files
from patchmill.sources import Normalization


class Mirror(UNet):
    """A network that takes no time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Peak:
    """The greatest RssAnon while it is watched, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.005):
                self.bytes = max(self.bytes, memory_bytes("RssAnon"))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def write_source(path: Path, side: int) -> None:
    """Write an image of noise, a band at a time."""
    image: Any = tifffile.memmap(path, shape=(side, side), dtype=np.uint16)
    rng = np.random.default_rng(0)
    band = rng.integers(0, 4096, (min(side, 512), side), np.uint16)
    for start in range(0, side, len(band)):
        image[start : start + len(band)] = band[: side - start]
    image.flush()


def measure(source: Path, out: Path | None, network: str, threads: int, options: dict[str, Any]) -> dict[str, float]:
    """Predict once: seconds, and bytes by which RssAnon grew."""
    torch.set_num_threads(threads)
    make = Mirror if network == "mirror" else UNet
    normalization = Normalization.by_mean_and_std([2048.0], [1182.0])
    predictor = Predictor(
        model=make(2, depth=1, num_channels_init=8),
        normalization=normalization,
        target_normalization=normalization,
        num_threads=threads,
        **options,
    )
    reader, peak = ImageReader.of(source, "tiff", "YX"), Peak()
    before, start = memory_bytes("RssAnon"), time.perf_counter()
    with peak.watched():
        if out is None:
            predictor.predict(reader)
        else:
            predict_to_files(predictor, reader, Writing(folder=out, overwrite=True))
    return {"seconds": time.perf_counter() - start, "bytes": peak.bytes - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("side", 20_000), ("tile", 256), ("overlap", 48), ("batch", 8), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--blend", choices=["gaussian", "linear"], help="by default, tiles are stitched")
    parser.add_argument("--folder", type=Path, help="where files are written, by default a temporary folder")
    asked = parser.parse_args()
    options = {
        "tile_size": (asked.tile,) * 2,
        "tile_overlap": (asked.overlap,) * 2,
        "batch_size": asked.batch,
        "blend": asked.blend,
    }
    for name, value in describe_machine().items():
        print(f"{name}: {value}")
    print(f"{asked.side} x {asked.side} pixels of uint16, UNet(2, depth=1, num_channels_init=8), {options}")
    output = 4 * asked.side**2
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        source = Path(name) / "in.tif"
        write_source(source, asked.side)
        for what, out, allowed in (("predict", None, output), ("predict_to_disk", Path(name) / "out", 0)):
            whole, tiling = (
                in_fresh_process(measure, source, out, network, asked.threads, options)
                for network in ("unet", "mirror")
            )
            print(
                f"{what}: {whole['seconds']:.1f} s, of which tiling {tiling['seconds']:.1f} s "
                f"({tiling['seconds'] / whole['seconds']:.1%}); growth {whole['bytes'] / 2**20:.0f} MiB, "
                f"{(whole['bytes'] - allowed) / 2**20:.0f} MiB more than {'the output' if allowed else 'nothing'}"
            )


if __name__ == "__main__":
    main()
