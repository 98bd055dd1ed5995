"""Predictions written to one file per image, as soon as an image is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from careamics.lightning.callbacks.prediction import create_write_file_path

from patchmill.careamics.prediction.batch import RegionBatch
from patchmill.careamics.prediction.canvas import Canvas, put_tiles
from patchmill.careamics.region_data import HAS_TARGET_AXES

__all__ = ["SampleFiles", "TileFiles"]


class _Files(ABC):
    """Images in the making, and how a whole one is written."""

    def __init__(self) -> None:
        self.canvases: dict[int, Canvas] = {}

    @abstractmethod
    def put(self, batch: RegionBatch) -> None:
        """Write the regions of a batch into their images."""

    def write(self, strategy: Any, folder: Path, batch: RegionBatch) -> None:
        """Take a batch, and write the images that are whole.

        Parameters
        ----------
        strategy : TileWriteStrategy or ImageWriteStrategy
            Whose function writes, and under which names.
        folder : pathlib.Path
            Where files go.
        batch : RegionBatch
            What was predicted.

        Raises
        ------
        ValueError
            If more regions of an image have come than it has.
        """
        self.put(batch)
        for image, canvas in list(self.canvases.items()):
            if canvas.count > canvas.total:
                msg = (
                    f"image {image}: expected {canvas.total} regions, got {canvas.count}. "
                    "Predict each of them once with one writing strategy."
                )
                raise ValueError(msg)
            if canvas.count == canvas.total:
                del self.canvases[image]
                _write(strategy, folder, canvas)

    def finish(self) -> None:  # noqa: B027 - to do nothing is what both of them do
        """Leave images that are not whole as they are: their other regions may come with the next prediction."""


class TileFiles(_Files):
    """What ``TileWriteStrategy`` does: one float32 image per image in progress, and no tiles."""

    def put(self, batch: RegionBatch) -> None:
        """Stitch the tiles of a batch."""
        put_tiles(batch, self.canvases)


class SampleFiles(_Files):
    """What ``ImageWriteStrategy`` does: samples are written into their image as they come."""

    def put(self, batch: RegionBatch) -> None:
        """Take whole samples."""
        data = batch.array()
        for index, image in enumerate(batch.region_spec["data_idx"]):
            canvas = self.canvases.get(image)
            if canvas is None:
                total = batch.data_shape[index][0]
                # The only sample of an image is the image.
                array = data[index][None] if total == 1 else np.empty((total, *data.shape[1:]), data.dtype)
                canvas = self.canvases[image] = Canvas(array, batch.region(index), total)
            if canvas.total > 1:
                canvas.array[batch.region_spec["sample_idx"][index]] = data[index]
            canvas.count += 1


def _write(strategy: Any, folder: Path, canvas: Canvas) -> None:
    """Write one image with the strategy's own function, under the name that CAREamics gives it."""
    source = Path(canvas.first.source)
    # Since CAREamics 0.3.3 the folders of the sources are kept, and the axes of the data restored.
    base = {"source_base": strategy.source_base} if HAS_TARGET_AXES else {}
    path = create_write_file_path(
        dirpath=folder,
        file_path=source,
        write_extension=strategy.write_extension,
        postfix=f"_{canvas.first.region_spec['data_idx']}" if source.stem == "array" else "",
        **base,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    image = canvas.restored() if HAS_TARGET_AXES else canvas.array
    strategy.write_func(file_path=path, img=image, **strategy.write_func_kwargs)
