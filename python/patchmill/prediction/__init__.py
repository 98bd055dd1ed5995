"""Prediction: images through a trained network, tile by tile, and onto the disk."""

from patchmill.prediction.disk import Writing, predict_to_files
from patchmill.prediction.predict import Predictor, predict_image
from patchmill.prediction.prepare import prepare
from patchmill.prediction.reader import ImageReader
from patchmill.prediction.stitching import convert_outputs, stitch_prediction
from patchmill.prediction.writers import check_writable, write_tiff

__all__ = [
    "ImageReader",
    "Predictor",
    "Writing",
    "check_writable",
    "convert_outputs",
    "predict_image",
    "predict_to_files",
    "prepare",
    "stitch_prediction",
    "write_tiff",
]
