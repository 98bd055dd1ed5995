"""What the user asks for: pydantic models, the factories that make them, and files that hold them."""

from patchmill.config.algorithm import AlgorithmConfig, CAREAlgorithm, N2NAlgorithm, N2VAlgorithm
from patchmill.config.architecture import UNetConfig
from patchmill.config.configuration import Configuration
from patchmill.config.data import DataConfig
from patchmill.config.factories import (
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.config.files import load_configuration, save_configuration
from patchmill.config.lr_scheduler import LrSchedulerConfig
from patchmill.config.optimizer import OptimizerConfig
from patchmill.config.training import TrainingConfig
from patchmill.config.transforms import (
    N2VManipulateConfig,
    N2VManipulateModel,
    XYFlipConfig,
    XYFlipModel,
    XYRandomRotate90Config,
    XYRandomRotate90Model,
)

__all__ = [
    "AlgorithmConfig",
    "CAREAlgorithm",
    "Configuration",
    "DataConfig",
    "LrSchedulerConfig",
    "N2NAlgorithm",
    "N2VAlgorithm",
    "N2VManipulateConfig",
    "N2VManipulateModel",
    "OptimizerConfig",
    "TrainingConfig",
    "UNetConfig",
    "XYFlipConfig",
    "XYFlipModel",
    "XYRandomRotate90Config",
    "XYRandomRotate90Model",
    "create_care_configuration",
    "create_n2n_configuration",
    "create_n2v_configuration",
    "load_configuration",
    "save_configuration",
]
