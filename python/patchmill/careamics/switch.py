"""What is replaced in the installed CAREamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Replacement"]


@dataclass(frozen=True)
class Replacement:
    """One attribute that is replaced.

    Attributes
    ----------
    owner : object
        The module or class whose attribute it is.
    name : str
        The attribute.
    new : object
        What takes its place.
    what : str
        A few words for the status.
    """

    owner: Any
    name: str
    new: Any
    what: str
