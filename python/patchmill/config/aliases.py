"""The names that earlier versions of CAREamics gave to these classes, and that its documentation still uses."""

from patchmill.config.architecture import UNetConfig
from patchmill.config.callbacks import CheckpointConfig, EarlyStoppingConfig
from patchmill.config.data import DataConfig
from patchmill.config.inference import InferenceConfig
from patchmill.config.lr_scheduler import LrSchedulerConfig
from patchmill.config.optimizer import OptimizerConfig
from patchmill.config.training import TrainingConfig
from patchmill.config.transforms import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config

__all__ = [
    "CheckpointModel",
    "DataModel",
    "EarlyStoppingModel",
    "InferenceModel",
    "LrSchedulerModel",
    "N2VManipulateModel",
    "NormalizeModel",
    "OptimizerModel",
    "TrainingModel",
    "UNetModel",
    "XYFlipModel",
    "XYRandomRotate90Model",
]

CheckpointModel = CheckpointConfig
DataModel = DataConfig
EarlyStoppingModel = EarlyStoppingConfig
InferenceModel = InferenceConfig
LrSchedulerModel = LrSchedulerConfig
N2VManipulateModel = N2VManipulateConfig
NormalizeModel = NormalizeConfig
OptimizerModel = OptimizerConfig
TrainingModel = TrainingConfig
UNetModel = UNetConfig
XYFlipModel = XYFlipConfig
XYRandomRotate90Model = XYRandomRotate90Config
