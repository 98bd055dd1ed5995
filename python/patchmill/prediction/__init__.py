"""Prediction: images through a trained network, tile by tile, and onto the disk."""

from patchmill.prediction.predict import predict_image
from patchmill.prediction.writers import check_writable, write_tiff

__all__ = ["check_writable", "predict_image", "write_tiff"]
