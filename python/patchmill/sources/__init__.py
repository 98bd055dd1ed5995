"""Where pixels live: in arrays and files, each image with its name and axes, copied only where it must be."""

from patchmill.sources.array import images_from_arrays
from patchmill.sources.axes import canonical_view, parse_axes, restore_axes, restored_axes
from patchmill.sources.custom import ReadFunction, check_read_source_func, open_custom_image
from patchmill.sources.files import PathLike, list_files, pair_files
from patchmill.sources.header import ImageHeader, ImageLike
from patchmill.sources.image import Image, check_alike, check_pairs
from patchmill.sources.image_files import ImageFiles
from patchmill.sources.memory import fits_in_memory, usable_memory
from patchmill.sources.normalization import (
    Normalization,
    complete_statistics,
    has_statistics,
    input_normalization,
    target_normalization,
)
from patchmill.sources.opening import are_open, check_data_type, open_image_pairs, open_images
from patchmill.sources.skipping import OnError
from patchmill.sources.statistics import Statistics, compute_quantiles, compute_statistics
from patchmill.sources.survey import Survey, Visit, open_files, survey_files
from patchmill.sources.tiff import TiffMetadata, images_from_tiffs, read_metadata, read_tiff

__all__ = [
    "Image",
    "ImageFiles",
    "ImageHeader",
    "ImageLike",
    "Normalization",
    "OnError",
    "PathLike",
    "ReadFunction",
    "Statistics",
    "Survey",
    "TiffMetadata",
    "Visit",
    "are_open",
    "canonical_view",
    "check_alike",
    "check_data_type",
    "check_pairs",
    "check_read_source_func",
    "complete_statistics",
    "compute_quantiles",
    "compute_statistics",
    "fits_in_memory",
    "has_statistics",
    "images_from_arrays",
    "images_from_tiffs",
    "input_normalization",
    "list_files",
    "open_custom_image",
    "open_files",
    "open_image_pairs",
    "open_images",
    "pair_files",
    "parse_axes",
    "read_metadata",
    "read_tiff",
    "restore_axes",
    "restored_axes",
    "survey_files",
    "target_normalization",
    "usable_memory",
]
