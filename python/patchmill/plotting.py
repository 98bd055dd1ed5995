"""Pictures of a result: images side by side, and the curves of the losses. Needs matplotlib (the extra `plot`)."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from patchmill.errors import (
    ConfigError,
    DataError,
    MissingFileError,
    MissingPackageError,
    ReadError,
    ShapeError,
)
from patchmill.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float32]
    Window = tuple[slice, slice]
    Box = tuple[float, float, float, float]  # left, bottom, width and height in pixels of the figure

__all__ = ["check_matplotlib", "plot_comparison", "plot_losses"]

GROUND = "#0d1117"
LINE = "#30363d"
TEXT = "#e6edf3"
MUTED = "#9aa4af"
ACCENT = "#f2b35d"
COOL = "#6cb6ff"
# Black to white by blue and cyan: place and colour. A colour stands where its lightness (CIE L*) is, so that lightness
# rises evenly with the pixel value, as it does in a grey scale.
TINTS = ((0.0, "#000000"), (0.15, "#06283d"), (0.43, "#0d6e8c"), (0.71, "#3fc1b0"), (0.96, "#d9fbe8"), (1.0, "#ffffff"))
FONT = "DejaVu Sans"  # comes with matplotlib, so that the picture is the same everywhere

DPI = 100
WIDTH = 1560  # pixels of all columns together
WIDEST, TALLEST = 768, 1400  # pixels of one image
GAP = 20
EDGE = 24
HEADER = 46
ZOOM = 4  # how much of the image's width the lower row leaves away
ZOOM_ASPECT = 0.62  # its height by its width


def check_matplotlib() -> None:
    """Check that pictures can be drawn. Ask before a long job.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        msg = f"picture: expected matplotlib, got {error}. Run: pip install 'patchmill[plot]'"
        raise MissingPackageError(msg) from error


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
    figure = _figure(total, HEADER + tall + GAP + zoom + EDGE)
    for number, (title, image) in enumerate(pixels.items()):
        left = EDGE + number * (column + GAP)
        bottom = EDGE + zoom + GAP
        whole = _add_image(figure, (left, bottom, column, tall), image, low, high)
        _add_frame(whole, window)
        part = _add_image(figure, (left, EDGE, column, zoom), image[window], low, high)
        part.spines[:].set(visible=True, color=ACCENT, linewidth=1.5)
        _add_header(figure, (left, bottom + tall, column, HEADER), title, captions.get(title, ""))
    _save(figure, Path(path))


def plot_losses(
    history: str | os.PathLike[str] | Sequence[Mapping[str, float | str | None]], path: str | os.PathLike[str]
) -> None:
    """Draw the losses by epoch as a PNG file; the axis is logarithmic where the losses span more than a factor of 5.

    Parameters
    ----------
    history : path-like or sequence of mapping
        A CSV file with a header, or its rows: `epoch`, `train_loss` and, if there was a validation, `val_loss`. Other
        columns are left alone; a value that is empty, None or not finite leaves a gap.
    path : path-like
        The PNG file. It is replaced in one step: a failure leaves what was there.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    MissingFileError
        If the CSV file is not there; `ReadError` if it cannot be read.
    DataError
        If a column is missing, a value is not a number, or no training loss is finite.
    OutputError
        If the picture cannot be written.
    """
    where, rows = _read_history(history)
    epochs, train, val = (_column(where, rows, name) for name in ("epoch", "train_loss", "val_loss"))
    if not np.isfinite(train).any():
        msg = f"{where}: expected at least one finite train_loss, got none in {len(rows)} rows. Train an epoch first."
        raise DataError(msg)

    figure = _figure(1000, 560)
    axes = figure.add_axes(_relative(figure, (84, 68, 884, 430)), facecolor=GROUND)
    marker = "o" if len(epochs) <= 40 else ""
    axes.plot(epochs, train, color=COOL, linewidth=2, marker=marker, markersize=4, label="training")
    if np.isfinite(val).any():
        axes.plot(epochs, val, color=ACCENT, linewidth=2, marker=marker, markersize=4, label="validation")
        best = int(np.nanargmin(np.where(np.isfinite(val), val, np.nan)))
        label = f"best: {val[best]:.4g} in epoch {epochs[best]:g}"
        axes.plot(
            epochs[best], val[best], "o", markersize=11, markerfacecolor="none", markeredgecolor=TEXT, label=label
        )
    _style_loss_axes(axes, np.concatenate([train, val]))
    figure.text(84 / 1000, 1 - 36 / 560, "Loss by epoch", color=TEXT, family=FONT, fontsize=14, weight="bold")
    _save(figure, Path(path))


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
    finite = image[np.isfinite(image)]
    if not finite.size:
        msg = f"image {title!r}: expected finite values to choose the contrast by, got none. Name another reference."
        raise DataError(msg)
    low, high = (float(value) for value in np.percentile(finite, [0.5, 99.5]))
    return low, high if high > low else low + 1


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


def _figure(width: int, height: int) -> Figure:
    """Make an empty dark figure of that many pixels, which no window and no global state knows of."""
    check_matplotlib()
    from matplotlib.figure import Figure

    # A quarter of a pixel more, because some versions of matplotlib round down.
    return Figure(figsize=((width + 0.25) / DPI, (height + 0.25) / DPI), dpi=DPI, facecolor=GROUND)


def _relative(figure: Figure, box: Box) -> Box:
    """Convert a box of pixels to the figure's own coordinates from 0 to 1."""
    width, height = figure.get_size_inches() * DPI
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _add_image(figure: Figure, box: Box, image: Floats, low: float, high: float) -> Axes:
    from matplotlib.colors import LinearSegmentedColormap

    axes = figure.add_axes(_relative(figure, box), facecolor=GROUND, xticks=[], yticks=[])
    tints = LinearSegmentedColormap.from_list("patchmill", TINTS)
    axes.imshow(image, cmap=tints, vmin=low, vmax=high, aspect="auto", interpolation="antialiased", origin="upper")
    axes.spines[:].set_visible(False)
    return axes


def _add_frame(axes: Axes, window: Window) -> None:
    """Mark the part of the image that the lower row magnifies."""
    from matplotlib.patches import Rectangle

    rows, columns = window
    size = (columns.stop - columns.start, rows.stop - rows.start)
    corner = (columns.start - 0.5, rows.start - 0.5)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=ACCENT, linewidth=1.5))


def _add_header(figure: Figure, box: Box, title: str, caption: str) -> None:
    """Write a title at the left and a caption at the right, smaller where they would not fit beside each other."""
    left, bottom, width, _ = _relative(figure, box)
    texts = [
        figure.text(left, bottom, title, color=TEXT, family=FONT, fontsize=14, weight="bold", ha="left"),
        figure.text(left + width, bottom, caption, color=ACCENT, family=FONT, fontsize=14, ha="right"),
    ]
    needed = sum(text.get_window_extent().width for text in texts) + GAP
    for text in texts:
        text.set(fontsize=14 * min(1.0, box[2] / needed), y=bottom + _relative(figure, (0, 12, 0, 0))[1])


def _read_history(
    history: str | os.PathLike[str] | Sequence[Mapping[str, float | str | None]],
) -> tuple[str, Sequence[Mapping[str, float | str | None]]]:
    """Return where the rows come from, for messages, and the rows."""
    if not isinstance(history, str | os.PathLike):
        return "loss history", history
    try:
        with Path(history).open(newline="", encoding="utf-8") as file:
            return str(history), list(csv.DictReader(file))
    except OSError as error:
        msg = f"{history}: expected a CSV file of losses, got {error.strerror}. Check the path."
        raise (MissingFileError if isinstance(error, FileNotFoundError) else ReadError)(msg) from error


def _column(where: str, rows: Sequence[Mapping[str, float | str | None]], name: str) -> NDArray[np.float64]:
    """Return one column as floats, with NaN where there is no value."""
    if name != "val_loss" and any(name not in row for row in rows):
        columns = sorted({str(key) for row in rows for key in row})
        msg = (
            f"{where}: expected epoch and train_loss in every row, got {columns}. Pass the losses that training wrote."
        )
        raise DataError(msg)
    values = [row.get(name) for row in rows]
    try:
        return np.array([float("nan") if value in (None, "") else float(value) for value in values])
    except ValueError as error:
        msg = f"{where}: expected numbers in column {name}, got {error}. Pass the losses that training wrote."
        raise DataError(msg) from error


def _style_loss_axes(axes: Axes, losses: NDArray[np.float64]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    finite = losses[np.isfinite(losses)]
    if finite.min() > 0 and finite.max() > 5 * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(LogLocator(subs=()))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", color=MUTED, family=FONT, fontsize=11)
    axes.set_ylabel("loss", color=MUTED, family=FONT, fontsize=11)
    axes.tick_params(colors=MUTED, labelsize=10, length=0, labelfontfamily=FONT)
    axes.grid(visible=False)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=LINE)
    axes.legend(frameon=False, labelcolor=TEXT, prop={"family": FONT, "size": 11}, loc="upper right")


def _save(figure: Figure, path: Path) -> None:
    """Write the picture beside its place and move it there in one step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()  # without the name of the software, so that its version does not change the bytes
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})  # type: ignore[no-untyped-call]
    with replacing(path) as part:
        part.write_bytes(picture.getvalue())
