"""Which channels of an image are used."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

from patchmill.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from patchmill.sources.header import ImageLike

__all__ = ["channel_slice", "check_channels", "parse_channels"]


def parse_channels(channels: Sequence[int]) -> tuple[int, ...]:
    """Check a choice of channels, whatever image it is of.

    Parameters
    ----------
    channels : sequence of int
        The channels.

    Returns
    -------
    tuple of int
        The same.

    Raises
    ------
    ConfigError
        If they are not integers from 0 on that differ, or there are none.
    """
    try:
        chosen = tuple(operator.index(channel) for channel in channels)
    except TypeError:
        chosen = ()
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        msg = f"channels: expected a list of integers from 0 on, each once, got {channels!r}. Give them as in [0, 2]."
        raise ConfigError(msg)
    return chosen


def check_channels(image: ImageLike, channels: Sequence[int]) -> None:
    """Check that an image has some channels.

    Parameters
    ----------
    image : Image or ImageHeader
        The image.
    channels : sequence of int
        The channels, counted from 0.

    Raises
    ------
    ConfigError
        If they are not integers from 0 on that differ, or there are none.
    ShapeError
        If the image does not have one of them.
    """
    last = max(parse_channels(channels))
    if last >= image.n_channels:
        msg = (
            f"{image.name}: expected at least {last + 1} channels for channels={list(channels)}, got "
            f"{image.n_channels}. Choose among channels 0 to {image.n_channels - 1}, or check which axis is C."
        )
        raise ShapeError(msg)


def channel_slice(channels: Sequence[int]) -> slice | None:
    """Return the slice that takes some channels, or None if they are not equally far apart.

    Parameters
    ----------
    channels : sequence of int
        The channels, counted from 0, at least one.

    Returns
    -------
    slice or None
        The slice.
    """
    first, last = channels[0], channels[-1]
    step = channels[1] - first if len(channels) > 1 else 1
    if list(channels) != list(range(first, last + step, step)):
        return None
    stop = last + step
    return slice(first, stop if stop >= 0 else None, step)
