"""One attribute of CAREamics that is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Replacement"]


@dataclass(frozen=True)
class Replacement:
    """What takes the place of an attribute of CAREamics.

    Parameters
    ----------
    owner : object
        The class or module whose attribute it is.
    name : str
        The attribute.
    new : object
        What it becomes.
    what : str
        What users would call it.
    """

    owner: Any
    name: str
    new: Any
    what: str
