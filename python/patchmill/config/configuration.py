"""A whole training: the algorithm, the data, the length, and how they fit together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

from pydantic import field_validator, model_validator

from patchmill.config.algorithm import AlgorithmConfig
from patchmill.config.base import ConfigModel
from patchmill.config.data import MIN_PATCH_SIZE, DataConfig
from patchmill.config.problems import problem, refusal
from patchmill.config.training import TrainingConfig
from patchmill.config.transforms import N2VManipulateConfig

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["Configuration"]


class Configuration(ConfigModel):
    """Everything that a training depends on besides its data.

    Parameters
    ----------
    version : "0.1.0"
        Version of the format.
    experiment_name : str
        Name of the experiment: letters, digits, spaces, ``-`` and ``_``.
    algorithm_config : N2VAlgorithm or CAREAlgorithm or N2NAlgorithm
        What is learnt, and how.
    data_config : DataConfig
        The data and its patches.
    training_config : TrainingConfig, optional
        The length of the training.

    See Also
    --------
    create_n2v_configuration, create_care_configuration, create_n2n_configuration : The usual ways to make one.
    """

    version: Literal["0.1.0"] = "0.1.0"
    experiment_name: str
    algorithm_config: AlgorithmConfig
    data_config: DataConfig
    training_config: TrainingConfig = TrainingConfig()

    @field_validator("experiment_name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-zA-Z0-9_\- ]*", name):
            msg = f"expected letters, digits, spaces, '-' and '_' only, got {name!r}. Replace the others."
            raise ValueError(msg)
        return name

    @model_validator(mode="after")
    def _check_parts_fit(self) -> Self:
        problems = [*self._dimensions(), *self._patch_size(), *self._channels(), *self._masking()]
        if problems:
            raise refusal(*problems)
        return self

    def _dimensions(self) -> Iterator[InitErrorDetails]:
        axes, conv_dims = self.data_config.axes, self.algorithm_config.model.conv_dims
        needed = 3 if "Z" in axes else 2
        if conv_dims != needed:
            message = f"expected {needed} for axes {axes!r}, got {conv_dims}. Change it, or the axes."
            yield problem("algorithm_config.model.conv_dims", message, conv_dims)

    def _patch_size(self) -> Iterator[InitErrorDetails]:
        patch, depth = self.data_config.patch_size, self.algorithm_config.model.depth
        factor = 2**depth
        if any(size % factor for size in patch):
            smallest = -(-MIN_PATCH_SIZE // factor) * factor
            below = [max(size // factor * factor, smallest) for size in patch]
            above = [max(-(-size // factor) * factor, smallest) for size in patch]
            nearest = f"{below} or {above}" if below != above else f"{above}"
            message = f"expected multiples of {factor} (2**depth, with a depth of {depth}), got {patch}. Use {nearest}."
            yield problem("data_config.patch_size", message, patch)

    def _channels(self) -> Iterator[InitErrorDetails]:
        data, model = self.data_config, self.algorithm_config.model
        sides = (
            ("in_channels", model.in_channels, "image_means", data.image_means),
            ("num_classes", model.num_classes, "target_means", data.target_means),
        )
        for field, n_channels, statistics, means in sides:
            if n_channels > 1 and "C" not in data.axes:
                message = f"expected 1, because axes {data.axes!r} hold no C, got {n_channels}. Add C to the axes."
                yield problem(f"algorithm_config.model.{field}", message, n_channels)
            if means is not None and len(means) != n_channels:
                message = (
                    f"expected one for each of {n_channels} channels ({field}), got {len(means)}. "
                    f"Change them, or the number of channels."
                )
                yield problem(f"data_config.{statistics}", message, means)

    def _masking(self) -> Iterator[InitErrorDetails]:
        data, algorithm = self.data_config, self.algorithm_config
        if algorithm.algorithm != "n2v":
            if data.masks_pixels:
                message = f"expected no N2VManipulate with {algorithm.algorithm!r}, got it last. Remove it."
                yield problem("data_config.transforms", message, data.transforms)
            return
        model = algorithm.model
        if model.num_classes != model.in_channels:
            message = (
                f"expected as many output as input channels ({model.in_channels}), because Noise2Void predicts its "
                f"input, got {model.num_classes}. Make them equal."
            )
            yield problem("algorithm_config.model.num_classes", message, model.num_classes)
        manipulate = data.transforms[-1] if data.transforms else None
        if not isinstance(manipulate, N2VManipulateConfig):
            names = [transform.name for transform in data.transforms]
            message = f"expected N2VManipulate to come last, because Noise2Void masks pixels, got {names}. Add it."
            yield problem("data_config.transforms", message, data.transforms)
            return
        n_pixels = math.prod(data.patch_size)
        percentage = manipulate.masked_pixel_percentage
        if 100 / percentage > n_pixels:
            message = (
                f"expected at least {math.ceil(100 / percentage)} pixels in a patch, so that {percentage} % of them "
                f"(masked_pixel_percentage) is one pixel, got {data.patch_size}, {n_pixels} pixels. "
                f"Use larger patches, or mask {math.ceil(1e4 / n_pixels) / 100} %."
            )
            yield problem("data_config.patch_size", message, data.patch_size)
