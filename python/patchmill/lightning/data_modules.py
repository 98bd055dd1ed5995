"""The data modules."""

from __future__ import annotations

from typing import Any

from patchmill import dataset
from patchmill.lightning.base import lightning_class

__all__ = ["PredictDataModule", "TrainDataModule", "create_predict_datamodule", "create_train_datamodule"]

_Base: Any = lightning_class("LightningDataModule", object)


class TrainDataModule(dataset.TrainDataModule, _Base):  # type: ignore[misc]  # known when it runs
    """`patchmill.dataset.TrainDataModule` as a LightningDataModule; it takes the same arguments."""


class PredictDataModule(dataset.PredictDataModule, _Base):  # type: ignore[misc]  # known when it runs
    """`patchmill.dataset.PredictDataModule` as a LightningDataModule; it takes the same arguments."""


create_train_datamodule = TrainDataModule.create
create_predict_datamodule = PredictDataModule.create
