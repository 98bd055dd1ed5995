"""The errors of TIFF files that are not whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchmill.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cut_off", "damaged"]


def damaged(path: Path, expected: str, got: str) -> ReadError:
    """Make the error of a file that does not hold what it should.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    expected, got : str
        What it should hold, and what it does.

    Returns
    -------
    ReadError
        The error, to be raised.
    """
    return ReadError(f"{path}: expected {expected}, got {got}. Copy or download the file again, or save it anew.")


def cut_off(path: Path, expected: str, got: str) -> ReadError:
    """Make the error of a file that ends too early.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    expected, got : str
        What it should hold, and what it does.

    Returns
    -------
    ReadError
        The error, to be raised.
    """
    return damaged(path, expected, f"{got}: the file is cut off")
