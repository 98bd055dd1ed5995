"""Nothing is read or written outside of its arrays: images and batches lie between pages that may not be touched."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from patchmill._core import PatchDataset, Plan
from patchmill.errors import ShapeError
from tests.dataset.processes import printed_by

SCRIPT = """
import ctypes, itertools, mmap
from patchmill._core import (
    Augmentation, N2vManipulate, PatchDataset, Plan, TileGrid, statistics, stitch_into, tiles_into
)
from patchmill.sources import canonical_view
from tests.images import DTYPES, random_pixels

libc = ctypes.CDLL(None, use_errno=True)
PAGE = mmap.PAGESIZE
maps = []

def guarded(shape, dtype, at_end):
    # One array whose first byte follows, or whose last byte precedes, a page that may not be touched.
    dtype = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    n_pages = -(-n_bytes // PAGE)
    memory = mmap.mmap(-1, (n_pages + 2) * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (address, address + (n_pages + 1) * PAGE):
        assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) == 0
    maps.append(memory)
    offset = PAGE + (n_pages * PAGE - n_bytes if at_end else 0)
    return np.ndarray(shape, dtype, buffer=memory, offset=offset)

def views(stored):
    yield stored, "TYX"
    yield stored.transpose(0, 2, 1), "TYX"
    yield stored[:, ::-1, ::-1], "TYX"
    yield stored[::-1, :, ::-1].transpose(2, 0, 1), "XZY"
    yield stored[:, 1::2, 2::3], "ZYX"

n_items = 0
for dtype, at_end in itertools.product(DTYPES, (True, False)):
    stored = guarded((2, 37, 51), dtype, at_end)
    stored[...] = random_pixels(stored.shape, dtype, 1)
    for view, axes in views(stored):
        pixels = canonical_view(view, axes)
        n_t, size = pixels.shape[1], pixels.shape[3:]
        statistics([("image", pixels)], num_threads=2)
        for side in (1, 16, 17):
            patch = (1, min(side, size[1]), min(side, size[2]))
            core = PatchDataset(
                [("image", pixels)], [(1.0, 2.0)], Plan.random([("image", n_t, size)], patch),
                n2v_manipulate=N2vManipulate(
                    strategy="median", roi_size=5, masked_pixel_percentage=10.0, is_3d=False),
                augmentation=Augmentation(
                    flip_y=True, flip_x=True, flip_probability=0.5, rotation_probability=0.75),
            )
            n = min(len(core), 24)
            items = np.array([(index, 1) for index in range(n)])
            outputs = tuple(guarded((n, 1, *patch), kind, at_end) for kind in ("f4", "f4", "u1"))
            core.submit(items, outputs, seed=3, num_threads=2).wait()
            n_items += n
        for tile in ((1, 16, 16), (3, 60, 60)):
            grid = TileGrid(size, tile_size=tile, tile_overlap=(0, 4, 4))
            tiles = guarded((len(grid), 1, *tile), "f4", at_end)
            tiles_into(("image", pixels), n_t - 1, grid, first=0, normalization=[(1.0, 2.0)], out=tiles, num_threads=2)
            stitched = guarded((1, *size), "f4", at_end)
            stitch_into(tiles, grid, first=0, normalization=[(1.0, 2.0)], out=stitched)
    maps.clear()
print(n_items > 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages by mprotect")
def test_nothing_is_touched_outside_of_images_and_batches() -> None:
    assert printed_by(SCRIPT) == "True\n"


def test_outputs_whose_size_no_number_holds_are_refused() -> None:
    side = 2**31
    pixels = np.broadcast_to(np.zeros((1,) * 6, np.uint8), (1, 1, 1, 1, side, side))
    plan = Plan.sequential([("image", 1, (1, side, side))], (1, side, side))
    core = PatchDataset([("image", pixels)], [(0.0, 1.0)], plan)
    # Four items of 2^62 pixels: their number would come round to zero.
    with pytest.raises(ShapeError, match="4 items"):
        core.submit(np.zeros((4, 2), np.int64), (np.empty((4, 0), np.float32),), seed=0, num_threads=1)
