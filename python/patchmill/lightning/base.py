"""Lightning's classes, if it is installed."""

from __future__ import annotations

import importlib
from typing import Any

from patchmill.errors import MissingPackageError

__all__ = ["MissingModule", "lightning_class"]


class MissingModule:
    """Stands for Lightning's LightningModule where Lightning is not installed: nothing can be made of it."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        msg = (
            f"{type(self).__name__}: expected Lightning to be installed, got no package lightning or "
            "pytorch_lightning. Run: pip install 'patchmill[lightning]', or train with CAREamist."
        )
        raise MissingPackageError(msg)


def lightning_class(name: str, otherwise: type) -> Any:
    """Return a class of Lightning.

    Parameters
    ----------
    name : str
        Its name in ``lightning.pytorch``.
    otherwise : type
        What stands for it if Lightning is not installed.
    """
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return getattr(importlib.import_module(package), name)
        except ModuleNotFoundError:
            continue
    return otherwise
