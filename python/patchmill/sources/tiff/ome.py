"""OME-XML: what it says about an image, and the same said about another image of its shape."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

__all__ = ["OME_TYPES", "OmeClaims", "in_micrometres", "ome_claims", "ome_for", "ome_pixel_size"]

OME_TYPES = {
    "bool": "bit",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
}
"""The names that OME-XML has for data types."""

_MICROMETRES = {
    "pm": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "\\u00b5m": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "dm": 1e5,
    "m": 1e6,
    "inch": 25400.0,
    "in": 25400.0,
}

# What an image refers to by its ID, and which stays true of another image made from it.
_KEPT = {"Experiment", "Experimenter", "ExperimenterGroup", "Instrument", "ROI", "Rights", "StructuredAnnotations"}


class OmeClaims(NamedTuple):
    """What OME-XML claims of the files of its images.

    Parameters
    ----------
    n_planes : int
        How many planes there are at most, in all images together: by their sizes, by the places of planes in files, and
        by axes within axes.
    files : frozenset of str
        The names of the files that the planes are in, relative to the folder of the file that the XML is in.
    """

    n_planes: int
    files: frozenset[str]


def in_micrometres(size: object, unit: object) -> float | None:
    """Convert a length to micrometres.

    Parameters
    ----------
    size : object
        The length, as a number or its text.
    unit : object
        The unit, as OME-XML or ImageJ write it.

    Returns
    -------
    float or None
        The length in µm; None if it is not a positive number, or the unit is no unit of length.
    """
    # The Greek letter mu and the micro sign look alike and are both in use.
    factor = _MICROMETRES.get(str(unit).strip().replace("\u03bc", "\u00b5").lower())
    try:
        number = float(str(size))
    except ValueError:
        return None
    return number * factor if factor is not None and math.isfinite(number) and number > 0 else None


def ome_pixel_size(xml: str) -> tuple[float | None, float | None, float | None]:
    """Return the size of a pixel of the first image that OME-XML describes.

    Parameters
    ----------
    xml : str
        The OME-XML.

    Returns
    -------
    tuple of float or None
        The size in Z, Y and X, in µm; None where the XML does not say.
    """
    pixels = _first_pixels(_parse(xml))
    if pixels is None:
        return None, None, None
    size_z, size_y, size_x = (
        in_micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"
    )
    return size_z, size_y, size_x


def ome_claims(xml: str) -> OmeClaims:
    """Return what OME-XML claims of the files of its images.

    Parameters
    ----------
    xml : str
        The OME-XML.

    Returns
    -------
    OmeClaims
        What it claims; nothing if it cannot be parsed.
    """
    root = _parse(xml)
    n_planes, files = 0, set()
    for element in root.iter() if root is not None else ():
        match _name(element):
            case "Pixels":
                n_planes += math.prod(_count(element.get(f"Size{axis}"), 1) for axis in "ZCT")
            case "TiffData":
                first = sum(_count(element.get(f"First{axis}")) for axis in "ZCT")
                n_planes += first + _count(element.get("PlaneCount", element.get("NumPlanes", "1")))
            case "ModuloAlongZ" | "ModuloAlongT" | "ModuloAlongC":
                n_planes += _modulo_count(element)
            case "UUID":
                files.add(element.get("FileName") or "")
    return OmeClaims(n_planes, frozenset(files - {""}))


def ome_for(xml: str, axes: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bytes | None:
    """Say what OME-XML says of its first image of another image of the same axes and shape, stored in one file.

    Parameters
    ----------
    xml : str
        The OME-XML.
    axes : str
        The axes of the other image, letters of ``TCZYX``.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its data type.

    Returns
    -------
    bytes or None
        OME-XML in ASCII with everything that stays true: pixel sizes, channels, planes, instrument, annotations. None
        if the XML cannot be parsed, describes other axes or another shape, or has no name for the data type.
    """
    root = _parse(xml)
    pixels = _first_pixels(root)
    if root is None or pixels is None or dtype.name not in OME_TYPES:
        return None
    asked = _squeezed(zip(axes, shape, strict=True))
    if asked not in [_squeezed(layout) for layout in _layouts(pixels)]:
        return None
    image = next(_children(root, "Image"))
    for element in list(root):
        if element is not image and _name(element) not in _KEPT:
            root.remove(element)
    root.attrib.pop("UUID", None)
    if pixels.get("Type") != OME_TYPES[dtype.name]:
        pixels.attrib.pop("SignificantBits", None)
    pixels.set("Type", OME_TYPES[dtype.name])
    pixels.set("BigEndian", "true" if sys.byteorder == "big" else "false")
    for element in list(pixels):
        if _name(element) in {"TiffData", "BinData", "MetadataOnly"}:
            pixels.remove(element)
    channels = list(_children(pixels, "Channel"))
    n_samples = _samples_per_pixel(pixels)
    n_planes = math.prod(int(pixels.attrib[f"Size{axis}"]) for axis in "ZCT") // n_samples
    data = ElementTree.Element(
        pixels.tag.replace("Pixels", "TiffData"), {"IFD": "0", "FirstZ": "0", "FirstC": "0", "FirstT": "0"}
    )
    data.set("PlaneCount", str(n_planes))
    pixels.insert(list(pixels).index(channels[-1]) + 1 if channels else 0, data)
    _unqualify(root)
    written: bytes = ElementTree.tostring(root, encoding="us-ascii")
    return written


def _count(text: str | None, default: int = 0) -> int:
    try:
        return abs(int(text)) if text else default
    except ValueError:
        return default


def _modulo_count(element: ElementTree.Element) -> int:
    """Return how many steps lie between the start and the end of an axis within an axis."""
    try:
        length = float(element.get("End", 0)) - float(element.get("Start", 0))
        step = float(element.get("Step", 1))
        return abs(int(length / step)) if step else 0
    except (OverflowError, ValueError):
        return sys.maxsize


def _parse(xml: str) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in element if _name(child) == name)


def _first_pixels(root: ElementTree.Element | None) -> ElementTree.Element | None:
    image = next(_children(root, "Image"), None) if root is not None else None
    return next(_children(image, "Pixels"), None) if image is not None else None


def _samples_per_pixel(pixels: ElementTree.Element) -> int:
    channel = next(_children(pixels, "Channel"), None)
    return int(channel.get("SamplesPerPixel", "1")) if channel is not None else 1


def _layouts(pixels: ElementTree.Element) -> list[list[tuple[str, int]]]:
    """Return the orders in which the axes may lie in the file, with their sizes.

    Samples lie before or behind Y and X: what the attribute Interleaved says of it is not to be relied on. The list is
    empty if sizes are not stated, or if channels come both as samples and as planes.
    """
    try:
        sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in "XYZCT"}
        n_samples = _samples_per_pixel(pixels)
        order = pixels.attrib["DimensionOrder"][::-1]
    except (KeyError, ValueError):
        return []
    if sorted(order) != sorted("XYZCT"):
        return []
    if n_samples == 1:
        return [[(axis, sizes[axis]) for axis in order]]
    if sizes["C"] != n_samples:
        return []
    planes = [(axis, sizes[axis]) for axis in order if axis != "C"]
    samples = ("C", n_samples)
    return [[*planes, samples], [*planes[:-2], samples, *planes[-2:]]]


def _squeezed(axes: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(axis, size) for axis, size in axes if size > 1 or axis in "YX"]


def _unqualify(root: ElementTree.Element) -> None:
    """Make the namespace of the root the default one, so that names stay as readers expect them: without a prefix."""
    if not root.tag.startswith("{"):
        return
    namespace = root.tag[1:].partition("}")[0]
    for element in root.iter():
        if element.tag.startswith(f"{{{namespace}}}"):
            element.tag = _name(element)
    root.set("xmlns", namespace)
