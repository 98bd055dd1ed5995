"""What image files hold, and what training on them would come to."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from patchmill.background import map_in_background
from patchmill.errors import ConfigError, PatchmillError, ReadError, ShapeError
from patchmill.patching import Patching, create_plan
from patchmill.progress import track
from patchmill.sources import (
    Image,
    ImageFiles,
    ImageHeader,
    Statistics,
    check_alike,
    compute_statistics,
    list_files,
    parse_axes,
    read_metadata,
    usable_memory,
)
from patchmill.sources.memory import MEMORY_SHARE
from patchmill.usual import PLANES, VOLUMES, fitting_patch_size

__all__ = ["FileInfo", "ImagesInfo", "collect_info"]

PATCHINGS: tuple[Patching, ...] = ("sequential", "stratified", "random", "fixed_random")


@dataclass(frozen=True)
class FileInfo:
    """What a file says about its image. No pixel is read for it.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        The shape of the image.
    axes : str or None
        The axes that the file states, letters of ``STCZYX``; None if it does not state them.
    tifffile_axes : str
        What tifffile calls them; I and Q are those of unknown meaning.
    dtype : numpy.dtype
        The data type, with the byte order of the file.
    header : ImageHeader or None
        Its samples, channels and size by the axes that it is read with; None if nobody says what they are.
    """

    path: Path
    shape: tuple[int, ...]
    axes: str | None
    tifffile_axes: str
    dtype: np.dtype[Any]
    header: ImageHeader | None

    @property
    def nbytes(self) -> int:
        """The bytes of all pixels, decoded."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass
class ImagesInfo:
    """What image files hold, and what training on them would come to.

    Parameters
    ----------
    usable_bytes : int
        The memory that this process may use.
    files : list of FileInfo
        The files that can be read.
    unreadable : list of (Path, str)
        Those that cannot, or not on their own, and why.
    problems : list of str
        What keeps the files from being trained on together.
    axes : str or None
        The axes with which all of them are read; None if they state none, or not the same.
    statistics : Statistics or None
        Those of all pixels; None if they were not asked for, or there is a problem.
    dataset : {"in memory", "in turn"} or None
        What `TrainDataModule` does with the files: it opens all of them together, or reads them in turn. None if the
        axes are not known.
    patch_size : tuple of int or None
        The size of the patches that are counted, (Z)YX.
    patches : dict of str to int
        By the kind of patching, how many patches an epoch has. Empty where none can be cut.
    """

    usable_bytes: int
    files: list[FileInfo] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    axes: str | None = None
    statistics: Statistics | None = None
    dataset: Literal["in memory", "in turn"] | None = None
    patch_size: tuple[int, ...] | None = None
    patches: dict[str, int] = field(default_factory=dict)

    @property
    def headers(self) -> list[ImageHeader]:
        """The headers of the files whose axes are known."""
        return [file.header for file in self.files if file.header is not None]

    @property
    def formats(self) -> Counter[tuple[tuple[int, ...], str, str]]:
        """How many files there are of each shape, of each axes, and of each data type."""
        return Counter((file.shape, file.axes or file.tifffile_axes, file.dtype.name) for file in self.files)

    @property
    def mapped_bytes(self) -> int:
        """The bytes of the pixels that are mapped, and take no memory that could not be given back."""
        return sum(header.nbytes for header in self.headers if header.is_mapped)

    @property
    def decoded_bytes(self) -> int:
        """The bytes of the pixels that are decoded into memory."""
        return sum(header.nbytes for header in self.headers if not header.is_mapped)


def collect_info(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    patch_size: Sequence[int] | None = None,
    with_statistics: bool = True,
) -> ImagesInfo:
    """Find out what TIFF files hold, and what training on them would come to.

    Bars show how far it is, where standard output is a terminal.

    Parameters
    ----------
    path : path
        A file, or a folder of files.
    axes : str, optional
        The axes of every file. By default those that they state.
    patch_size : sequence of int, optional
        The size of a patch, (Z)YX, or one for all axes; by default the one that `suggest_configuration` chooses.
    with_statistics : bool, default=True
        Whether to read all pixels, for their statistics.

    Returns
    -------
    ImagesInfo
        What was found; files that cannot be read, and problems, among it.

    Raises
    ------
    AxesError
        If the axes are not valid.
    ConfigError
        If the patch size is not one for these axes.
    MissingFileError
        If there is no such file, or the folder holds no TIFF.
    """
    letters = None if axes is None else parse_axes(axes)
    info = ImagesInfo(usable_memory())
    _survey(info, list_files(path, "tiff"), letters)
    _leave_out_parts(info)
    _check_together(info, letters)
    if info.axes is None:
        return info
    info.dataset = "in memory" if info.decoded_bytes <= MEMORY_SHARE * info.usable_bytes else "in turn"
    if with_statistics and not info.problems:
        _compute_statistics(info, info.axes)
    if info.files and not info.problems:
        _count_patches(info, info.axes, patch_size)
    return info


def _survey(info: ImagesInfo, paths: Sequence[Path], axes: str | None) -> None:
    """Read what all files say, and none of their pixels."""

    def attempt(path: Path) -> FileInfo | PatchmillError:
        try:
            return _read_file(path, axes)
        except PatchmillError as error:
            return error

    readings = map_in_background(attempt, paths)
    for path in track(paths, "Files"):
        found = next(readings)
        if isinstance(found, PatchmillError):
            info.unreadable.append((path, str(found)))
        else:
            info.files.append(found)


def _read_file(path: Path, axes: str | None) -> FileInfo:
    metadata = read_metadata(path)
    used = axes or metadata.axes
    header = None if used is None else ImageFiles([path], "tiff", used).header(0)
    return FileInfo(path, metadata.shape, metadata.axes, metadata.tifffile_axes, metadata.dtype, header)


def _leave_out_parts(info: ImagesInfo) -> None:
    """Count an OME-TIFF image that spans several files once: each of them opens all of it."""
    opened_by: dict[Path, Path] = {}
    whole = []
    for file in info.files:
        parts = () if file.header is None else file.header.parts
        first = next((opened_by[part] for part in parts if part in opened_by), None)
        if first is None:
            opened_by.update(dict.fromkeys(parts, file.path))
            whole.append(file)
        else:
            msg = (
                f"{file.path}: expected an image of its own, got a part of the OME-TIFF image that {first} opens. Give "
                "one file of each such image."
            )
            info.unreadable.append((file.path, msg))
    info.files = whole


def _check_together(info: ImagesInfo, axes: str | None) -> None:
    """Find the axes of all files, and what keeps them from being trained on together."""
    if not info.files:
        return
    first, *others = info.files
    other = next((file for file in others if axes is None and file.axes != first.axes), None)
    if other is not None:
        info.problems.append(
            f"{other.path}: expected the axes {_stated(first)} of {first.path}, got {_stated(other)}. Give the axes of "
            "all files (--axes), or look at them one by one."
        )
        return
    info.axes = axes or first.axes
    if info.axes is not None:
        try:
            check_alike(info.headers)
        except PatchmillError as error:
            info.problems.append(str(error))


def _stated(file: FileInfo) -> str:
    return repr(file.axes or file.tifffile_axes)


def _compute_statistics(info: ImagesInfo, axes: str) -> None:
    """Read all pixels; files whose pixels cannot be decoded are told among the unreadable ones."""
    unreadable: dict[Path, str] = {}

    def images() -> Iterator[Image]:
        files = ImageFiles([file.path for file in info.files], "tiff", axes)
        for number in track(range(len(files)), "Statistics"):
            try:
                yield files.open(number)
            except ReadError as error:
                unreadable[files.paths[number]] = str(error)

    try:
        info.statistics = compute_statistics(images())
    except PatchmillError as error:
        if len(unreadable) < len(info.files):
            info.problems.append(str(error))
    info.files = [file for file in info.files if file.path not in unreadable]
    info.unreadable.extend(unreadable.items())


def _count_patches(info: ImagesInfo, axes: str, patch_size: Sequence[int] | None) -> None:
    try:
        sizes = info.patch_size = _patch_size(info.headers[0], axes, patch_size)
        info.patches = {kind: len(create_plan(info.headers, sizes, kind)) for kind in PATCHINGS}
    except ShapeError as error:
        info.problems.append(str(error))


def _patch_size(first: ImageHeader, axes: str, given: Sequence[int] | None) -> tuple[int, ...]:
    usual = VOLUMES if "Z" in axes else PLANES
    if given is None:
        return tuple(fitting_patch_size(first, usual))
    sizes = tuple(given) * usual.n_dims if len(given) == 1 else tuple(given)
    if len(sizes) != usual.n_dims or min(sizes) < 1:
        spatial = "ZYX"[-usual.n_dims :]
        msg = f"patch_size: expected {len(spatial)} sizes, {spatial}, for axes {axes!r}, got {[*sizes]}. Change them."
        raise ConfigError(msg)
    return sizes
