"""Predicted tiles written into Zarr arrays: what ``ZarrTileWriteStrategy`` does, each array opened once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from careamics.lightning.callbacks.prediction import ZarrTileWriteStrategy

from patchmill.careamics.prediction.batch import RegionBatch
from patchmill.careamics.prediction.blocks import BlockWriter
from patchmill.careamics.prediction.canvas import slices
from patchmill.careamics.region_data import HAS_TARGET_AXES

if HAS_TARGET_AXES:
    from careamics.lightning.callbacks.prediction.zarr_tile_write_strategy import ZarrTileHandler, _get_destination

__all__ = ["ZarrStores", "write_tile"]

_their_write_tile = ZarrTileWriteStrategy.write_tile
_last_images: WeakKeyDictionary[Any, tuple[Path, str, int]] = WeakKeyDictionary()


@dataclass
class _Output:
    """The array of one image."""

    blocks: BlockWriter
    transform: Any
    missing: int


class ZarrStores:
    """The arrays of the images in progress."""

    def __init__(self) -> None:
        self.outputs: dict[tuple[str, int], _Output] = {}

    def write(self, strategy: Any, folder: Path, batch: RegionBatch) -> None:
        """Take a batch of tiles, and write the blocks that are whole.

        Parameters
        ----------
        strategy : ZarrTileWriteStrategy
            Whose stores, groups and arrays are made and opened.
        folder : pathlib.Path
            Where the stores are that do not lie beside their source.
        batch : RegionBatch
            What was predicted.
        """
        data = batch.array()
        spec = batch.region_spec
        for index, (image, source) in enumerate(zip(spec["data_idx"], batch.texts["source"], strict=True)):
            output = self.outputs.get((source, image))
            if output is None:
                output = self.outputs[source, image] = _open(strategy, folder, batch.region(index, data=data[index]))
            size = spec["crop_size"][index]
            kept: tuple[Any, ...] = (index, ..., *slices(spec["crop_coords"][index], size))
            pixels = output.transform.restore(data[kept])
            places = output.transform.stitch_slices(spec["sample_idx"][index], spec["stitch_coords"][index], size)
            shape = [place.stop - place.start if isinstance(place, slice) else 1 for place in places]
            start = [place.start if isinstance(place, slice) else place for place in places]
            output.blocks.put(start, np.reshape(pixels, shape))
            output.missing -= 1
            if output.missing == 0:
                output.blocks.flush()
                del self.outputs[source, image]

    def finish(self) -> None:
        """Write what waits; more tiles of the same images may come later."""
        while self.outputs:
            self.outputs.popitem()[1].blocks.flush()


def _open(strategy: Any, folder: Path, region: Any) -> _Output:
    """Open the array of an image with the strategy's own methods, from the store down."""
    name, store, parent = _get_destination(region, folder)
    handler = ZarrTileHandler(region)
    strategy._create_zarr(store)
    strategy._create_group(parent)
    strategy._create_array(name, handler.pred_array_shape, handler.pred_shards, handler.pred_chunks)
    return _Output(BlockWriter(strategy.current_array), handler.transform, region.region_spec["total_tiles"])


def write_tile(self: Any, dirpath: Path, region: Any) -> None:
    """Write one tile, in the place of ``ZarrTileWriteStrategy.write_tile``.

    With the tile of another image its array is looked up anew, from the store down. The strategy would take the array
    of another store for it if both have the same name, and overwrite that.
    """
    image = Path(dirpath), region.source, region.region_spec["data_idx"]
    if _last_images.get(self) != image:
        self.current_group = None
        self.current_array = None
        _last_images[self] = image
    _their_write_tile(self, dirpath, region)
