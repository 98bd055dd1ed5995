"""Images side by side in one contrast, with a magnified part of each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from patchmill.errors import ConfigError, DataError, ShapeError
from patchmill.plotting.style import (
    ACCENT,
    EDGE,
    GAP,
    HEADER,
    add_header,
    add_image,
    create_figure,
    save_figure,
    value_range,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from patchmill.plotting.style import Floats

    Window = tuple[slice, slice]

__all__ = ["plot_comparison"]

WIDTH = 1560  # pixels of all columns together
WIDEST, TALLEST = 768, 1400  # pixels of one image
ZOOM = 4  # how much of the image's width the lower row leaves away
ZOOM_ASPECT = 0.62  # its height by its width


def plot_comparison(
    images: Mapping[str, ArrayLike],
    path: str | os.PathLike[str],
    *,
    captions: Mapping[str, str] | None = None,
    reference: str | None = None,
) -> None:
    """Draw images side by side in one contrast, with a magnified part of each beneath it, as a PNG file.

    Parameters
    ----------
    images : mapping of str to array_like
        Title and pixels (Y, X) of each image, from left to right, all of one shape and any real dtype.
    path : path-like
        The PNG file, about 1600 pixels wide. It is replaced in one step: a failure leaves what was there.
    captions : mapping of str to str, optional
        By title, what stands at the right above an image, for example its PSNR.
    reference : str, optional
        Title of the image whose percentiles 0.5 and 99.5 become black and white in all images, and whose most
        structured part is magnified. By default the last one.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    ShapeError
        If an image is not 2D, is empty, or has another shape than the first.
    DataError
        If there is no image, or no finite value in the reference.
    ConfigError
        If `captions` or `reference` names an image that is not there.
    OutputError
        If the file cannot be written.
    """
    pixels = _check_images(images)
    captions = captions or {}
    reference = list(pixels)[-1] if reference is None else reference
    for title in [*captions, reference]:
        if title not in pixels:
            msg = f"titles of the comparison: expected among {list(pixels)}, got {title!r}. Name one of the images."
            raise ConfigError(msg)
    low, high = _contrast(reference, pixels[reference])
    rows, columns = window = _richest_window(np.nan_to_num(pixels[reference], nan=low).clip(low, high))

    height, width = pixels[reference].shape
    column = _column_width(len(pixels), height, width)
    tall = round(column * height / width)
    zoom = round(column * (rows.stop - rows.start) / (columns.stop - columns.start))
    total = 2 * EDGE + len(pixels) * column + (len(pixels) - 1) * GAP
    figure = create_figure(total, HEADER + tall + GAP + zoom + EDGE)
    for number, (title, image) in enumerate(pixels.items()):
        left = EDGE + number * (column + GAP)
        bottom = EDGE + zoom + GAP
        whole = add_image(figure, (left, bottom, column, tall), image, low, high)
        _add_frame(whole, window)
        part = add_image(figure, (left, EDGE, column, zoom), image[window], low, high)
        part.spines[:].set(visible=True, color=ACCENT, linewidth=1.5)
        add_header(figure, (left, bottom + tall, column, HEADER), title, captions.get(title, ""))
    save_figure(figure, Path(path))


def _check_images(images: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Return the images as float32, with NaN for what is not finite."""
    pixels = {title: np.asarray(image) for title, image in images.items()}
    if not pixels:
        msg = "images of the comparison: expected at least one, got none. Pass a title and an array for each."
        raise DataError(msg)
    first = next(iter(pixels.values())).shape
    for title, image in pixels.items():
        if image.ndim != 2 or image.size == 0:
            msg = f"image {title!r}: expected 2 axes (Y, X), none empty, got shape {image.shape}. Choose one plane."
            raise ShapeError(msg)
        if image.shape != first:
            msg = f"image {title!r}: expected shape {first} as the first image has, got {image.shape}. Crop them alike."
            raise ShapeError(msg)
    floats = {title: image.astype(np.float32) for title, image in pixels.items()}
    return {title: np.where(np.isfinite(image), image, np.float32("nan")) for title, image in floats.items()}


def _contrast(title: str, image: Floats) -> tuple[float, float]:
    """Choose the values that become black and white."""
    found = value_range(image)
    if found is None:
        msg = f"image {title!r}: expected finite values to choose the contrast by, got none. Name another reference."
        raise DataError(msg)
    return found


def _richest_window(image: Floats) -> Window:
    """Find the part of the image, a quarter as wide, where neighbouring pixels differ most."""
    height, width = image.shape
    zoom_width = max(1, width // ZOOM)
    zoom_height = min(height, max(1, round(zoom_width * ZOOM_ASPECT)))
    change = np.abs(np.diff(image, axis=0, prepend=image[:1])) + np.abs(np.diff(image, axis=1, prepend=image[:, :1]))
    total = np.pad(change.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = (
        total[zoom_height:, zoom_width:]
        - total[:-zoom_height, zoom_width:]
        - total[zoom_height:, :-zoom_width]
        + total[:-zoom_height, :-zoom_width]
    )
    top, left = (int(index) for index in np.unravel_index(int(sums.argmax()), sums.shape))
    return slice(top, top + zoom_height), slice(left, left + zoom_width)


def _column_width(number: int, height: int, width: int) -> int:
    """Choose how wide an image is drawn in pixels: a whole multiple of its own width where that is near."""
    room = min((WIDTH - (number - 1) * GAP) / number, WIDEST, TALLEST * width / height)
    whole = round(room / width) * width
    return max(1, whole if abs(whole - room) < 0.12 * room else int(room))


def _add_frame(axes: Axes, window: Window) -> None:
    """Mark the part of the image that the lower row magnifies."""
    from matplotlib.patches import Rectangle

    rows, columns = window
    size = (columns.stop - columns.start, rows.stop - rows.start)
    corner = (columns.start - 0.5, rows.start - 0.5)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=ACCENT, linewidth=1.5))
