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
    channels_in: Channels,
    channels_out: Channels,
    masking: Mapping[str, Any] | None,
    experiment_name: str,
    data_type: str,
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int,
    num_steps: int | None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None,
    independent_channels: bool,
    model_params: Mapping[str, Any] | None,
    optimizer: str,
    optimizer_params: Mapping[str, Any] | None,
    lr_scheduler: str,
    lr_scheduler_params: Mapping[str, Any] | None,
    train_dataloader_params: Mapping[str, Any] | None,
    val_dataloader_params: Mapping[str, Any] | None,
    patching: str,
    seed: int | None,
) -> Configuration:
    """Put the arguments of a factory where they belong, and check them together.

    Parameters
    ----------
    algorithm : mapping
        Fields of the algorithm that no argument below gives.
    channels_in, channels_out : Channels
        Channels of the network; 1 if the axes hold no C and none are given.
    masking : mapping or None
        The `N2VManipulateConfig` that follows the augmentations, if any.

    The others are those of the factories.

    Raises
    ------
    ConfigError
        With one line per problem, under the name of the argument.
    """
    model = {
        "conv_dims": 3 if "Z" in str(axes).upper() else 2,
        "in_channels": _given(channels_in, axes),
        "num_classes": _given(channels_out, axes),
        "independent_channels": independent_channels,
    }
    arguments = {
        "conv_dims": "axes",
        "in_channels": channels_in.argument,
        "num_classes": channels_out.argument,
        "independent_channels": "independent_channels",
    }
    for field in model.keys() & (model_params or {}).keys():
        msg = f"model_params: expected no {field!r}, because {arguments[field]!r} sets it. Remove it."
        raise ConfigError(msg)
    if augmentations is None:
        augmentations = [XYFlipConfig(), XYRandomRotate90Config()]
    elif not all(isinstance(each, (XYFlipConfig, XYRandomRotate90Config)) for each in augmentations):
        names = [type(each).__name__ for each in augmentations]
        msg = f"augmentations: expected XYFlipConfig and XYRandomRotate90Config only, got {names}. Remove the others."
        raise ConfigError(msg)
    loaders = {"train_dataloader_params": train_dataloader_params, "val_dataloader_params": val_dataloader_params}
    try:
        return Configuration.model_validate(
            {
                "experiment_name": experiment_name,
                "algorithm_config": {
                    **algorithm,
                    "model": {**(model_params or {}), **model},
                    "optimizer": {"name": optimizer, "parameters": optimizer_params or {}},
                    "lr_scheduler": {"name": lr_scheduler, "parameters": lr_scheduler_params or {}},
                },
                "data_config": {
                    "data_type": data_type,
                    "axes": axes,
                    "patch_size": patch_size,
                    "patching": patching,
                    "batch_size": batch_size,
                    "transforms": [*augmentations, *([] if masking is None else [masking])],
                    "seed": seed,
                    **{name: params for name, params in loaders.items() if params is not None},
                },
                "training_config": {"num_epochs": num_epochs, "num_steps": num_steps},
            }
        )
    except ValidationError as error:
        raise config_error(error, rename=lambda path: _argument(path, arguments)) from None


def _given(channels: Channels, axes: str) -> int:
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
    (r"data_config\.transforms", "augmentations"),
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
