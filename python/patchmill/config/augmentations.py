"""The transforms, at the place that CAREamics v0.1 imports them from."""

from patchmill.config.aliases import N2VManipulateModel, NormalizeModel, XYFlipModel, XYRandomRotate90Model
from patchmill.config.transforms import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config

__all__ = [
    "N2VManipulateConfig",
    "N2VManipulateModel",
    "NormalizeConfig",
    "NormalizeModel",
    "XYFlipConfig",
    "XYFlipModel",
    "XYRandomRotate90Config",
    "XYRandomRotate90Model",
]
