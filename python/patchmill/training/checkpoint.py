"""Checkpoints: a model, its configuration and how far it was trained, in one safetensors file.

The weights are the tensors of the file. All else is JSON in its metadata. Nothing is ever pickled, so that a checkpoint
from somebody else cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError

from patchmill.config import Configuration, DataConfig
from patchmill.errors import CheckpointError
from patchmill.files import replacing

__all__ = ["FORMAT_VERSION", "Checkpoint", "load_checkpoint", "restore_weights", "save_checkpoint"]

FORMAT_VERSION = 1
"""Version of what the metadata holds."""

_HEADER, _DIGEST = "patchmill", "patchmill_sha256"
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
    # A copy in plain order: safetensors stores no other, and channels-last weights have one of their own.
    weights = {name: value.detach().to("cpu").contiguous() for name, value in model.state_dict().items()}
    content = {
        "format_version": FORMAT_VERSION,
        "configuration": _storable(configuration),
        "epoch": epoch,
        "train_loss": train_loss,
        "val_loss": val_loss,
    }
    header = json.dumps(content, allow_nan=False)
    metadata = {"format": "pt", _HEADER: header, _DIGEST: _digest(header, weights)}
    path = Path(path)
    with replacing(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(safetensors.torch.save(weights, metadata))


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
    _check_first_bytes(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Cloned, because the tensors of an open file are views of it.
            weights = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        msg = f"{path}: expected a checkpoint, got a damaged file, or another kind ({error}). Use another checkpoint."
        raise CheckpointError(msg) from error
    if _HEADER not in metadata:
        msg = f"{path}: expected a checkpoint of patchmill, got a safetensors file of something else. Check the path."
        raise CheckpointError(msg)
    if metadata.get(_DIGEST) != _digest(metadata[_HEADER], weights):
        msg = f"{path}: expected a checkpoint as it was saved, got altered bytes. Use another checkpoint."
        raise CheckpointError(msg)
    content = json.loads(metadata[_HEADER])
    if content["format_version"] != FORMAT_VERSION:
        msg = (
            f"{path}: expected a checkpoint of format version {FORMAT_VERSION}, got {content['format_version']}. "
            f"Use the release of patchmill that wrote it."
        )
        raise CheckpointError(msg)
    try:
        configuration = Configuration.model_validate(content["configuration"])
    except ValidationError as error:
        msg = f"{path}: expected a valid configuration, got {error.error_count()} problems. Use another checkpoint."
        raise CheckpointError(msg) from error
    return Checkpoint(path, configuration, weights, content["epoch"], content["train_loss"], content["val_loss"])


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


def _storable(configuration: Configuration) -> dict[str, Any]:
    """Dump a configuration without loader arguments that are no plain values: a trained model needs none of them."""
    data: DataConfig = configuration.data_config
    plain = {
        field: {name: value for name, value in getattr(data, field).items() if _is_plain(value)}
        for field in ("train_dataloader_params", "val_dataloader_params")
    }
    return configuration.model_copy(update={"data_config": data.model_copy(update=plain)}).model_dump(mode="json")


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _digest(header: str, weights: dict[str, torch.Tensor]) -> str:
    """Hash everything that a checkpoint holds, so that damage to a weight does not go unseen."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_first_bytes(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        msg = f"{path}: expected a checkpoint, got no file. Check the path."
        raise CheckpointError(msg) from error
    except OSError as error:
        msg = f"{path}: expected a checkpoint, got {error.strerror}. Check the path and its permissions."
        raise CheckpointError(msg) from error
    if start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
        msg = (
            f"{path}: expected a checkpoint of patchmill (.safetensors), got a zip or pickle file, as torch and "
            f"Lightning write them (.ckpt, .pth). Reading such files can run code; train with patchmill instead."
        )
        raise CheckpointError(msg)
