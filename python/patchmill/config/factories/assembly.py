"""From the arguments of a factory to a configuration, and from its problems back to the arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from patchmill.config.configuration import Configuration
from patchmill.config.problems import config_error
from patchmill.config.transforms import XYFlipConfig, XYRandomRotate90Config
from patchmill.errors import ConfigError

__all__ = ["Channels", "assemble"]


class Channels(NamedTuple):
    """A number of channels, and the argument that gives it."""

    argument: str
    number: int | None


def assemble(
    algorithm: Mapping[str, Any],
    *,
    model: Mapping[str, Any],
    channels_in: Channels,
    channels_out: Channels,
    masking: Mapping[str, Any] | None,
    experiment_name: str,
    data: Mapping[str, Any],
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None,
    model_params: Mapping[str, Any] | None,
    optimizer: tuple[str, Mapping[str, Any] | None],
    lr_scheduler: tuple[str, Mapping[str, Any] | None],
    training: Mapping[str, Any],
) -> Configuration:
    """Put the arguments of a factory where they belong, and check them together.

    Parameters
    ----------
    algorithm : mapping
        Fields of the algorithm that no argument below gives.
    model : mapping
        Fields of the network that have an argument of their own.
    channels_in, channels_out : Channels
        Channels of the network; 1 if the axes hold no C and none are given.
    masking : mapping or None
        The `N2VManipulateConfig` that follows the augmentations, if any.
    experiment_name : str
        Name of the experiment.
    data : mapping
        Fields of `DataConfig`, all but the transforms.
    augmentations : sequence of XYFlipConfig and XYRandomRotate90Config, or None
        The other transforms: both if None.
    model_params : mapping or None
        Further fields of the network.
    optimizer, lr_scheduler : tuple of str and (mapping or None)
        Names, and keyword arguments.
    training : mapping
        Fields of `TrainingConfig`.

    Raises
    ------
    ConfigError
        With one line per problem, under the name of the argument.
    """
    network = {
        **model,
        "conv_dims": 3 if "Z" in str(data["axes"]).upper() else 2,
        "in_channels": _number(channels_in, data["axes"]),
        "num_classes": _number(channels_out, data["axes"]),
    }
    arguments = {
        "conv_dims": "axes",
        "in_channels": channels_in.argument,
        "independent_channels": "independent_channels",
        "n2v2": "use_n2v2",
        "num_classes": channels_out.argument,
    }
    for field in network.keys() & (model_params or {}).keys():
        msg = f"model_params: expected no {field!r}, because {arguments[field]!r} sets it. Remove it."
        raise ConfigError(msg)
    if augmentations is None:
        augmentations = [XYFlipConfig(), XYRandomRotate90Config()]
    elif not all(isinstance(each, (XYFlipConfig, XYRandomRotate90Config)) for each in augmentations):
        names = [type(each).__name__ for each in augmentations]
        msg = f"augmentations: expected XYFlipConfig and XYRandomRotate90Config only, got {names}. Remove the others."
        raise ConfigError(msg)
    try:
        return Configuration.model_validate(
            {
                "experiment_name": experiment_name,
                "algorithm_config": {
                    **algorithm,
                    "model": {**(model_params or {}), **network},
                    "optimizer": {"name": optimizer[0], "parameters": optimizer[1] or {}},
                    "lr_scheduler": {"name": lr_scheduler[0], "parameters": lr_scheduler[1] or {}},
                },
                "data_config": {
                    **_given(data),
                    "transforms": [*augmentations, *([] if masking is None else [masking])],
                },
                "training_config": _given(training),
            }
        )
    except ValidationError as error:
        given = {field: argument for field, argument in arguments.items() if field in network}
        raise config_error(error, rename=lambda path: _argument(path, given)) from None


_LEFT_OUT = frozenset(
    {
        "checkpoint_callback",
        "lightning_trainer_config",
        "normalization",
        "train_dataloader_params",
        "val_dataloader_params",
    }
)
"""The fields whose argument is None where the default is asked for."""


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None or field not in _LEFT_OUT}


def _number(channels: Channels, axes: str) -> int:
    argument, number = channels
    if number is None and "C" in str(axes).upper():
        msg = f"{argument}: expected the number of channels, because axes {axes!r} hold C, got None. Give it."
        raise ConfigError(msg)
    return 1 if number is None else number


_RENAMES = (
    (r"algorithm_config\.optimizer\.parameters", "optimizer_params"),
    (r"algorithm_config\.optimizer\.name", "optimizer"),
    (r"algorithm_config\.lr_scheduler\.parameters", "lr_scheduler_params"),
    (r"algorithm_config\.lr_scheduler\.name", "lr_scheduler"),
    (r"algorithm_config\.model", "model_params"),
    (r"data_config\.transforms\[\d+\]\.(?=roi_size|masked_pixel_percentage)", ""),
    (r"data_config\.transforms\[\d+\]\.struct_mask_(?=axis|span)", "struct_n2v_"),
    (r"data_config\.transforms", "augmentations"),
    (r"training_config\.lightning_trainer_config", "trainer_params"),
    (r"training_config\.checkpoint_callback", "checkpoint_params"),
    (r"(algorithm|data|training)_config\.", ""),
)


def _argument(path: str, model_arguments: Mapping[str, str]) -> str:
    """Name the argument that `path` of the configuration came from."""
    field = path.removeprefix("algorithm_config.model.")
    if field in model_arguments:
        return model_arguments[field]
    for pattern, argument in _RENAMES:
        renamed, found = re.subn(f"^{pattern}", argument, path)
        if found:
            return renamed
    return path
