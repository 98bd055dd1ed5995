"""A whole training: the algorithm, the data, the length, and how they fit together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from patchmill.config.algorithm import AlgorithmConfig
from patchmill.config.base import ConfigModel
from patchmill.config.data import DataConfig
from patchmill.config.images import MIN_SIZE
from patchmill.config.normalization import QuantileConfig
from patchmill.config.problems import problem
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
        The length of the training, and what watches over it.

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

    def set_3D(self, is_3D: bool, axes: str, patch_size: Iterable[int]) -> None:  # noqa: FBT001, N802, N803
        """Set the dimensions of the network, the axes and the patch size together, as in CAREamics.

        Parameters
        ----------
        is_3D : bool
            Whether the network is 3D, or 2D.
        axes : str
            One letter per axis of the images.
        patch_size : iterable of int
            Size of the patches in pixels, (Z)YX.

        Raises
        ------
        ValidationError
            If they are not valid, or do not fit each other. Everything stays as it was.
        """
        algorithm, data = self.algorithm_config.model_copy(deep=True), self.data_config.model_copy()
        algorithm.model.set_3D(is_3D)
        data.set_3D(axes, patch_size)
        type(self).model_validate({**self.__dict__, "algorithm_config": algorithm, "data_config": data})
        self.algorithm_config.model.set_3D(is_3D)
        self.data_config.set_3D(axes, patch_size)

    def get_safe_experiment_name(self) -> str:
        """Return the name of the experiment for names of files: with underscores for spaces."""
        return self.experiment_name.replace(" ", "_")

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        yield from self._dimensions()
        yield from self._patch_size()
        yield from self._channels()
        yield from self._levels()
        yield from self._masking()

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
            smallest = -(-MIN_SIZE // factor) * factor
            below = [max(size // factor * factor, smallest) for size in patch]
            above = [max(-(-size // factor) * factor, smallest) for size in patch]
            nearest = f"{below} or {above}" if below != above else f"{above}"
            message = f"expected multiples of {factor} (2**depth, with a depth of {depth}), got {patch}. Use {nearest}."
            yield problem("data_config.patch_size", message, patch)

    def _channels(self) -> Iterator[InitErrorDetails]:
        data, model = self.data_config, self.algorithm_config.model
        n_channels = {"in_channels": model.in_channels, "num_classes": model.num_classes}
        for field, number in n_channels.items():
            if number > 1 and "C" not in data.axes:
                message = f"expected 1, because axes {data.axes!r} hold no C, got {number}. Add C to the axes."
                yield problem(f"algorithm_config.model.{field}", message, number)
        if data.channels is not None and len(data.channels) != model.in_channels:
            message = (
                f"expected {model.in_channels} channels (in_channels of the network), got {len(data.channels)}. "
                f"Change them, or the network."
            )
            yield problem("data_config.channels", message, data.channels)
        for side, statistics, values in data.statistics():
            field = "in_channels" if side == "image" else "num_classes"
            if len(values) != n_channels[field]:
                message = (
                    f"expected one for each of {n_channels[field]} channels ({field}), got {len(values)}. "
                    f"Change them, or the number of channels."
                )
                yield problem(f"data_config.{statistics}", message, values)

    def _levels(self) -> Iterator[InitErrorDetails]:
        """Check that quantiles with a level per channel have one for each channel, of the targets too."""
        normalization, algorithm = self.data_config.normalization, self.algorithm_config
        if not isinstance(normalization, QuantileConfig) or len(normalization.lower_quantiles) == 1:
            return
        numbers = {"in_channels": algorithm.model.in_channels}
        if algorithm.algorithm != "n2v" and not normalization.skip_target:
            numbers["num_classes"] = algorithm.model.num_classes
        levels = normalization.lower_quantiles
        for field, number in numbers.items():
            if len(levels) != number:
                message = (
                    f"expected one level, or one for each of {number} channels ({field}), got {levels}. "
                    f"Change them, and the upper ones."
                )
                yield problem("data_config.normalization.lower_quantiles", message, levels)

    def _masking(self) -> Iterator[InitErrorDetails]:
        data, algorithm = self.data_config, self.algorithm_config
        if algorithm.algorithm != "n2v":
            if data.masks_pixels:
                message = f"expected no N2VManipulate with {algorithm.algorithm!r}, got it last. Remove it."
                yield problem("data_config.transforms", message, data.transforms)
            if algorithm.model.n2v2:
                message = "expected False, because only Noise2Void has a variant N2V2, got True. Set it to False."
                yield problem("algorithm_config.model.n2v2", message, algorithm.model.n2v2)
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
            larger = _enlarged(data.patch_size, 100 / percentage, 2**model.depth)
            message = (
                f"expected at least {math.ceil(100 / percentage)} pixels in a patch, so that {percentage} % of them "
                f"(masked_pixel_percentage) is one pixel, got {data.patch_size}, {n_pixels} pixels. "
                f"Use larger patches, such as {larger}, or mask {math.ceil(1e4 / n_pixels) / 100} %."
            )
            yield problem("data_config.patch_size", message, data.patch_size)


def _enlarged(patch_size: list[int], n_pixels: float, factor: int) -> list[int]:
    """Enlarge a patch in YX to at least `n_pixels`, in multiples of what the network needs."""
    larger = [-(-size // factor) * factor for size in patch_size]
    while math.prod(larger) < n_pixels:
        shorter = min((-1, -2), key=lambda axis: larger[axis])
        larger[shorter] += factor
    return larger
