"""Bars for work that takes a while: on a terminal, and gone when the work is done."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from rich.progress import track as rich_track

__all__ = ["Tracked", "track"]

T = TypeVar("T", covariant=True)


class Items(Protocol[T]):
    """What can be gone through, and how long that is."""

    def __len__(self) -> int:
        """Return how many items there are."""

    def __iter__(self) -> Iterator[T]:
        """Begin with the first of them."""


def track(items: Items[T], description: str, *, visible: bool | None = None) -> Iterator[T]:
    """Go through items with a bar that says how far.

    Parameters
    ----------
    items : sized iterable
        What to go through. A single item shows no bar.
    description : str
        What the bar says.
    visible : bool, optional
        Whether there is a bar. If None: where standard output is a terminal.

    Yields
    ------
    object
        The items.
    """
    shown = sys.stdout.isatty() if visible is None else visible
    yield from rich_track(items, description, total=len(items), disable=not shown or len(items) < 2, transient=True)


class Tracked(Generic[T]):
    """A sequence that shows a bar whenever somebody goes through it.

    Parameters
    ----------
    items : sized iterable
        What to go through.
    description : str
        What the bar says.
    """

    def __init__(self, items: Items[T], description: str) -> None:
        self._items = items
        self._description = description

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return track(self._items, self._description)
