"""However many threads make the batches, and whatever happens to the pixels meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchmill.dataset import InMemoryDataset, PatchLoader
from tests.dataset.kinds import KINDS
from tests.dataset.milling import Batch, copied, data_config, epochs, noise
from tests.dataset.processes import printed_by
from tests.dataset.thoroughness import times
from tests.oracles.item import Masking


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_every_kind_are_the_same_bytes_for_any_threads_and_prefetch(kind: str) -> None:
    expected = epochs(PatchLoader(KINDS[kind], 5, shuffle=True, num_threads=1, prefetch=1), 2)
    for num_threads in (1, 2, 3, 8):
        for prefetch in (1, 2, 4):
            loader = PatchLoader(KINDS[kind], 5, shuffle=True, num_threads=num_threads, prefetch=prefetch)
            assert epochs(loader, 2) == expected, (num_threads, prefetch)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "f4", "f8"])
@pytest.mark.parametrize("masking", [None, Masking("uniform", 5, 2.0), Masking("median", 3, 2.0)])
def test_an_array_that_is_written_to_while_threads_read_it_gives_other_pixels_and_no_crash(
    dtype: str, masking: Masking | None
) -> None:
    image = noise((8, 64, 64), dtype)
    dataset = InMemoryDataset(data_config("TYX", masking=masking), image)
    expected, before = copied(PatchLoader(dataset, 16, shuffle=True)), image.copy()
    is_over = threading.Event()

    def scribble() -> None:
        while not is_over.is_set():
            # NaNs and infinities among them.
            image.view(np.uint8)[...] = 255
            image.view(np.uint8).reshape(-1, 256)[...] = np.arange(256)
            image[...] = before[::-1]

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        for _ in range(times(3, slow=300)):
            found = copied(PatchLoader(dataset, 16, shuffle=True, num_threads=2))
            assert [[len(part) for part in batch] for batch in found] == [[len(part) for part in b] for b in expected]
    finally:
        is_over.set()
        writer.join()
    image[...] = before
    assert copied(PatchLoader(dataset, 16, shuffle=True)) == expected


def test_a_mapped_file_that_is_written_to_while_threads_read_it_gives_other_pixels(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, noise((8, 64, 64)), photometric="minisblack")
    dataset = InMemoryDataset(data_config("TYX", data_type="tiff"), path)
    expected = copied(PatchLoader(dataset, 16))
    pixels = tifffile.memmap(path)
    loader = PatchLoader(dataset, 16, num_threads=2, prefetch=4)
    for batch in loader:
        pixels += 1
        assert batch[0].isfinite().all()
    loader.set_epoch(0)
    assert copied(loader) != expected
    pixels -= len(loader)
    loader.set_epoch(0)
    assert copied(loader) == expected
    del pixels


def test_an_array_lives_as_long_as_batches_are_made_of_it() -> None:
    def batches(num_threads: int) -> Iterator[Batch]:
        return iter(PatchLoader(InMemoryDataset(data_config(), noise((200, 200))), 20, num_threads=num_threads))

    expected = copied(batches(1))
    for _ in range(10):
        made = batches(2)
        noise((200, 200), seed=9)  # takes whatever memory is free
        assert copied(made) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_threads_are_of_patchmills_own_pools() -> None:
    script = """
    from patchmill._core import TileGrid, stitch_into, tiles_into

    def foreign():
        names = [Path(f"/proc/self/task/{thread}/comm").read_text() for thread in os.listdir("/proc/self/task")]
        return sum(not name.startswith("patchmill-") for name in names)

    before = foreign()
    dataset = small()
    validation = dataset.split_dataset(0.2)
    for num_threads in (1, 2, 3):
        copied(PatchLoader(dataset, 8, shuffle=True, num_threads=num_threads))
        copied(PatchLoader(validation, 8, num_threads=num_threads))
    dataset.__getitems__(range(20))
    image = ("image", noise((1, 1, 1, 8, 64, 64)))
    grid = TileGrid((8, 64, 64), tile_size=(8, 16, 16), tile_overlap=(4, 8, 8))
    tiles = np.empty((len(grid), 1, 8, 16, 16), np.float32)
    tiles_into(image, 0, grid, first=0, normalization=[(0.0, 1.0)], out=tiles, num_threads=2)
    stitch_into(tiles, grid, first=0, normalization=[(0.0, 1.0)], out=np.empty((1, 8, 64, 64), np.float32))
    print(foreign() - before, usage()[0] > before)
    """
    assert printed_by(script) == "0 True\n"
