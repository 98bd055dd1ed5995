"""Checkpoints: a model, its configuration and how far it was trained, in one safetensors file.

The weights are the tensors of the file. All else is JSON in its metadata. Nothing is ever pickled, so that a checkpoint
from somebody else cannot run code.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError

from patchmill.config import Configuration, DataConfig
from patchmill.errors import CheckpointError
from patchmill.training.sealed import read_sealed, seal, write_sealed

__all__ = [
    "FORMAT_VERSION",
    "Checkpoint",
    "load_checkpoint",
    "plain_copy",
    "restore_weights",
    "save_checkpoint",
    "seal_checkpoint",
    "storable",
]

FORMAT_VERSION = 1
"""Version of what the metadata holds."""

_KIND = "patchmill"
_MAX_LISTED = 5


@dataclass(frozen=True)
class Checkpoint:
    """A trained model as it was saved.

    Parameters
    ----------
    path : Path
        Where it was read from.
    configuration : Configuration
        The configuration of the training, with the statistics that the data was normalised by. Loader arguments that no
        file can hold, such as functions, are left out.
    weights : dict of str to Tensor
        The model's parameters and buffers by name, on the CPU.
    epoch : int
        Number of epochs that had ended.
    train_loss, val_loss : float or None
        Losses of the last of them, if there were any.
    """

    path: Path
    configuration: Configuration
    weights: dict[str, torch.Tensor]
    epoch: int
    train_loss: float | None
    val_loss: float | None


class _Content(BaseModel):
    """What a checkpoint holds beside the weights."""

    configuration: Configuration
    epoch: int
    train_loss: float | None
    val_loss: float | None


def save_checkpoint(
    path: str | os.PathLike[str],
    *,
    configuration: Configuration,
    model: torch.nn.Module,
    epoch: int,
    train_loss: float | None = None,
    val_loss: float | None = None,
) -> None:
    """Write a checkpoint. A file of that name is replaced as a whole, or stays as it was.

    Parameters
    ----------
    path : path
        The file, ``.safetensors`` by custom. Folders on the way are made.
    configuration : Configuration
        The configuration of the training, with the statistics that the data was normalised by.
    model : Module
        Whose parameters and buffers are saved, from whichever device.
    epoch : int
        Number of epochs that have ended.
    train_loss, val_loss : float, optional
        Finite losses of the last of them.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    data = seal_checkpoint(
        configuration=configuration, model=model, epoch=epoch, train_loss=train_loss, val_loss=val_loss
    )
    write_sealed(Path(path), data)


def seal_checkpoint(
    *,
    configuration: Configuration,
    model: torch.nn.Module,
    epoch: int,
    train_loss: float | None,
    val_loss: float | None,
) -> bytes:
    """Make the bytes of a checkpoint; the arguments are those of `save_checkpoint`."""
    content = {
        "format_version": FORMAT_VERSION,
        "configuration": storable(configuration),
        "epoch": epoch,
        "train_loss": train_loss,
        "val_loss": val_loss,
    }
    return seal(_KIND, content, model.state_dict())


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    CheckpointError
        If it is not there, cannot be read, is damaged, or is no checkpoint of patchmill. Files of torch and Lightning
        are refused by their first bytes: reading them can run code.
    """
    path = Path(path)
    content, weights = read_sealed(path, _KIND, "checkpoint")
    if content.get("format_version") != FORMAT_VERSION:
        msg = (
            f"{path}: expected a checkpoint of format version {FORMAT_VERSION}, got {content.get('format_version')}. "
            f"Use the release of patchmill that wrote it."
        )
        raise CheckpointError(msg)
    try:
        stored = _Content.model_validate(content)
    except ValidationError as error:
        msg = f"{path}: expected a checkpoint's content, got {error.error_count()} problems with it. Use another one."
        raise CheckpointError(msg) from error
    return Checkpoint(path, stored.configuration, weights, stored.epoch, stored.train_loss, stored.val_loss)


def restore_weights(model: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Give a model the weights of a checkpoint.

    Parameters
    ----------
    model : Module
        The model, on any device; untouched if the checkpoint does not fit.
    checkpoint : Checkpoint
        The weights.

    Raises
    ------
    CheckpointError
        If the checkpoint is of another model: the message lists the names and shapes that differ.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in checkpoint.weights.items()}
    differences = [
        f"{name}: expected {expected.get(name, 'none')}, got {found.get(name, 'none')}"
        for name in {**expected, **found}
        if expected.get(name) != found.get(name)
    ]
    if differences:
        lines = differences[:_MAX_LISTED]
        if len(differences) > _MAX_LISTED:
            lines.append(f"and {len(differences) - _MAX_LISTED} more")
        listed = "\n  ".join(lines)
        msg = (
            f"{checkpoint.path}: expected the weights of this model, got those of another. Create the model from the "
            f"checkpoint's configuration. Names and shapes that differ:\n  {listed}"
        )
        raise CheckpointError(msg)
    model.load_state_dict(checkpoint.weights)


def plain_copy(configuration: Configuration) -> Configuration:
    """Copy a configuration without loader arguments that are no plain values: a trained model needs none of them."""
    data: DataConfig = configuration.data_config
    plain = {
        field: {name: value for name, value in getattr(data, field).items() if _is_plain(value)}
        for field in ("train_dataloader_params", "val_dataloader_params")
    }
    return configuration.model_copy(update={"data_config": data.model_copy(update=plain)})


def storable(configuration: Configuration) -> dict[str, Any]:
    """Dump a configuration as JSON can hold it, without what no file can."""
    return plain_copy(configuration).model_dump(mode="json")


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
