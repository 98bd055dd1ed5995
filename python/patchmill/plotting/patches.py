"""The patches of a batch: a row for each item and channel, a column for each part of an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from patchmill.errors import ShapeError
from patchmill.plotting.style import ACCENT, DPI, HEADER, add_header, add_image, add_label, add_picture, value_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from patchmill.plotting.style import Box, Floats

__all__ = ["PatchGrid", "shown_planes"]

SPACE = 8  # pixels between patches
WIDEST = 700  # pixels of all columns together
TALLEST = 800  # pixels of all rows together, as long as they are not lower than
LOWEST = 128
WHOLE = 0.75  # how much smaller patches may be drawn for the sake of a whole multiple of their pixels
MOST_CHANNELS = 3
SMALLEST_DOT = 3  # pixels
FRAME = 9  # pixels by which the frame around a masked pixel is larger than the pixel
ROOM_FOR_FRAME = 800  # square pixels that each frame has, where it is drawn at its full size


class PatchGrid:
    """Patches in rows and columns, their pixels drawn as whole multiples of those of the picture where that is near.

    Parameters
    ----------
    batch : mapping of str to numpy.ndarray
        By title, the parts of the items, (B, C, (Z), Y, X). The middle planes are drawn. What is called "mask" frames
        its pixels in the other parts, which share a contrast then; otherwise each part has its own.
    reference : str, optional
        The part whose contrast the others of its row have, where there is no mask.
    most_rows : int, optional
        Items that would need more rows are left out, but for the first.
    is_plain : bool, default=False
        Whether patches are drawn without axes, in half the time. There must be no mask then.

    Raises
    ------
    ShapeError
        If a part has other axes, or no items, or the numbers of items or the sizes along Y and X differ.
    """

    def __init__(
        self,
        batch: Mapping[str, NDArray[Any]],
        *,
        reference: str | None = None,
        most_rows: int | None = None,
        is_plain: bool = False,
    ) -> None:
        _check_batch(batch)
        self._parts = {title: shown_planes(part) for title, part in batch.items()}
        self._reference = reference
        self._is_plain = is_plain
        first = next(iter(self._parts.values()))
        self._n_items = len(first)
        self._n_channels = max(part.shape[1] for part in self._parts.values())
        if most_rows is not None:
            self._n_items = min(self._n_items, max(1, most_rows // self._n_channels))
        n_rows, n_columns = self._n_items * self._n_channels, len(self._parts)
        height, width = first.shape[2:]
        room = max(LOWEST, (TALLEST - (n_rows - 1) * SPACE) / n_rows)
        scale = min((WIDEST - (n_columns - 1) * SPACE) / n_columns / width, room / height)
        self._scale = float(int(scale)) if int(scale) > WHOLE * scale else scale
        self._patch_size = max(1, round(width * self._scale)), max(1, round(height * self._scale))
        self.width = n_columns * (self._patch_size[0] + SPACE) - SPACE
        self.height = n_rows * (self._patch_size[1] + SPACE) - SPACE

    def draw(self, figure: Figure, left: float, top: float) -> None:
        """Draw the patches from a corner on; the titles stand above it."""
        width, height = self._patch_size
        for column, title in enumerate(self._parts):
            add_header(figure, (left + column * (width + SPACE), top, width, HEADER), title, "")
        for item in range(self._n_items):
            for channel in range(self._n_channels):
                row = item * self._n_channels + channel
                bottom = top - row * (height + SPACE) - height
                label = f"{item + 1}" if self._n_channels == 1 else f"{item + 1}, channel {channel}"
                self._draw_row(figure, (left, bottom, width, height), item, channel, label)

    def _draw_row(self, figure: Figure, box: Box, item: int, channel: int, label: str) -> None:
        left, bottom, width, height = box
        patches = {title: part[item, channel] for title, part in self._parts.items() if channel < part.shape[1]}
        mask = patches.get("mask")
        if mask is None:
            shared = patches.get(self._reference) if self._reference else None
        else:
            shared = np.concatenate([patches[title] for title in patches if title != "mask"])
        # Pixels drawn as whole multiples are left as squares, not smoothed.
        interpolation = "nearest" if self._scale.is_integer() else "antialiased"
        for column, title in enumerate(self._parts):
            if title not in patches:
                continue
            patch = np.zeros_like(patches[title]) if title == "mask" else patches[title]
            low, high = value_range(patch if shared is None or title == "mask" else shared) or (0.0, 1.0)
            place = left + column * (width + SPACE), bottom, width, height
            if self._is_plain:
                add_picture(figure, place, patch, low, high, interpolation=interpolation)
                continue
            axes = add_image(figure, place, patch, low, high, interpolation=interpolation)
            if mask is not None:
                self._mark(axes, mask, is_mask=title == "mask")
            if column == 0:
                add_label(axes, label)
        if self._is_plain:
            add_label(figure, label, (left, bottom + height))

    def _mark(self, axes: Axes, mask: NDArray[Any], *, is_mask: bool) -> None:
        """Mark the masked pixels: as they are in the mask itself, by frames around them in the other parts."""
        rows, columns = np.nonzero(mask)
        # Smaller where there is less room, so that they do not hide what they mark.
        crowding = min(1.0, self._patch_size[0] * self._patch_size[1] / (ROOM_FOR_FRAME * max(1, len(rows))))
        side = max(self._scale, SMALLEST_DOT) + (0 if is_mask else FRAME * crowding)
        axes.scatter(
            columns,
            rows,
            s=(side * 72 / DPI) ** 2,
            marker="s",
            facecolors=ACCENT if is_mask else "none",
            edgecolors="none" if is_mask else ACCENT,
            linewidths=max(0.5, crowding),
        )


def _check_batch(batch: Mapping[str, NDArray[Any]]) -> None:
    first = next(iter(batch.values()), np.empty(0))
    for title, part in batch.items():
        expected = first.shape[0], *first.shape[2:]
        if part.ndim not in (4, 5) or 0 in part.shape or (part.shape[0], *part.shape[2:]) != expected:
            msg = (
                f"{title!r} of the batch: expected (B, C, (Z), Y, X), none empty, and but for C the shape of "
                f"{next(iter(batch))!r}, which is {first.shape}, got {part.shape}. Pass a batch as a loader yields it."
            )
            raise ShapeError(msg)
    if not batch:
        msg = "batch: expected at least one part, got none. Pass a batch as a loader yields it."
        raise ShapeError(msg)


def shown_planes(part: NDArray[Any]) -> Floats:
    """Copy what is drawn of a part: the middle planes of the first channels, (B, C, Y, X)."""
    planes = part if part.ndim == 4 else part[:, :, part.shape[2] // 2]
    return np.array(planes[:, :MOST_CHANNELS], dtype=np.float32)
