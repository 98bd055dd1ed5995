"""The data modules and the networks as Lightning's; without Lightning, the plain data modules under the same names.

A ``Trainer`` of ``lightning.pytorch``, or of ``pytorch_lightning`` if only that is there, takes them. Its checkpoints
hold how far the loaders have come, so that training resumes in mid-epoch.
"""

from patchmill.lightning.data_modules import (
    PredictDataModule,
    TrainDataModule,
    create_predict_datamodule,
    create_train_datamodule,
)
from patchmill.lightning.modules import CAREModule, FCNModule, N2VModule, create_careamics_module

__all__ = [
    "CAREModule",
    "FCNModule",
    "N2VModule",
    "PredictDataModule",
    "TrainDataModule",
    "create_careamics_module",
    "create_predict_datamodule",
    "create_train_datamodule",
]
