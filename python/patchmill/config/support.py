"""What can be chosen from, as enumerations: each member is the string that the configurations take."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "SupportedActivation",
    "SupportedAlgorithm",
    "SupportedArchitecture",
    "SupportedData",
    "SupportedLogger",
    "SupportedLoss",
    "SupportedNormalization",
    "SupportedOptimizer",
    "SupportedPixelManipulation",
    "SupportedScheduler",
    "SupportedStructAxis",
    "SupportedTransform",
]


class SupportedActivation(StrEnum):
    """What can follow the last convolution of a network."""

    NONE = "None"
    SIGMOID = "Sigmoid"
    SOFTMAX = "Softmax"
    TANH = "Tanh"
    RELU = "ReLU"
    LEAKYRELU = "LeakyReLU"


class SupportedAlgorithm(StrEnum):
    """The algorithms."""

    N2V = "n2v"
    CARE = "care"
    N2N = "n2n"


class SupportedArchitecture(StrEnum):
    """The networks."""

    UNET = "UNet"


class SupportedData(StrEnum):
    """Where pixels can be."""

    ARRAY = "array"
    TIFF = "tiff"
    CUSTOM = "custom"


class SupportedLogger(StrEnum):
    """Where losses can be logged."""

    WANDB = "wandb"
    TENSORBOARD = "tensorboard"


class SupportedLoss(StrEnum):
    """The losses."""

    N2V = "n2v"
    MAE = "mae"
    MSE = "mse"


class SupportedNormalization(StrEnum):
    """What pixels can be normalised by."""

    MEAN_STD = "mean_std"
    MINMAX = "min_max"
    QUANTILE = "quantile"
    NONE = "none"


class SupportedOptimizer(StrEnum):
    """The optimizers of torch."""

    ADAM = "Adam"
    ADAMW = "AdamW"
    ADAMAX = "Adamax"
    SGD = "SGD"


class SupportedPixelManipulation(StrEnum):
    """What Noise2Void can replace a pixel by."""

    UNIFORM = "uniform"
    MEDIAN = "median"


class SupportedScheduler(StrEnum):
    """The schedules of the learning rate."""

    REDUCE_LR_ON_PLATEAU = "ReduceLROnPlateau"
    STEP_LR = "StepLR"
    WARMUP_COSINE = "WarmupCosine"


class SupportedStructAxis(StrEnum):
    """Along which axes structN2V can hide pixels."""

    NONE = "none"
    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    CROSS = "cross"
    SQUARE = "square"


class SupportedTransform(StrEnum):
    """The transforms."""

    XY_FLIP = "XYFlip"
    XY_RANDOM_ROTATE90 = "XYRandomRotate90"
    NORMALIZE = "Normalize"
    N2V_MANIPULATE = "N2VManipulate"
