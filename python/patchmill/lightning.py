"""The data modules as Lightning's; without Lightning installed, the plain ones under the same names.

A ``Trainer`` of ``lightning.pytorch``, or of ``pytorch_lightning`` if only that is there, takes them as its
``datamodule``. Its checkpoints hold how far the loaders have come, so that training resumes in mid-epoch.
"""

from __future__ import annotations

import importlib
from typing import Any

from patchmill import dataset

__all__ = ["PredictDataModule", "TrainDataModule", "create_predict_datamodule", "create_train_datamodule"]


def _base() -> Any:
    """Return Lightning's LightningDataModule, or `object` if Lightning is not installed."""
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return importlib.import_module(package).LightningDataModule
        except ModuleNotFoundError:
            continue
    return object


_Base: Any = _base()


class TrainDataModule(dataset.TrainDataModule, _Base):  # type: ignore[misc]  # known when it runs
    """`patchmill.dataset.TrainDataModule` as a LightningDataModule; it takes the same arguments."""


class PredictDataModule(dataset.PredictDataModule, _Base):  # type: ignore[misc]  # known when it runs
    """`patchmill.dataset.PredictDataModule` as a LightningDataModule; it takes the same arguments."""


create_train_datamodule = TrainDataModule.create
create_predict_datamodule = PredictDataModule.create
