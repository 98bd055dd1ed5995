"""From the batches that a network predicts to images, in memory and on disk: what of CAREamics is replaced."""

from __future__ import annotations

import sys
from types import ModuleType

from careamics.careamist import CAREamist
from careamics.lightning.callbacks.prediction import (
    ImageWriteStrategy,
    PredictionWriterCallback,
    ZarrTileWriteStrategy,
)
from careamics.lightning.prediction import convert_prediction as _their_convert_prediction
from careamics.lightning.prediction import decollate_image_region_data as _their_decollate

from patchmill.careamics.prediction.batch import decollate_image_region_data
from patchmill.careamics.prediction.collect import predict
from patchmill.careamics.prediction.convert import consume_prediction, convert_prediction
from patchmill.careamics.prediction.stores import write_tile
from patchmill.careamics.prediction.writer import (
    flush_on_exception,
    flush_on_predict_end,
    total_samples,
    write_on_batch_end,
)
from patchmill.careamics.replacement import Replacement

__all__ = ["convert_prediction", "decollate_image_region_data", "replacements"]


def replacements() -> list[Replacement]:
    """Say what is replaced after the network.

    Returns
    -------
    list of Replacement
        One for each place that holds a function, and for each method of the writers.
    """
    consuming = "careamics.careamist"
    found = [
        Replacement(
            module,
            "convert_prediction",
            consume_prediction if module.__name__ == consuming else convert_prediction,
            "stitching of predictions",
        )
        for module in _holders("convert_prediction", _their_convert_prediction)
    ]
    found += [
        Replacement(module, "decollate_image_region_data", decollate_image_region_data, "single regions of predictions")
        for module in _holders("decollate_image_region_data", _their_decollate)
    ]
    callback = PredictionWriterCallback
    return [
        *found,
        Replacement(CAREamist, "predict", predict, "tiles stitched as they come"),
        Replacement(callback, "write_on_batch_end", write_on_batch_end, "writing of predictions"),
        Replacement(callback, "on_predict_end", flush_on_predict_end, "last blocks of Zarr arrays"),
        Replacement(callback, "on_exception", flush_on_exception, "last blocks of Zarr arrays"),
        Replacement(ZarrTileWriteStrategy, "write_tile", write_tile, "tiles of Zarr arrays"),
        Replacement(ImageWriteStrategy, "_get_total_samples", total_samples, "samples of a whole prediction"),
    ]


def _holders(name: str, function: object) -> list[ModuleType]:
    """Find the modules of CAREamics that hold a function."""
    return [
        module
        # A copy: what is collected as garbage meanwhile may import something.
        for path, module in sorted(sys.modules.copy().items())
        if path.split(".")[0] == "careamics" and vars(module).get(name) is function
    ]
