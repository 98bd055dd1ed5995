"""Curves by epoch as SVG, for a page that has the colours and may be light or dark. It needs no matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["svg_curves"]

LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 36  # pixels around the curves
MOST_POINTS = 1000
MOST_DOTS = 40
MARGIN = 0.05  # of the range of the values, above and below them
LOGARITHMIC = 5  # the least ratio of two positive values that makes the axis logarithmic


def svg_curves(
    title: str,
    epochs: Sequence[int],
    curves: Mapping[str, Sequence[float | None]],
    *,
    marked: tuple[int, float] | None = None,
    size: tuple[int, int] = (720, 280),
) -> str:
    """Draw curves by epoch as an SVG element.

    Curves have the classes ``curve-1``, ``curve-2``, ...; other classes are ``grid``, ``tick`` and ``mark``.

    Parameters
    ----------
    title : str
        What the picture shows, for those who do not see it.
    epochs : sequence of int
        The epochs, ascending.
    curves : mapping of str to sequence of float or None
        By name, the values of each epoch. None, NaN and infinity leave a gap. Where the values span more than a factor
        of 5, the axis is logarithmic.
    marked : tuple of int and float, optional
        Epoch and value of the point that is circled.
    size : tuple of int, default=(720, 280)
        Width and height in the units of its type, 12 of which are the height of a line. It scales with its width.

    Returns
    -------
    str
        The element. Without any finite value, it is empty.
    """
    values = {name: np.array([_number(value) for value in curve]) for name, curve in curves.items()}
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in values.values()] or [np.empty(0)])
    if not finite.size:
        return ""
    is_log = bool(finite.min() > 0 and finite.max() > LOGARITHMIC * finite.min())
    scale = np.log10 if is_log else np.asarray
    low, high = (float(scale(value)) for value in _widened(finite.min(), finite.max()))
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    ticks = _log_ticks(low, high) if is_log else _ticks(low, high)
    width, height = size
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x(epoch: float) -> float:
        return LEFT + (epoch - first) / (last - first) * (width - LEFT - RIGHT)

    def y(value: float) -> float:
        return height - BOTTOM - (float(scale(value)) - low) / (high - low) * (height - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>']
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{width - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _epoch_ticks(epochs[0], epochs[-1]):
        place = f'x="{x(tick):.1f}" y="{height - BOTTOM + 20}"'
        parts.append(f'<text class="tick" {place} text-anchor="middle">{tick}</text>')
    for number, curve in enumerate(values.values(), start=1):
        points = [(x(epoch), y(value)) if math.isfinite(value) else None for epoch, value in _thinned(epochs, curve)]
        parts.append(f'<path class="curve curve-{number}" d="{_path(points)}"/>')
        if len(points) <= MOST_DOTS:
            parts += [
                f'<circle class="dot-{number}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="2.5"/>'
                for point in points
                if point
            ]
    if marked is not None and math.isfinite(marked[1]):
        parts.append(f'<circle class="mark" cx="{x(marked[0]):.1f}" cy="{y(marked[1]):.1f}" r="6"/>')
    return "".join([*parts, "</svg>"])


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _thinned(epochs: Sequence[int], curve: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Leave so many points out that a picture can still show all, but the last one stays."""
    step = -(-len(epochs) // MOST_POINTS)
    kept = [*range(0, len(epochs), step)]
    if kept[-1] != len(epochs) - 1:
        kept.append(len(epochs) - 1)
    return [(epochs[number], float(curve[number])) for number in kept]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Write lines from point to point, with a gap where there is none."""
    path, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        path.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(path)


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return a range around a single value, and any other as it is."""
    if high > low:
        return low, high
    half = abs(low) / 2 or 1.0
    return low - half, high + half


def _ticks(low: float, high: float) -> list[float]:
    """Choose up to five steps of 1, 2 or 5 times a power of ten."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Choose powers of ten between the logarithms, and the fewer there are, the more round values beside them."""
    exponents = range(math.floor(low), math.floor(high) + 1)
    factors = (1, 1.5, 2, 3, 5, 7) if high - low < 1.1 else (1, 2, 5) if high - low < 3.5 else (1,)
    ticks = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def _epoch_ticks(first: int, last: int) -> list[int]:
    """Choose the first epoch, and round ones up to the last."""
    step = max(1, round(_ticks(0, max(1, last - first))[1]))
    return [first, *(epoch for epoch in range(step, last + 1, step) if epoch - first >= step / 2)]
