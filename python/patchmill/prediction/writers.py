"""TIFF files of results: with the axes, the shape and the metadata of the image that they were made from."""

from __future__ import annotations

import fnmatch
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from patchmill.errors import AxesError, OutputError, OutputExistsError
from patchmill.files import replacing
from patchmill.sources.axes import parse_axes
from patchmill.sources.image import check_pixels
from patchmill.sources.tiff.ome import OME_TYPES, ome_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from patchmill.sources.files import PathLike
    from patchmill.sources.tiff.metadata import TiffMetadata

__all__ = ["check_free", "check_writable", "not_written", "write_options", "write_tiff"]

# Offsets in a classic TIFF, which ImageJ's is, have 32 bits; the rest is left for its tags.
_CLASSIC_BYTES = 2**32 - 2**25

_IMAGEJ_DTYPES = {"uint8", "uint16", "int16", "float32"}

# What ImageJ keeps beside its description, under the names that tifffile reads and writes.
_IMAGEJ_TAGS = {"Info", "Labels", "Ranges", "LUTs", "Plot", "ROI", "Overlays", "Properties"}

# ImageJ's calibration from stored to shown values, which is that of the data type that it came with.
_IMAGEJ_CALIBRATION = {"cf", "c0", "c1", "c2", "c3", "c4", "c5", "vunit"}


def check_writable(path: PathLike, *, overwrite: bool = False) -> None:
    """Check that a TIFF file can be written, by making and removing a file beside it. Ask before a long job.

    Parameters
    ----------
    path : path
        The file that will be written.
    overwrite : bool, default False
        Whether it may be there already.

    Raises
    ------
    OutputError
        If it cannot be written: the folder is not there or takes no files, the path is a folder, or its name is not
        that of a TIFF.
    OutputExistsError
        If it is there already, and is not to be overwritten.
    """
    path = Path(path)
    if not fnmatch.fnmatchcase(path.name.lower(), "*.tif*"):
        msg = f"{path}: expected the name of a TIFF file for the output, got {path.name!r}. End it in .tif."
        raise OutputError(msg)
    try:
        check_free(path, overwrite=overwrite)
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(not_written(path, error)) from error


def write_tiff(
    path: PathLike, image: NDArray[Any], axes: str, *, metadata: TiffMetadata | None = None, overwrite: bool = False
) -> None:
    """Write an image as a TIFF that tifffile reads back with the same shape and axes.

    The format is that of the file that the image was made from: OME-TIFF with its XML, a hyperstack of ImageJ with its
    description, or a TIFF with the shape and axes in the JSON of tifffile; a plain TIFF where one page says it all.
    Where a format cannot hold the image (ImageJ: another order than TZCYX, other types than uint8, uint16, int16 and
    float32, 4 GiB or more; OME: an order that does not end in YX or YXC, 64-bit integers or 16-bit floats; both: a last
    axis of size 1), the next one that can is taken: OME after ImageJ, then JSON. OME and ImageJ know no axis S: it is
    written under the letter that the file had for it, or under one that is free. The file has another name until it is
    whole, so that nothing half-written is left if writing fails.

    Parameters
    ----------
    path : path
        The file to write. Its folder must be there.
    image : numpy.ndarray
        The image: bool, an integer, or a floating-point type of at most 64 bits.
    axes : str
        Its axes, in any order.
    metadata : TiffMetadata, optional
        What the file said that the image was made from. Without it, the axes are all that is written.
    overwrite : bool, default False
        Whether to replace a file that is there already.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit the image.
    DtypeError
        If the data type of the image cannot be written.
    OutputError
        If the file cannot be written.
    OutputExistsError
        If it is there already, and is not to be overwritten.
    ShapeError
        If the image holds no pixels.
    """
    path = Path(path)
    letters = parse_axes(axes)
    check_pixels(str(path), image)
    if image.ndim != len(letters):
        msg = f"{path}: expected one letter per axis of the shape {image.shape}, got the axes {letters!r}."
        raise AxesError(msg)
    check_writable(path, overwrite=overwrite)
    options = write_options(image, letters, metadata)
    with replacing(path) as part:
        try:
            tifffile.imwrite(part, image, software="patchmill", **options)
        except Exception as error:
            raise OutputError(not_written(path, error)) from error
        check_free(path, overwrite=overwrite)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Check that a file may have its name.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    overwrite : bool
        Whether it may be there already.

    Raises
    ------
    OutputError
        If it is a folder, or lies in none.
    OutputExistsError
        If it is there, and is not to be overwritten.
    """
    if path.is_dir():
        msg = f"{path}: expected a file name for the output, got a folder. Add a file name."
        raise OutputError(msg)
    if path.exists() and not overwrite:
        msg = f"{path}: expected no file of that name, got one. Choose another name, or ask to overwrite it."
        raise OutputExistsError(msg)
    if not path.parent.is_dir():
        msg = f"{path}: expected a folder for the output, got {path.parent}, which is none. Create it first."
        raise OutputError(msg)


def not_written(path: Path, error: Exception) -> str:
    """Say why a file could not be written."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"{path}: expected a file that can be written, got: {reason}. Choose another folder, or make room and grant "
        "the right to write in this one."
    )


def write_options(image: NDArray[Any], axes: str, metadata: TiffMetadata | None) -> dict[str, Any]:
    """Choose how to write an image: the options of `tifffile.imwrite`."""
    layout = _layout(image, axes, metadata)
    if metadata is None:
        return layout | {"ome": False, "metadata": {"axes": _stored_axes(axes, layout)}}
    described = None
    if metadata.kind in {"ome", "imagej"}:
        described = _hyperstack(image, axes, layout, metadata)
    elif metadata.kind == "plain":
        described = _single_page(image, axes, layout, metadata)
    return layout | (described or _json(axes, layout, metadata))


def _hyperstack(
    image: NDArray[Any], axes: str, layout: dict[str, Any], metadata: TiffMetadata
) -> dict[str, Any] | None:
    """Describe an image as ImageJ or OME do; None if neither can."""
    letters = _without_samples(axes, metadata)
    stored = _stored_axes(letters, layout)
    if image.shape[-1] == 1:
        # tifffile may take a last axis of size 1 for that of the samples.
        return None
    if metadata.kind == "imagej" and _fits_imagej(image, letters, layout):
        return {"imagej": True, "metadata": {"axes": stored, **_imagej_items(image, metadata)}}
    if "S" in letters or not stored.endswith(("YX", "YXS")) or image.dtype.name not in OME_TYPES:
        return None
    squeezed = "".join(axis for axis, size in zip(letters, image.shape, strict=True) if size > 1 or axis in "YX")
    if metadata.kind == "ome" and squeezed == metadata.axes:
        xml = ome_for(metadata.description or "", letters, image.shape, image.dtype)
        if xml is not None:
            return {"ome": False, "description": xml, "metadata": None}
    return {"ome": True, "metadata": {"axes": stored, **_physical_sizes(metadata)}}


def _single_page(
    image: NDArray[Any], axes: str, layout: dict[str, Any], metadata: TiffMetadata
) -> dict[str, Any] | None:
    """Describe an image by nothing but its tags; None if they leave its axes open."""
    page_axes = {None: "YX", "contig": "YXC", "separate": "CYX"}[layout.get("planarconfig")]
    if axes != page_axes or axes != metadata.axes or image.ndim != len(page_axes):
        return None
    return {"ome": False, "metadata": None, **_text(metadata)}


def _json(axes: str, layout: dict[str, Any], metadata: TiffMetadata) -> dict[str, Any]:
    """Describe an image as tifffile does, which can describe any."""
    items: dict[str, Any] = dict(metadata.items) if metadata.kind == "shaped" else _physical_sizes(metadata)
    items["axes"] = _stored_axes(axes, layout)
    return {"ome": False, "metadata": items, **_text(metadata)}


def _layout(image: NDArray[Any], axes: str, metadata: TiffMetadata | None) -> dict[str, Any]:
    """Choose how pixels and channels are stored in pages, and keep the resolution and what is shown as white."""
    is_white_zero = metadata is not None and metadata.is_white_zero
    options: dict[str, Any] = {"photometric": "miniswhite" if is_white_zero else "minisblack"}
    n_channels = image.shape[axes.index("C")] if "C" in axes else 1
    samples = metadata.samples if metadata is not None else None
    planar = samples == "planar" and axes.endswith("CYX")
    # Samples of one bit are packed, and not read back by all.
    if n_channels > 1 and image.dtype != np.bool_ and (planar or axes.endswith("YXC")):
        options["planarconfig"] = "separate" if planar else "contig"
        if n_channels == 3 or (n_channels == 4 and samples is not None):
            options["photometric"] = "rgb"
    if metadata is not None and metadata.resolution is not None:
        options |= {"resolution": metadata.resolution, "resolutionunit": metadata.resolution_unit}
    return options


def _stored_axes(axes: str, layout: dict[str, Any]) -> str:
    """Return the axes as tifffile writes them: channels that are samples of a pixel are its S, if that is free."""
    return axes.replace("C", "S") if "planarconfig" in layout and "S" not in axes else axes


def _without_samples(axes: str, metadata: TiffMetadata) -> str:
    """Return the axes with a letter in the place of S that OME and ImageJ know; S as it is if none is free."""
    if "S" not in axes:
        return axes
    stated = metadata.axes or ""
    own = stated[axes.index("S")] if len(stated) == len(axes) else ""
    free = [letter for letter in f"{own}TZC" if letter not in axes]
    return axes.replace("S", free[0]) if free else axes


def _fits_imagej(image: NDArray[Any], axes: str, layout: dict[str, Any]) -> bool:
    stored = _stored_axes(axes, layout)
    in_order = "S" not in axes and stored == "".join(letter for letter in "TZCYXS" if letter in stored)
    if "planarconfig" in layout:
        in_order = in_order and layout["photometric"] == "rgb" and image.dtype == np.uint8
        in_order = in_order and layout["planarconfig"] == "contig"
    return in_order and image.dtype.name in _IMAGEJ_DTYPES and image.nbytes < _CLASSIC_BYTES


def _imagej_items(image: NDArray[Any], metadata: TiffMetadata) -> dict[str, Any]:
    same_dtype = image.dtype.newbyteorder("=") == metadata.dtype.newbyteorder("=")
    items: dict[str, Any] = {}
    for key, value in metadata.items.items():
        if key in _IMAGEJ_TAGS:
            # Labels, look-up tables and ranges belong to slices and channels.
            if image.shape == metadata.shape:
                items[key] = value
        elif isinstance(value, (bool, int, float, str)) and (same_dtype or key not in _IMAGEJ_CALIBRATION):
            items[key] = _ascii(value) if isinstance(value, str) else value
    return items


def _text(metadata: TiffMetadata) -> dict[str, Any]:
    """Return the free text of a plain TIFF."""
    if metadata.kind != "plain" or not metadata.description:
        return {}
    return {"description": metadata.description.encode()}


def _ascii(text: str) -> str:
    r"""Escape what is not ASCII as ImageJ does: the unit µm is \u00B5m."""
    return "".join(letter if letter.isascii() else f"\\u{ord(letter):04X}" for letter in text)


def _physical_sizes(metadata: TiffMetadata) -> dict[str, Any]:
    """Return the size of a pixel under the names of OME-XML."""
    sizes: dict[str, Any] = {}
    for axis, size in zip("ZYX", metadata.pixel_size_um, strict=True):
        if size is not None:
            sizes |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    return sizes
