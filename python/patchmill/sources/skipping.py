"""What happens to files that cannot be read."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Literal

from patchmill.errors import ConfigError, PatchmillWarning, ReadError
from patchmill.sources.files import shown

__all__ = ["OnError", "Skipped", "check_on_error"]

OnError = Literal["raise", "skip"]
"""What happens to files that cannot be read: an error, or a warning at the end."""


def check_on_error(on_error: str) -> None:
    """Check what is to be done about files that cannot be read.

    Parameters
    ----------
    on_error : str
        ``"raise"`` or ``"skip"``.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if on_error not in ("raise", "skip"):
        msg = f"on_error: expected 'raise' or 'skip', got {on_error!r}."
        raise ConfigError(msg)


_logger = logging.getLogger(__name__)


class Skipped:
    """The files that cannot be read and are left out, and why.

    Parameters
    ----------
    what : str
        What messages call what is left out: "files", or "pairs of files".
    n_files : int
        How many of them there are in all.
    on_error : {"raise", "skip"}
        Whether any may be left out.

    Raises
    ------
    ConfigError
        If `on_error` is neither.
    """

    def __init__(self, what: str, n_files: int, on_error: str) -> None:
        check_on_error(on_error)
        self._what = what
        self._n_files = n_files
        self._errors: list[tuple[Path, ReadError]] = []
        self.is_allowed = on_error == "skip"

    def add(self, path: Path, error: ReadError) -> None:
        """Leave a file out.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        error : ReadError
            Why.

        Raises
        ------
        ReadError
            `error` itself, if no file may be left out, or another one if none are left.
        """
        if not self.is_allowed:
            raise error
        self._errors.append((path, error))
        _logger.info("skipped: %s", error)
        if len(self._errors) == self._n_files:
            msg = (
                f"data: expected {self._what} of which some can be read, got {self._n_files} of which none can: "
                f"{self._names_and_first()}"
            )
            raise ReadError(msg) from self._errors[0][1]

    def report(self) -> None:
        """Warn of what was left out, all at once.

        Warns
        -----
        PatchmillWarning
            If something was.
        """
        if self._errors:
            warnings.warn(
                f"data: skipped {len(self._errors)} of {self._n_files} {self._what}, which cannot be read: "
                f"{self._names_and_first()}",
                PatchmillWarning,
                stacklevel=3,
            )

    def _names_and_first(self) -> str:
        return f"{shown(path for path, _ in self._errors)}. The first error was: {self._errors[0][1]}"
