"""What is learnt, and how: the loss, the network, the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from patchmill.config.architecture import UNetConfig
from patchmill.config.base import ConfigModel
from patchmill.config.lr_scheduler import LrSchedulerConfig
from patchmill.config.optimizer import OptimizerConfig
from patchmill.config.problems import config_error

__all__ = ["AlgorithmConfig", "CAREAlgorithm", "N2NAlgorithm", "N2VAlgorithm", "algorithm_factory"]


class N2VAlgorithm(ConfigModel):
    """Noise2Void: denoising learnt from single noisy images [1]_.

    Parameters
    ----------
    algorithm : "n2v"
        Which algorithm this is.
    loss : "n2v"
        Mean squared error at the masked pixels.
    model : UNetConfig
        The network. It has as many output as input channels.
    optimizer : OptimizerConfig, optional
        The optimizer, Adam by default.
    lr_scheduler : LrSchedulerConfig, optional
        The schedule of the learning rate, ReduceLROnPlateau by default.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    """

    algorithm: Literal["n2v"] = "n2v"
    loss: Literal["n2v"] = "n2v"
    model: UNetConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    lr_scheduler: LrSchedulerConfig = LrSchedulerConfig()


class CAREAlgorithm(ConfigModel):
    """CARE: restoration learnt from pairs of a poor and a good image [1]_.

    Parameters
    ----------
    algorithm : "care"
        Which algorithm this is.
    loss : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error.
    model : UNetConfig
        The network.
    optimizer : OptimizerConfig, optional
        The optimizer, Adam by default.
    lr_scheduler : LrSchedulerConfig, optional
        The schedule of the learning rate, ReduceLROnPlateau by default.

    References
    ----------
    .. [1] Weigert et al.: "Content-Aware Image Restoration: Pushing the Limits of Fluorescence Microscopy",
       Nature Methods 15, 2018.
    """

    algorithm: Literal["care"] = "care"
    loss: Literal["mae", "mse"] = "mae"
    model: UNetConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    lr_scheduler: LrSchedulerConfig = LrSchedulerConfig()


class N2NAlgorithm(ConfigModel):
    """Noise2Noise: denoising learnt from pairs of noisy images of the same scene [1]_.

    Parameters
    ----------
    algorithm : "n2n"
        Which algorithm this is.
    loss : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error.
    model : UNetConfig
        The network.
    optimizer : OptimizerConfig, optional
        The optimizer, Adam by default.
    lr_scheduler : LrSchedulerConfig, optional
        The schedule of the learning rate, ReduceLROnPlateau by default.

    References
    ----------
    .. [1] Lehtinen et al.: "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018.
    """

    algorithm: Literal["n2n"] = "n2n"
    loss: Literal["mae", "mse"] = "mae"
    model: UNetConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    lr_scheduler: LrSchedulerConfig = LrSchedulerConfig()


AlgorithmConfig = Annotated[N2VAlgorithm | CAREAlgorithm | N2NAlgorithm, Field(discriminator="algorithm")]
"""Any of the algorithms; its `algorithm` says which."""


def algorithm_factory(algorithm: Mapping[str, Any]) -> N2VAlgorithm | CAREAlgorithm | N2NAlgorithm:
    """Create the configuration of an algorithm from its fields.

    Parameters
    ----------
    algorithm : mapping
        The fields, `algorithm` among them.

    Raises
    ------
    ConfigError
        If a field is wrong: one line per problem.
    """
    adapter: TypeAdapter[N2VAlgorithm | CAREAlgorithm | N2NAlgorithm] = TypeAdapter(AlgorithmConfig)
    try:
        return adapter.validate_python(algorithm)
    except ValidationError as error:
        # pydantic names the algorithm before the field.
        raise config_error(error, rename=lambda path: path.partition(".")[2] or path) from None
