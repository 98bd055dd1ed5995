"""Where pixels live: in arrays and files, each image with its name and axes, copied only where it must be."""

from patchmill.sources.array import images_from_arrays
from patchmill.sources.axes import canonical_view, parse_axes, restore_axes, restored_axes
from patchmill.sources.files import PathLike, list_files, pair_files
from patchmill.sources.image import Image, check_alike
from patchmill.sources.metadata import TiffMetadata, read_metadata
from patchmill.sources.opening import are_open, check_data_type, open_images
from patchmill.sources.statistics import Statistics, compute_quantiles, compute_statistics
from patchmill.sources.tiff import images_from_tiffs, read_tiff

__all__ = [
    "Image",
    "PathLike",
    "Statistics",
    "TiffMetadata",
    "are_open",
    "canonical_view",
    "check_alike",
    "check_data_type",
    "compute_quantiles",
    "compute_statistics",
    "images_from_arrays",
    "images_from_tiffs",
    "list_files",
    "open_images",
    "pair_files",
    "parse_axes",
    "read_metadata",
    "read_tiff",
    "restore_axes",
    "restored_axes",
]
