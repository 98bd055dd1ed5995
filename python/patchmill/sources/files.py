"""Which files a path stands for, and which of them belong together."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from patchmill.errors import ConfigError, DtypeError, MissingFileError, PairError, ReadError

__all__ = ["PathLike", "check_name", "described", "list_files", "pair_files", "relative_names", "shown"]

PathLike = str | os.PathLike[str]
"""What stands for a file or a folder."""

_SHOWN = 5

_TIFF_NAMES = ("*.tif", "*.tiff", "*.btf", "*.tf8", "*.tf2")

_PREDICTIONS = "predictions"
"""The folder that predictions are written to, unless another one is named: they are no images to train on."""


def list_files(data: PathLike | Sequence[PathLike], data_type: str, extension_filter: str = "") -> list[Path]:
    """List the files that a path stands for.

    A folder stands for the files in it and in its sub-folders whose names match, in sorted order. Files and sub-folders
    whose names begin with a dot are left out: they are what systems leave beside images. So are sub-folders named
    ``predictions`` where TIFF files are looked for without a pattern: they are what predicting leaves there.

    Parameters
    ----------
    data : path or sequence of paths
        A file, a folder, or a list of files and folders, which keeps its order. For custom files, a folder whose name
        ends in ``.zarr`` is a file.
    data_type : str
        ``"tiff"`` or ``"custom"``.
    extension_filter : str, default=""
        The pattern that files match, as in `fnmatch` and `pathlib.Path.rglob`: ``"*.npy"``, ``"raw/*.npy"``. A file
        that is named matches with its name or with its whole path. Without it, custom files match ``*.*``, TIFF files
        in folders end in ``.tif``, ``.tiff``, ``.btf``, ``.tf8`` or ``.tf2`` in upper or lower case, and a TIFF file
        that is named is taken under whatever name it has.

    Returns
    -------
    list of pathlib.Path
        The files. Links that lead nowhere are among them, so that opening them says so.

    Raises
    ------
    ConfigError
        If files of that type cannot be listed, or a file that is named does not match the pattern.
    DtypeError
        If `data` is not a path or a list of paths.
    MissingFileError
        If a path is not there, or a folder holds no file that matches, or the list is empty.
    ReadError
        If a path cannot be looked at, or is not UTF-8.
    """
    search = _Search.of(data_type, extension_filter)
    files = [file for path in _paths(data) for file in search.files_of(path)]
    for file in files:
        check_name(file)
    return files


def check_name(path: Path) -> None:
    """Check that the name of a file is text: those of some old archives and disks are not.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    ReadError
        If its path is not UTF-8. The core and safetensors take no other.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(path).decode(errors="backslashreplace")
        msg = f"{name}: expected a path in UTF-8, got one with other bytes. Rename it."
        raise ReadError(msg) from error


def pair_files(
    inputs: PathLike | Sequence[PathLike],
    targets: PathLike | Sequence[PathLike],
    data_type: str = "tiff",
    extension_filter: str = "",
) -> list[tuple[Path, Path]]:
    """Pair input files with target files, name by name, before anything is read.

    Two single files are a pair whatever their names. Otherwise two files are a pair if they have the same path below
    their folder, or below the deepest folder that holds all files of a list.

    Parameters
    ----------
    inputs, targets : path or sequence of paths
        The files, as in `list_files`.
    data_type : str, default="tiff"
        As in `list_files`.
    extension_filter : str, default=""
        As in `list_files`, for inputs and targets.

    Returns
    -------
    list of tuple of pathlib.Path
        Each input with its target, in the order of the inputs.

    Raises
    ------
    ConfigError
        If files of that type cannot be listed, or a file that is named does not match the pattern.
    DtypeError
        If `inputs` or `targets` are not paths.
    MissingFileError
        If a path is not there, or a folder holds no file that matches.
    PairError
        If a file has no partner, or a name comes twice. The message lists them.
    ReadError
        If a path cannot be looked at.
    """
    input_files = list_files(inputs, data_type, extension_filter)
    target_files = list_files(targets, data_type, extension_filter)
    if input_files == _paths(inputs) and target_files == _paths(targets) and len(input_files) == len(target_files) == 1:
        return list(zip(input_files, target_files, strict=True))
    input_names, target_names = relative_names(inputs, input_files), relative_names(targets, target_files)
    for what, names in (("inputs", input_names), ("targets", target_names)):
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            msg = f"{what}: expected each name once, got {shown(repeated)} several times. Give each file once."
            raise PairError(msg)
    missing = sorted(set(input_names) - set(target_names))
    surplus = sorted(set(target_names) - set(input_names))
    if missing or surplus:
        parts = []
        if missing:
            parts.append(f"{len(missing)} without a target: {shown(missing)}")
        if surplus:
            parts.append(f"{len(surplus)} without an input: {shown(surplus)}")
        msg = (
            f"inputs and targets: expected the same names in both ({len(input_names)} inputs, {len(target_names)} "
            f"targets), got {'; '.join(parts)}. Give each pair the same path below its folder."
        )
        raise PairError(msg)
    partner = dict(zip(target_names, target_files, strict=True))
    return [(file, partner[name]) for file, name in zip(input_files, input_names, strict=True)]


def shown(names: Iterable[object]) -> str:
    """List names in a message: the first few, and how many more there are."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def described(data: object) -> str:
    """Describe in a message what data is that should have been something else."""
    if not isinstance(data, (list, tuple)):
        return _type_name(data)
    what = type(data).__name__
    kinds = dict.fromkeys(_type_name(item) for item in data)
    return f"a {what} of {' and '.join(kinds)}" if kinds else f"an empty {what}"


def _type_name(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True)
class _Search:
    """Which files are looked for: those that match a pattern, which is a path whose parts are patterns."""

    pattern: str
    is_usual_tiff: bool
    takes_zarr: bool

    @classmethod
    def of(cls, data_type: str, extension_filter: str) -> _Search:
        if data_type not in ("custom", "tiff"):
            msg = f"data_type: expected 'tiff' or 'custom' for files, got {data_type!r}."
            raise ConfigError(msg)
        if not isinstance(extension_filter, str):
            msg = f"extension_filter: expected one pattern, such as '*.npy', got {extension_filter!r}."
            raise ConfigError(msg)
        is_tiff = data_type == "tiff"
        return cls(extension_filter or "*.*", is_usual_tiff=is_tiff and not extension_filter, takes_zarr=not is_tiff)

    def files_of(self, path: Path) -> list[Path]:
        """List the files that one path stands for."""
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
            if not is_folder or self._is_zarr(path.name):
                return [self._named(path)]
            found = sorted(self._walk(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            msg = f"{path}: expected a file or a folder, got nothing of that name. Check the path."
            raise MissingFileError(msg) from error
        except OSError as error:
            at = error.filename or path
            msg = f"{at}: expected a file or a folder that can be read, got: {error.strerror or error}. Check the path."
            raise ReadError(msg) from error
        if not found:
            msg = f"{path}: expected files named {self._names()} in this folder or below, got none. {self._advice()}."
            raise MissingFileError(msg)
        return found

    def _is_zarr(self, name: str) -> bool:
        return self.takes_zarr and name.endswith(".zarr")

    def _named(self, path: Path) -> Path:
        absolute = path.absolute()
        if self.is_usual_tiff or fnmatch.fnmatch(str(absolute), self.pattern) or self._matches(absolute.parts):
            return path
        msg = (
            f"{path}: expected a name that matches the pattern {self.pattern!r}, got {path.name!r}. Give another file, "
            "or another extension_filter: '*' matches every name."
        )
        raise ConfigError(msg)

    def _walk(self, root: Path) -> Iterator[Path]:
        n_parts = len(root.parts)
        for name, folders, files in os.walk(root, onerror=_raise):
            folder = Path(name)
            stores = {sub for sub in folders if self._is_zarr(sub)}
            folders[:] = [sub for sub in folders if self._is_searched(sub) and sub not in stores]
            for file in (*stores, *files):
                if not file.startswith(".") and self._matches((*folder.parts[n_parts:], file)):
                    path = folder / file
                    if file in stores or _may_be_opened(path):
                        yield path

    def _is_searched(self, folder: str) -> bool:
        return not folder.startswith(".") and not (self.is_usual_tiff and folder == _PREDICTIONS)

    def _matches(self, parts: Sequence[str]) -> bool:
        if self.is_usual_tiff:
            return any(fnmatch.fnmatchcase(parts[-1].lower(), name) for name in _TIFF_NAMES)
        return _matches(parts, ("**", *self._parts))

    @cached_property
    def _parts(self) -> tuple[str, ...]:
        return Path(self.pattern).parts

    def _names(self) -> str:
        return ", ".join(_TIFF_NAMES) if self.is_usual_tiff else self.pattern

    def _advice(self) -> str:
        if self.is_usual_tiff:
            return f"Check the folder; a sub-folder named {_PREDICTIONS!r} is only searched if it is named itself"
        if not any(sign in self.pattern for sign in "*?["):
            return f"Write extension_filter='*{self.pattern}' for all names that end so"
        return "Check the folder, or give another extension_filter"


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Match a path part by part, where the pattern ``**`` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatch(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _may_be_opened(path: Path) -> bool:
    """Leave out pipes and sockets, which would be waited for, but nothing that only opening can tell about."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _raise(error: OSError) -> None:
    raise error


def _paths(data: PathLike | Sequence[PathLike]) -> list[Path]:
    paths = [data] if isinstance(data, (str, os.PathLike)) else data
    if not isinstance(paths, Sequence) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        msg = f"data: expected a path or a list of paths, got {described(data)}. Give the paths of the files."
        raise DtypeError(msg)
    if not paths:
        msg = "data: expected at least one path, got an empty list. Give the files to train on or to predict."
        raise MissingFileError(msg)
    texts = [os.fspath(path) for path in paths]
    for text in texts:
        # pathlib takes an empty text for the current folder.
        if not text or "\0" in text:
            msg = f"data: expected the path of a file or a folder, got {text!r}. Check the path."
            raise MissingFileError(msg)
    return [Path(text) for text in texts]


def relative_names(data: PathLike | Sequence[PathLike], files: Sequence[Path]) -> list[str]:
    """Name files by their paths below their folder, or below the deepest folder that holds all files of a list.

    Parameters
    ----------
    data : path or sequence of paths
        What was listed.
    files : sequence of pathlib.Path
        The files that `list_files` made of it.

    Returns
    -------
    list of str
        A name for each file, with ``/`` between folders.
    """
    # Not resolved: a folder of symbolic links is paired by the names of the links.
    absolute = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100
    paths = _paths(data)
    if len(paths) == 1 and files != paths:
        root = os.path.abspath(paths[0])  # noqa: PTH100
    else:
        root = os.path.commonpath([file.parent for file in absolute])
    return [file.relative_to(root).as_posix() for file in absolute]
