"""What a TIFF file says about its image, and what is needed to say it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from patchmill.errors import AxesError
from patchmill.sources.tiff.axes import series_axes
from patchmill.sources.tiff.file import open_tiff
from patchmill.sources.tiff.ome import in_micrometres, ome_pixel_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import tifffile

    from patchmill.sources.files import PathLike

__all__ = ["PixelSize", "TiffMetadata", "read_metadata"]

PixelSize = tuple[float | None, float | None, float | None]
"""The size of a pixel in Z, Y and X, in µm; None where it is not known."""

Rational = tuple[int, int]

# The units of the tag ResolutionUnit; 4 and 5 are extensions that tifffile knows.
_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}

# A value of the tag PhotometricInterpretation (TIFF 6.0, page 37).
_MIN_IS_WHITE = 0

# What ImageJ's description says of the file itself, and not of the image.
_IMAGEJ_STRUCTURE = {"ImageJ", "SCIFIO", "images", "channels", "slices", "frames"}


@dataclass(frozen=True)
class TiffMetadata:
    """What a TIFF file says about its image.

    Parameters
    ----------
    name : str
        The path of the file.
    kind : {"ome", "imagej", "shaped", "plain"}
        How it says it: OME-XML, the description of ImageJ, the JSON of tifffile, or only the tags that every TIFF has.
    axes : str or None
        Letters of ``STCZYX`` in the order of `shape`; the samples of RGB pixels are C. None if the file does not say.
    tifffile_axes : str
        What tifffile calls the axes; I and Q are those of unknown meaning.
    shape : tuple of int
        The shape of the image as `read_tiff` gives it.
    dtype : numpy.dtype
        Its data type, with the byte order of the file.
    pixel_size_um : tuple of float or None
        The size of a pixel in Z, Y and X in µm; None where the file does not say.
    samples : {"contiguous", "planar"} or None
        How the channels are stored if one page holds them all, as RGB pixels are; None if it does not.
    is_white_zero : bool
        Whether the file shows 0 as white, as ImageJ's inverting look-up tables do. The pixels are what they are.
    resolution : tuple of tuple of int, or None
        The tags XResolution and YResolution, in pixels per unit, as numerator and denominator.
    resolution_unit : int
        The tag ResolutionUnit.
    description : str or None
        The OME-XML, or the free text of a plain TIFF.
    items : mapping
        The items of the description of ImageJ or of the JSON of tifffile, without those about the shape.
    """

    name: str
    kind: Literal["ome", "imagej", "shaped", "plain"]
    axes: str | None
    tifffile_axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_um: PixelSize = (None, None, None)
    samples: Literal["contiguous", "planar"] | None = None
    is_white_zero: bool = False
    resolution: tuple[Rational, Rational] | None = None
    resolution_unit: int = 1
    description: str | None = None
    items: Mapping[str, Any] = field(default_factory=dict)

    def require_axes(self) -> str:
        """Return the axes, or say that they must be given.

        Returns
        -------
        str
            The axes.

        Raises
        ------
        AxesError
            If the file does not say them.
        """
        if self.axes is not None:
            return self.axes
        n_more = len(self.shape) - 2
        examples = {0: "YX", 1: "ZYX, TYX or CYX", 2: "CZYX, TCYX or TZYX"}.get(n_more, "TCZYX")
        if self.tifffile_axes.endswith("S"):
            # What comes last are the samples of a pixel, of RGB for instance.
            examples = {1: "YXC", 2: "TYXC or ZYXC"}.get(n_more, "TZYXC")
        msg = (
            f"{self.name}: expected the axes of the image in the metadata of the file, got {self.tifffile_axes!r} for "
            f"the shape {self.shape}, where I, Q and others may mean anything. Give the axes (--axes), such as "
            f"{examples}."
        )
        raise AxesError(msg)


def read_metadata(path: PathLike) -> TiffMetadata:
    """Read what a TIFF file says about its image: the first series of pages.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    TiffMetadata
        What it says.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ReadError
        If it is not a TIFF, is cut off, or cannot be read.
    """
    with open_tiff(path) as (file, series):
        page = series.keyframe
        kind = _kind(file, series)
        resolution, unit = _resolution(page)
        items = _items(kind, file)
        description = file.ome_metadata if file.is_ome else None
        if kind == "plain" and not page.flags - {"multipage"}:
            description = page.description or None
        return TiffMetadata(
            name=str(path),
            kind=kind,
            axes=series_axes(series),
            tifffile_axes=series.axes,
            shape=series.shape,
            dtype=series.dtype.newbyteorder(file.byteorder),
            pixel_size_um=_pixel_size(kind, description, items, resolution, unit),
            samples=None if page.samplesperpixel == 1 else "contiguous" if page.planarconfig == 1 else "planar",
            is_white_zero=page.photometric == _MIN_IS_WHITE,
            resolution=resolution,
            resolution_unit=unit,
            description=description if kind in {"ome", "plain"} else None,
            items=items,
        )


def _kind(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Literal["ome", "imagej", "shaped", "plain"]:
    match series.kind:
        case "ome":
            return "ome"
        case "imagej":
            return "imagej"
        case "shaped":
            return "shaped"
        case "mmstack" | "ndtiff" if file.is_ome:
            return "ome"
        case _:
            return "plain"


def _items(kind: str, file: tifffile.TiffFile) -> dict[str, Any]:
    if kind == "imagej":
        stated = file.imagej_metadata or {}
        return {key: value for key, value in stated.items() if key not in _IMAGEJ_STRUCTURE}
    if kind == "shaped":
        stated = (file.shaped_metadata or ({},))[0]
        return {key: value for key, value in stated.items() if key not in {"shape", "axes", "truncated"}}
    return {}


def _resolution(page: tifffile.TiffPage) -> tuple[tuple[Rational, Rational] | None, int]:
    # Without the tag, the unit is the inch (TIFF 6.0, page 38).
    unit = page.tags.valueof(296, default=2)
    x, y = (page.tags.valueof(code) for code in (282, 283))
    if not (_is_rational(x) and _is_rational(y)):
        return None, 1
    return (x, y), int(unit) if isinstance(unit, int) else 1


def _is_rational(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) and part > 0 for part in value)


def _pixel_size(
    kind: str,
    description: str | None,
    items: Mapping[str, Any],
    resolution: tuple[Rational, Rational] | None,
    unit: int,
) -> PixelSize:
    if kind == "ome":
        return ome_pixel_size(description or "")
    if kind == "shaped" and any(f"PhysicalSize{axis}" in items for axis in "ZYX"):
        size_z, size_y, size_x = (
            in_micrometres(items.get(f"PhysicalSize{axis}"), items.get(f"PhysicalSize{axis}Unit", "µm"))
            for axis in "ZYX"
        )
        return size_z, size_y, size_x
    (x_pixels, x_units), (y_pixels, y_units) = resolution or ((1, 0), (1, 0))
    if kind == "imagej":
        name = items.get("unit")
        return (
            in_micrometres(items.get("spacing"), items.get("zunit", name)),
            in_micrometres(y_units / y_pixels, items.get("yunit", name)),
            in_micrometres(x_units / x_pixels, name),
        )
    name = _RESOLUTION_UNITS.get(unit)
    return None, in_micrometres(y_units / y_pixels, name), in_micrometres(x_units / x_pixels, name)
