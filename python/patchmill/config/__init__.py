"""What the user asks for: pydantic models, the factories that make them, and files that hold them."""

from patchmill.config.algorithm import AlgorithmConfig, CAREAlgorithm, N2NAlgorithm, N2VAlgorithm, algorithm_factory
from patchmill.config.aliases import (
    CheckpointModel,
    DataModel,
    EarlyStoppingModel,
    InferenceModel,
    LrSchedulerModel,
    N2VManipulateModel,
    NormalizeModel,
    OptimizerModel,
    TrainingModel,
    UNetModel,
    XYFlipModel,
    XYRandomRotate90Model,
)
from patchmill.config.architecture import UNetConfig
from patchmill.config.callbacks import CheckpointConfig, EarlyStoppingConfig
from patchmill.config.configuration import Configuration
from patchmill.config.data import DataConfig
from patchmill.config.factories import (
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.config.files import load_configuration, save_configuration
from patchmill.config.filters import (
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    PatchFilter,
    ShannonPatchFilterConfig,
)
from patchmill.config.inference import InferenceConfig
from patchmill.config.lr_scheduler import LrSchedulerConfig
from patchmill.config.normalization import MeanStdConfig, MinMaxConfig, NoNormConfig, Normalization, QuantileConfig
from patchmill.config.optimizer import OptimizerConfig
from patchmill.config.training import TrainingConfig, unsupported_options
from patchmill.config.transforms import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config

__all__ = [
    "AlgorithmConfig",
    "CAREAlgorithm",
    "CheckpointConfig",
    "CheckpointModel",
    "Configuration",
    "DataConfig",
    "DataModel",
    "EarlyStoppingConfig",
    "EarlyStoppingModel",
    "InferenceConfig",
    "InferenceModel",
    "LrSchedulerConfig",
    "LrSchedulerModel",
    "MaskPatchFilterConfig",
    "MaxPatchFilterConfig",
    "MeanStdConfig",
    "MeanStdPatchFilterConfig",
    "MinMaxConfig",
    "N2NAlgorithm",
    "N2VAlgorithm",
    "N2VManipulateConfig",
    "N2VManipulateModel",
    "NoNormConfig",
    "Normalization",
    "NormalizeConfig",
    "NormalizeModel",
    "OptimizerConfig",
    "OptimizerModel",
    "PatchFilter",
    "QuantileConfig",
    "ShannonPatchFilterConfig",
    "TrainingConfig",
    "TrainingModel",
    "UNetConfig",
    "UNetModel",
    "XYFlipConfig",
    "XYFlipModel",
    "XYRandomRotate90Config",
    "XYRandomRotate90Model",
    "algorithm_factory",
    "create_care_configuration",
    "create_n2n_configuration",
    "create_n2v_configuration",
    "load_configuration",
    "save_configuration",
    "unsupported_options",
]
