"""What all pictures share: colours, type, boxes counted in pixels, and how a picture becomes a file."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

import numpy as np

from patchmill.errors import MissingPackageError
from patchmill.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Box = tuple[float, float, float, float]  # left, bottom, width and height in pixels of the figure

__all__ = [
    "add_header",
    "add_image",
    "add_label",
    "add_picture",
    "check_matplotlib",
    "create_figure",
    "relative",
    "save_figure",
    "value_range",
]

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
GAP = 20
EDGE = 24
HEADER = 46


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


def create_figure(width: int, height: int) -> Figure:
    """Make an empty dark figure of that many pixels, which no window and no global state knows of."""
    check_matplotlib()
    from matplotlib.figure import Figure

    # A quarter of a pixel more, because some versions of matplotlib round down.
    return Figure(figsize=((width + 0.25) / DPI, (height + 0.25) / DPI), dpi=DPI, facecolor=GROUND)


def relative(figure: Figure, box: Box) -> Box:
    """Convert a box of pixels to the figure's own coordinates from 0 to 1."""
    width, height = figure.get_size_inches() * DPI
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def value_range(image: Floats) -> tuple[float, float] | None:
    """Choose the values that become black and white: percentiles 0.5 and 99.5; None without finite values."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return None
    low, high = (float(value) for value in np.percentile(finite, [0.5, 99.5]))
    return low, high if high > low else low + 1


@functools.cache
def _tints() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("patchmill", TINTS)


def add_image(
    figure: Figure, box: Box, image: Floats, low: float, high: float, *, interpolation: str = "antialiased"
) -> Axes:
    """Draw an image (Y, X) into a box, from black at `low` to white at `high`."""
    axes = figure.add_axes(relative(figure, box), facecolor=GROUND, xticks=[], yticks=[])
    axes.imshow(image, cmap=_tints(), vmin=low, vmax=high, aspect="auto", interpolation=interpolation, origin="upper")
    axes.spines[:].set_visible(False)
    return axes


def add_picture(figure: Figure, box: Box, image: Floats, low: float, high: float, *, interpolation: str) -> None:
    """Draw an image as `add_image` does, but without axes, which take longer than the image itself."""
    from matplotlib.colors import Normalize
    from matplotlib.image import BboxImage
    from matplotlib.transforms import Bbox

    picture = BboxImage(
        Bbox.from_bounds(*box),
        cmap=_tints(),
        norm=Normalize(low, high),
        interpolation=interpolation,
        origin="upper",
    )
    picture.set_data(image)
    figure.add_artist(picture)


def add_header(figure: Figure, box: Box, title: str, caption: str) -> None:
    """Write a title at the left and a caption at the right, smaller where they would not fit beside each other."""
    left, bottom, width, _ = relative(figure, box)
    texts = [
        figure.text(left, bottom, title, color=TEXT, family=FONT, fontsize=14, weight="bold", ha="left"),
        figure.text(left + width, bottom, caption, color=ACCENT, family=FONT, fontsize=14, ha="right"),
    ]
    needed = sum(text.get_window_extent().width for text in texts) + GAP
    for text in texts:
        text.set(fontsize=14 * min(1.0, box[2] / needed), y=bottom + relative(figure, (0, 12, 0, 0))[1])


def add_line(figure: Figure, corner: tuple[float, float], width: float, text: str) -> None:
    """Write a line from a corner on, in pixels of the figure, smaller where it would not fit."""
    x, y, _, _ = relative(figure, (*corner, 0, 0))
    written = figure.text(x, y, text, color=MUTED, family=FONT, fontsize=11)
    written.set_fontsize(11 * min(1.0, width / written.get_window_extent().width))


def add_label(place: Axes | Figure, text: str, corner: tuple[float, float] | None = None) -> None:
    """Write a label at the upper left of an image, or at a corner in it or in a figure, with a dark rim."""
    from matplotlib.axes import Axes
    from matplotlib.patheffects import withStroke
    from matplotlib.text import Annotation

    coordinates = "figure pixels" if not isinstance(place, Axes) else "axes fraction" if corner is None else "data"
    written = Annotation(
        text,
        (0, 1) if corner is None else corner,
        xycoords=coordinates,
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        color=TEXT,
        family=FONT,
        fontsize=10,
        weight="bold",
    )
    written.set_path_effects([withStroke(linewidth=2.5, foreground=GROUND)])
    place.add_artist(written)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the picture beside its place and move it there in one step.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()  # without the name of the software, so that its version does not change the bytes
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})  # type: ignore[no-untyped-call]
    with replacing(path) as part:
        part.write_bytes(picture.getvalue())
