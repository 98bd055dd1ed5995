"""Tensors and plain values in one safetensors file, sealed by a hash.

The plain values are JSON in the file's metadata. Nothing is ever pickled, so that a file from somebody else cannot run
code.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from patchmill.errors import CheckpointError
from patchmill.files import replacing

__all__ = ["read_sealed", "seal", "write_sealed"]


def seal(kind: str, content: dict[str, Any], tensors: dict[str, torch.Tensor]) -> bytes:
    """Make the bytes of a file.

    Parameters
    ----------
    kind : str
        What the file is, so that it is taken for nothing else.
    content : dict
        What JSON can hold, and only finite numbers.
    tensors : dict of str to Tensor
        Tensors on any device, in any order in memory.
    """
    # In plain order and each on its own: safetensors stores no other.
    stored = {name: value.detach().to("cpu").contiguous() for name, value in tensors.items()}
    header = json.dumps(content, allow_nan=False)
    return safetensors.torch.save(stored, {"format": "pt", kind: header, f"{kind}_sha256": _digest(header, stored)})


def write_sealed(path: Path, data: bytes) -> None:
    """Write what `seal` made. A file of that name is replaced as a whole, or stays as it was.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with replacing(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)


def read_sealed(path: str | os.PathLike[str], kind: str, name: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read a file that `seal` made, and check that it is as it was.

    Parameters
    ----------
    path : path
        The file.
    kind : str
        What it is.
    name : str
        The same in words, for messages: "checkpoint".

    Raises
    ------
    CheckpointError
        If it is not there, cannot be read, is damaged, or is something else. Files of torch and Lightning are refused
        by their first bytes: reading them can run code.
    """
    path = Path(path)
    _check_first_bytes(path, name)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Cloned, because the tensors of an open file are views of it.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        msg = f"{path}: expected a {name}, got a damaged file, or another kind ({error}). Use another {name}."
        raise CheckpointError(msg) from error
    if kind not in metadata:
        msg = f"{path}: expected a {name} of patchmill, got a safetensors file of something else. Check the path."
        raise CheckpointError(msg)
    if metadata.get(f"{kind}_sha256") != _digest(metadata[kind], tensors):
        msg = f"{path}: expected a {name} as it was saved, got altered bytes. Use another {name}."
        raise CheckpointError(msg)
    try:
        content = json.loads(metadata[kind])
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        msg = f"{path}: expected a {name} of patchmill, got one that says nothing of itself. Use another {name}."
        raise CheckpointError(msg)
    return content, tensors


def _digest(header: str, tensors: dict[str, torch.Tensor]) -> str:
    """Hash everything that a file holds, so that damage to a weight does not go unseen."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_first_bytes(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        msg = f"{path}: expected a {name}, got no file. Check the path."
        raise CheckpointError(msg) from error
    except OSError as error:
        msg = f"{path}: expected a {name}, got {error.strerror}. Check the path and its permissions."
        raise CheckpointError(msg) from error
    if start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
        msg = (
            f"{path}: expected a {name} of patchmill (.safetensors), got a zip or pickle file, as torch and "
            f"Lightning write them (.ckpt, .pth). Reading such files can run code; train with patchmill instead."
        )
        raise CheckpointError(msg)
