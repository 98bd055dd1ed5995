"""Which files a path stands for, and which of them belong together."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from patchmill.errors import ConfigError, MissingFileError, PairError, ReadError

__all__ = ["PathLike", "list_files", "pair_files"]

PathLike = str | os.PathLike[str]
"""What stands for a file or a folder."""

_PATTERNS = {"tiff": "*.tif*"}

_SHOWN = 5


def list_files(data: PathLike | Sequence[PathLike], data_type: str) -> list[Path]:
    """List the files that a path stands for.

    Parameters
    ----------
    data : path or sequence of paths
        A file, which is taken under whatever name it has; a folder, whose files and those of its sub-folders are
        taken in sorted order where their names match ``*.tif*`` in upper or lower case and do not begin with a dot;
        or a list of files and folders, which keeps its order.
    data_type : str
        ``"tiff"``.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    ConfigError
        If files of that type cannot be listed.
    MissingFileError
        If a path is not there, or a folder holds no file that matches, or the list is empty.
    ReadError
        If a path cannot be looked at.
    """
    pattern = _pattern(data_type)
    if isinstance(data, (str, os.PathLike)):
        return _files_of(Path(data), pattern)
    if not data:
        msg = "data: expected at least one path, got an empty list. Give the files to train on or to predict."
        raise MissingFileError(msg)
    return [file for path in data for file in _files_of(Path(path), pattern)]


def pair_files(
    inputs: PathLike | Sequence[PathLike], targets: PathLike | Sequence[PathLike], data_type: str = "tiff"
) -> list[tuple[Path, Path]]:
    """Pair input files with target files, name by name, before anything is read.

    Two single files are a pair whatever their names. Otherwise two files are a pair if they have the same path below
    their folder, or below the deepest folder that holds all files of a list.

    Parameters
    ----------
    inputs, targets : path or sequence of paths
        The files, as in `list_files`.
    data_type : str, default "tiff"
        As in `list_files`.

    Returns
    -------
    list of tuple of pathlib.Path
        Each input with its target, in the order of the inputs.

    Raises
    ------
    ConfigError
        If files of that type cannot be listed.
    MissingFileError
        If a path is not there, or a folder holds no file that matches.
    PairError
        If a file has no partner, or a name comes twice. The message lists them.
    """
    input_files, target_files = list_files(inputs, data_type), list_files(targets, data_type)
    if _is_one_file(inputs) and _is_one_file(targets):
        return list(zip(input_files, target_files, strict=True))
    input_names, target_names = _relative_names(inputs, input_files), _relative_names(targets, target_files)
    for what, names in (("inputs", input_names), ("targets", target_names)):
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            msg = f"{what}: expected each name once, got {_shown(repeated)} several times. Give each file once."
            raise PairError(msg)
    missing = sorted(set(input_names) - set(target_names))
    surplus = sorted(set(target_names) - set(input_names))
    if missing or surplus:
        parts = []
        if missing:
            parts.append(f"{len(missing)} without a target: {_shown(missing)}")
        if surplus:
            parts.append(f"{len(surplus)} without an input: {_shown(surplus)}")
        msg = (
            f"inputs and targets: expected the same names in both ({len(input_names)} inputs, {len(target_names)} "
            f"targets), got {'; '.join(parts)}. Give each pair the same path below its folder."
        )
        raise PairError(msg)
    partner = dict(zip(target_names, target_files, strict=True))
    return [(file, partner[name]) for file, name in zip(input_files, input_names, strict=True)]


def _pattern(data_type: str) -> str:
    if data_type not in _PATTERNS:
        msg = f"data_type: expected one of {sorted(_PATTERNS)} for files, got {data_type!r}."
        raise ConfigError(msg)
    return _PATTERNS[data_type]


def _files_of(path: Path, pattern: str) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        is_there = path.exists()
        found = sorted(file for file in path.rglob("*") if _matches(file, pattern) and file.is_file())
    except OSError as error:
        msg = f"{path}: expected a file or a folder that can be read, got: {error.strerror or error}. Check the path."
        raise ReadError(msg) from error
    if not is_there:
        msg = f"{path}: expected a file or a folder, got nothing of that name. Check the path."
        raise MissingFileError(msg)
    if not found:
        msg = f"{path}: expected files named {pattern} in this folder or below, got none. Check the folder."
        raise MissingFileError(msg)
    return found


def _matches(file: Path, pattern: str) -> bool:
    # Names that begin with a dot are what systems leave beside an image (macOS: ._image.tif), not images.
    return fnmatch.fnmatchcase(file.name.lower(), pattern) and not file.name.startswith(".")


def _is_one_file(data: PathLike | Sequence[PathLike]) -> bool:
    return isinstance(data, (str, os.PathLike)) and not Path(data).is_dir()


def _relative_names(data: PathLike | Sequence[PathLike], files: list[Path]) -> list[str]:
    # Not resolved: a folder of symbolic links is paired by the names of the links.
    absolute = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100
    if isinstance(data, (str, os.PathLike)) and Path(data).is_dir():
        root = os.path.abspath(data)  # noqa: PTH100
    else:
        root = os.path.commonpath([file.parent for file in absolute])
    return [file.relative_to(root).as_posix() for file in absolute]


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
