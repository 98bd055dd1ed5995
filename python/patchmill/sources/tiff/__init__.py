"""TIFF files: mapped where they can be, decoded where they must be, and never trusted to be whole."""

from patchmill.sources.tiff.file import OpenTiff, open_tiff
from patchmill.sources.tiff.header import TiffHeader, tiff_header
from patchmill.sources.tiff.images import images_from_tiffs, open_tiff_image, read_tiff
from patchmill.sources.tiff.metadata import TiffMetadata, read_metadata

__all__ = [
    "OpenTiff",
    "TiffHeader",
    "TiffMetadata",
    "images_from_tiffs",
    "open_tiff",
    "open_tiff_image",
    "read_metadata",
    "read_tiff",
    "tiff_header",
]
