"""``CAREamist.predict`` without the tiles: they are stitched as they come, and none is kept."""

from __future__ import annotations

import functools
from typing import Any
from weakref import WeakKeyDictionary

from careamics.careamist import CAREamist
from careamics.lightning.callbacks.prediction import PredictionWriterCallback

from patchmill.careamics.prediction.batch import TILE_KEYS, read_batch
from patchmill.careamics.prediction.canvas import Canvas, put_tiles

__all__ = ["Collected", "collect", "predict"]

_their_predict = CAREamist.predict


class Collected(list[Any]):
    """What a trainer returns: the batches that are no tiles, and images stitched of those that are.

    Attributes
    ----------
    canvases : dict of int to Canvas
        The images by their ``data_idx``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.canvases: dict[int, Canvas] = {}

    def take(self, batch: Any) -> None:
        """Take a predicted batch."""
        if set(batch.region_spec) >= TILE_KEYS:
            put_tiles(read_batch(batch), self.canvases)
        else:
            self.append(batch)


# The callbacks of trainers that are predicting for a CAREamist.
_collections: WeakKeyDictionary[Any, Collected] = WeakKeyDictionary()


def collect(callback: Any, batch: Any) -> None:
    """Take a batch that a trainer has shown to its writer, if the trainer predicts for `predict`."""
    if _collections and callback in _collections:
        _collections[callback].take(batch)


@functools.wraps(_their_predict)
def predict(self: Any, pred_data: Any, **options: Any) -> Any:
    """Predict as ``CAREamist.predict`` does; its trainer returns images in the place of batches of tiles."""
    trainer, writer = self.trainer, self.prediction_writer
    if (
        options.get("tile_size") is None
        or type(writer) is not PredictionWriterCallback
        or not any(callback is writer for callback in trainer.callbacks)
        or "predict" in vars(trainer)
        or trainer.world_size > 1
    ):
        return _their_predict(self, pred_data, **options)

    def predict_and_stitch(*args: Any, **given: Any) -> Collected:
        collected = _collections[writer] = Collected()
        try:
            type(trainer).predict(trainer, *args, **given | {"return_predictions": False})
        finally:
            del _collections[writer]
        return collected

    trainer.predict = predict_and_stitch
    try:
        return _their_predict(self, pred_data, **options)
    finally:
        del trainer.predict
