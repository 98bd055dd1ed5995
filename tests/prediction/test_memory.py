"""A large image takes the memory of its output, or of a row of tiles if it goes to the disk, and no more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.dataset.processes import printed_by

SCRIPT = """
import json, threading
from pathlib import Path
import numpy as np
import tifffile
import torch
from patchmill.prediction import ImageReader, Predictor, Writing, predict_to_files
from patchmill.sources import Normalization
from tests.prediction.test_predict import Identity

torch.set_num_threads(1)
folder = Path(FOLDER)
N_DIMS = 3 if "Z" in AXES else 2

def anonymous_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024

def growth(work):
    over, peak, before = threading.Event(), [0], anonymous_bytes()
    def watch():
        while not over.wait(0.001):
            peak[0] = max(peak[0], anonymous_bytes())
    thread = threading.Thread(target=watch)
    thread.start()
    result = work()
    over.set()
    thread.join()
    return peak[0] - before, result

plain = Normalization.identity(1)
predictor = Predictor(
    model=Identity(N_DIMS), normalization=plain, target_normalization=plain, batch_size=4, num_threads=2,
    tile_size=(128, 128) if N_DIMS == 2 else (8, 64, 64), tile_overlap=(2, 16, 16)[-N_DIMS:],
    blend=BLEND,
)
# What is loaded and begun once, is before anything is measured.
for number, shape in enumerate([(40,) * len(SHAPE), SHAPE]):
    (folder / str(number)).mkdir()
    image = tifffile.memmap(folder / str(number) / "in.tif", shape=shape, dtype=np.uint16, photometric="minisblack")
    image[...] = np.arange(shape[-1])
    image.flush()
    del image
    def reader():
        return ImageReader.of(folder / str(number) / "in.tif", "tiff", AXES)
    to_disk, (path,) = growth(lambda: predict_to_files(predictor, reader(), Writing(folder=folder / str(number))))
    predicted = tifffile.memmap(path)
    assert predicted.shape == shape
    assert all(np.allclose(row, np.arange(shape[-1]), rtol=1e-5) for row in predicted.reshape(-1, shape[-1])[::97])
    in_memory, _ = growth(lambda: predictor.predict(reader()))
print(json.dumps({"to_disk": to_disk, "in_memory": in_memory}))
"""


SIZES = {"YX": (4000, 4000), "ZYX": (64, 500, 500)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("axes", "blend"), [("YX", None), ("YX", "linear"), ("ZYX", "gaussian")])
def test_a_large_image_takes_no_more_than_its_output_or_a_few_tiles(
    tmp_path: Path, axes: str, blend: str | None
) -> None:
    setup = f"FOLDER, AXES, SHAPE, BLEND = {str(tmp_path)!r}, {axes!r}, {SIZES[axes]}, {blend!r}"
    grown = json.loads(printed_by(SCRIPT, setup=setup))
    source, output = 2 * 4000 * 4000, 4 * 4000 * 4000
    few_tiles = 16 * 2**20
    assert few_tiles < source
    assert grown["to_disk"] < few_tiles
    assert grown["in_memory"] < output + few_tiles
