"""The state of a training that was broken off: everything that it needs to go on exactly as if it had not been."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from patchmill.errors import CheckpointError
from patchmill.training.sealed import read_sealed, seal, write_sealed

__all__ = ["differences", "load_state", "readable", "save_state"]

FORMAT_VERSION = 1
"""Version of what a file holds."""

_KIND, _NAME = "patchmill_training_state", "training state"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state. A file of that name is replaced as a whole, or stays as it was.

    Parameters
    ----------
    path : Path
        The file.
    state : dict
        Tensors and plain values, in mappings, lists and tuples.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    content = {"format_version": FORMAT_VERSION, "state": _packed(state, tensors)}
    write_sealed(path, seal(_KIND, content, tensors))


def load_state(path: Path) -> dict[str, Any]:
    """Read a state, as it was saved; the tensors are on the CPU, and lie in memory as they did.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is damaged, is no state of a training, or is that of another version.
    """
    content, tensors = read_sealed(path, _KIND, _NAME)
    if content.get("format_version") != FORMAT_VERSION:
        msg = (
            f"{path}: expected a {_NAME} of format version {FORMAT_VERSION}, got {content.get('format_version')}. Use "
            "the release of patchmill that wrote it, or train anew."
        )
        raise CheckpointError(msg)
    with readable(path):
        state: dict[str, Any] = _unpacked(content["state"], tensors)
    return state


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a state that is not made as a state is that it cannot be used.

    Raises
    ------
    CheckpointError
        In place of what Python and torch raise.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (AttributeError, LookupError, RecursionError, RuntimeError, TypeError, ValueError) as error:
        msg = f"{path}: expected a {_NAME}, got something that is made otherwise ({error!r}). Train anew."
        raise CheckpointError(msg) from error


def differences(saved: Any, present: Any, path: str = "") -> Iterator[str]:
    """List where two configurations differ.

    Parameters
    ----------
    saved, present : dict, list or plain value
        That of the state, and that of now.
    path : str
        The dotted name of what is compared.

    Yields
    ------
    str
        The dotted name of a value, and both values.
    """
    if isinstance(saved, dict) and isinstance(present, dict):
        for key in {**saved, **present}:
            yield from differences(saved.get(key), present.get(key), f"{path}.{key}" if path else key)
    elif saved != present:
        yield f"{path}: expected {saved!r}, got {present!r}"


def _packed(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Take the tensors out of a value, and leave what JSON can hold."""
    if isinstance(value, torch.Tensor):
        name = f"{len(tensors):05d}"
        # A copy: safetensors stores no two tensors that share memory.
        tensors[name] = value.detach().to("cpu", copy=True)
        return {"tensor": name, "strides": list(value.stride())}
    if isinstance(value, dict):
        return {"dict": [[key, _packed(part, tensors)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_packed(part, tensors) for part in value]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _unpacked(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    match value:
        case {"tensor": name, "strides": strides}:
            stored = tensors[name]
            # Kernels may add up in another order if a tensor lies in memory in another one.
            return torch.empty_strided(stored.shape, strides, dtype=stored.dtype).copy_(stored)
        case {"dict": pairs}:
            return {key: _unpacked(part, tensors) for key, part in pairs}
        case {"list": parts}:
            return [_unpacked(part, tensors) for part in parts]
        case {"tuple": parts}:
            return tuple(_unpacked(part, tensors) for part in parts)
        case _:
            return float(value["float"])
