"""Training patches for microscopy image restoration, milled by Rust threads.

The names below are imported when they are first used: ``import patchmill`` itself loads neither torch nor Lightning.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from patchmill._core import __version__

if TYPE_CHECKING:
    from patchmill.careamist import CAREamist
    from patchmill.dataset import PatchLoader, PredictDataModule, TrainDataModule

__all__ = ["CAREamist", "PatchLoader", "PredictDataModule", "TrainDataModule", "__version__"]

_HOMES = {
    "CAREamist": "patchmill.careamist",
    "PatchLoader": "patchmill.dataset",
    "PredictDataModule": "patchmill.dataset",
    "TrainDataModule": "patchmill.dataset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
