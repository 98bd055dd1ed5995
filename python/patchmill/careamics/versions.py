"""Whether the CAREamics that is installed is one that can be accelerated."""

from __future__ import annotations

import re
from importlib import metadata

from patchmill.errors import ConfigError, MissingPackageError

__all__ = ["check_careamics"]

_SERIES = "0.3"


def check_careamics() -> str:
    """Check that CAREamics is installed, in a version whose inside is known.

    Returns
    -------
    str
        Its version.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    ConfigError
        If it is another series.
    """
    try:
        version = metadata.version("careamics")
    except metadata.PackageNotFoundError as error:
        msg = (
            f"careamics: expected version {_SERIES}.x, got none installed. Install it: pip install 'careamics~=0.3.0'."
        )
        raise MissingPackageError(msg) from error
    if not re.match(rf"{re.escape(_SERIES)}\.\d", version):
        msg = (
            f"careamics: expected version {_SERIES}.x, got {version}, which is made otherwise; nothing was changed. "
            "Use it as it is, or install 'careamics~=0.3.0'."
        )
        raise ConfigError(msg)
    return version
