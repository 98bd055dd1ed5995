"""The letters that name the axes of an image."""

from __future__ import annotations

from patchmill.errors import AxesError

__all__ = ["AXES", "parse_axes"]

AXES = "STCZYX"
"""All axes, in canonical order: sample, time, channel, and the three of space."""


def parse_axes(axes: str) -> str:
    """Check the axes of an image and return them in upper case.

    Parameters
    ----------
    axes : str
        One letter per axis of the image, in the order of its shape: any order of a subset of ``STCZYX`` that holds Y
        and X. Upper or lower case.

    Returns
    -------
    str
        The same letters in upper case, in the same order.

    Raises
    ------
    AxesError
        If a letter is unknown or comes twice, or if Y or X is missing.

    Examples
    --------
    >>> parse_axes("tyx")
    'TYX'
    """
    if not isinstance(axes, str):
        msg = f"axes: expected one letter per axis, such as 'YX' or 'CZYX', got {axes!r}. Give them as one string."
        raise AxesError(msg)
    letters = axes.upper()
    unknown = list(dict.fromkeys(letter for letter in letters if letter not in AXES))
    repeated = list(dict.fromkeys(letter for letter in letters if letters.count(letter) > 1))
    missing = [letter for letter in "YX" if letter not in letters]
    if unknown:
        advice = (
            f"{_listed(unknown)} names no axis; use S (sample), T (time), C (channel), Z, Y and X"
            if len(unknown) == 1
            else f"{_listed(unknown)} name no axes; use S (sample), T (time), C (channel), Z, Y and X"
        )
    elif repeated:
        advice = f"Name {_listed(repeated)} only once"
    elif missing:
        advice = f"Add {_listed(missing)}: an image has both Y and X"
    else:
        return letters
    msg = f"axes: expected letters of {AXES}, each at most once, Y and X among them, got {axes!r}. {advice}."
    raise AxesError(msg)


def _listed(letters: list[str]) -> str:
    return " and ".join(repr(letter) for letter in letters)
