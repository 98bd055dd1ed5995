"""Lists of one number per channel that come in pairs: means and deviations, minima and maxima."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from patchmill.config.problems import problem

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["Listed", "PerChannel", "checked_stds", "equality_problems", "order_problems", "pair_problems"]

Listed = BeforeValidator(lambda value: [value] if isinstance(value, Real) and not isinstance(value, bool) else value)
"""Makes a list of a plain number."""

PerChannel = Annotated[list[float], Listed]
"""One number per channel; a plain number is that of a single one."""

Pair = tuple[str, Sequence[float] | None]
"""The name of a field, and what it holds."""


def checked_stds(stds: list[float] | None) -> list[float] | None:
    """Return standard deviations, if none is negative.

    Raises
    ------
    ValueError
        If one is.
    """
    if stds is not None and min(stds, default=0) < 0:
        msg = f"expected standard deviations of at least 0, got {stds}. Compute them again."
        raise ValueError(msg)
    return stds


def pair_problems(first: Pair, second: Pair, advice: str) -> Iterator[InitErrorDetails]:
    """Find out whether two lists are there together, and have a value for each of the same channels.

    Parameters
    ----------
    first, second : tuple of str and (sequence of float or None)
        Name and value of the fields. The problem is of the first.
    advice : str
        What to do.
    """
    (field, left), (other, right) = first, second
    if left is right is None:
        return
    if not left or not right or len(left) != len(right):
        message = f"expected as many values as in {other}, one per channel, got {left} and {right}. {advice}"
        yield problem(field, message, left)


def order_problems(lower: Pair, upper: Pair) -> Iterator[InitErrorDetails]:
    """Find the first channel whose upper value is not above its lower one, in lists of the same length."""
    (_, below), (field, above) = lower, upper
    for channel, (low, high) in enumerate(zip(below or (), above or (), strict=False)):
        if high <= low:
            message = f"expected more than {low}, the value of {lower[0]}[{channel}], got {high}. Change one of them."
            yield problem(field, message, above)
            return


def equality_problems(*fields: Pair) -> Iterator[InitErrorDetails]:
    """Find lists that differ from channel to channel, where all channels are normalised alike."""
    for field, values in fields:
        if values and len(set(values)) > 1:
            message = (
                f"expected the same value for every channel, because per_channel is False, got {values}. "
                f"Repeat one value, or set per_channel=True."
            )
            yield problem(field, message, values)
