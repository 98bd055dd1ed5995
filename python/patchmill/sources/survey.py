"""What images some files hold, which of them cannot be read, and whether they can be used together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from patchmill.background import NUM_THREADS, map_in_background
from patchmill.errors import PairError, ReadError
from patchmill.sources.header import ImageHeader, ImageLike
from patchmill.sources.image import Image, check_alike, check_pairs
from patchmill.sources.image_files import ImageFiles
from patchmill.sources.skipping import OnError, Skipped

__all__ = ["Survey", "Visit", "open_files", "survey_files"]

Visit = Callable[..., None]
"""What is called with an image that had to be read for its header, and with its target, if there are targets."""

_Groups = tuple[ImageFiles, ...]
"""The files, and the targets, if there are any."""

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True)
class Survey:
    """What images some files hold, and their targets.

    Parameters
    ----------
    files : ImageFiles
        The files that can be read.
    headers : list of ImageHeader
        A header for each.
    targets : ImageFiles, optional
        Their targets, in the same order.
    target_headers : list of ImageHeader, default=[]
        A header for each target.
    """

    files: ImageFiles
    headers: list[ImageHeader]
    targets: ImageFiles | None = None
    target_headers: list[ImageHeader] = field(default_factory=list)

    def open(self, *, on_error: OnError = "raise") -> tuple[list[Image], list[Image]]:
        """Open all of the files.

        Parameters
        ----------
        on_error : {"raise", "skip"}, default="raise"
            What happens to files that cannot be read after all, as their pixels are damaged.

        Returns
        -------
        images : list of Image
            The images, without those that were skipped.
        targets : list of Image
            Their targets; empty if there are none.

        Raises
        ------
        PatchmillError
            If a file cannot be read, or is not what it was.

        Warns
        -----
        PatchmillWarning
            If files are skipped.
        """
        groups, skipped = _groups(self.files, self.targets), _skipped(self.files, self.targets, on_error)
        images = _open(groups, [self.headers, self.target_headers][: len(groups)], skipped)
        skipped.report()
        return _with_targets(images)

    def decodable(self, *, on_error: OnError) -> Survey:
        """Leave out the files whose pixels are damaged: to be called where files are read in turn, and may be skipped.

        Custom files, and those that are mapped, are known to be whole.

        Parameters
        ----------
        on_error : {"raise", "skip"}
            What happens to them. With an error, it comes when they are read, and nothing is decoded now.

        Returns
        -------
        Survey
            The files that are left.

        Raises
        ------
        PatchmillError
            If there is none.

        Warns
        -----
        PatchmillWarning
            If files are skipped.
        """
        if on_error == "raise" or self.files.is_custom:
            return self
        groups, skipped = _groups(self.files, self.targets), _skipped(self.files, self.targets, on_error)
        headers = [self.headers, self.target_headers]

        def decode(group: int, number: int) -> None:
            if not headers[group][number].is_mapped:
                groups[group].open(number)

        # One at a time: that they do not fit into memory is why they are read in turn.
        left = list(_read_each(groups, decode, lambda _: (), skipped, num_threads=1))
        skipped.report()
        return Survey(
            self.files.select(left),
            [self.headers[number] for number in left],
            None if self.targets is None else self.targets.select(left),
            [] if self.targets is None else [self.target_headers[number] for number in left],
        )


def survey_files(
    files: ImageFiles, targets: ImageFiles | None = None, *, on_error: OnError = "raise", visit: Visit | None = None
) -> Survey:
    """Find out what images some files hold, and whether they can be used together, before any is used.

    TIFF files say it, on several threads and with no pixel decoded. Custom files are read once, one after the other on
    this thread.

    Parameters
    ----------
    files : ImageFiles
        The files.
    targets : ImageFiles, optional
        Their targets, in the same order, as `pair_files` pairs them.
    on_error : {"raise", "skip"}, default="raise"
        What happens to files that cannot be read: an error, or a warning at the end. With a file its partner is
        skipped. Files that can be read, but do not fit (axes, data type, channels, size), are an error.
    visit : callable, optional
        Called with each image that had to be read (those of custom files, in their order), and with its target, if
        there are targets. What it does not keep is not kept.

    Returns
    -------
    Survey
        The files that are left, and their headers.

    Raises
    ------
    AxesError, DtypeError, ShapeError
        If an image does not fit the axes, or its channels or its data type cannot be used, or are not those of the
        others; or if a target does not have the size of its image.
    PairError
        If there are more or fewer targets than images.
    ReadError
        If a file cannot be read, or none can, or if two files are parts of the same OME-TIFF image.

    Warns
    -----
    PatchmillWarning
        If files are skipped.
    """
    groups, skipped = _groups(files, targets), _skipped(files, targets, on_error)
    groups, headers = _survey(groups, skipped, visit)
    skipped.report()
    if targets is None:
        return Survey(groups[0], headers[0])
    return Survey(groups[0], headers[0], groups[1], headers[1])


def open_files(
    files: ImageFiles, targets: ImageFiles | None = None, *, on_error: OnError = "raise"
) -> tuple[list[Image], list[Image]]:
    """Open all of some files, after a survey of them. Custom files are read once.

    Parameters
    ----------
    files, targets, on_error
        As in `survey_files`.

    Returns
    -------
    images : list of Image
        The images, without those that were skipped.
    targets : list of Image
        Their targets; empty if there are none.

    Raises
    ------
    PatchmillError
        As `survey_files` does, and if pixels cannot be decoded.

    Warns
    -----
    PatchmillWarning
        If files are skipped.
    """
    groups, skipped = _groups(files, targets), _skipped(files, targets, on_error)
    read: list[tuple[Image, ...]] = []
    groups, headers = _survey(groups, skipped, lambda *images: read.append(images))
    images = _columns(read) if files.is_custom else _open(groups, headers, skipped)
    skipped.report()
    return _with_targets(images)


def _groups(files: ImageFiles, targets: ImageFiles | None) -> _Groups:
    if targets is None:
        return (files,)
    if len(targets) != len(files):
        msg = f"targets: expected {len(files)} files, one per image, got {len(targets)}. Give every image a target."
        raise PairError(msg)
    return files, targets


def _skipped(files: ImageFiles, targets: ImageFiles | None, on_error: str) -> Skipped:
    return Skipped("files" if targets is None else "pairs of files", len(files), on_error)


def _survey(groups: _Groups, skipped: Skipped, visit: Visit | None) -> tuple[_Groups, list[list[ImageHeader]]]:
    """Read all headers; return the files that have one, and the headers of the images and of the targets."""

    def visited(images: Sequence[Image]) -> tuple[ImageHeader, ...]:
        if visit is not None:
            visit(*images)
        return tuple(map(ImageHeader.of, images))

    if groups[0].is_custom:
        read = _read_each(groups, lambda group, number: groups[group].open(number), visited, skipped)
    else:
        read = _read_each(groups, lambda group, number: groups[group].header(number), tuple, skipped)
    rows = _without_parts(groups, read, skipped)
    headers = _columns(rows.values())
    _check_together(headers)
    return tuple(group.select(list(rows)) for group in groups), headers


def _open(groups: _Groups, headers: list[list[ImageHeader]], skipped: Skipped) -> list[list[Image]]:
    def read(group: int, number: int) -> Image:
        image = groups[group].open(number)
        headers[group][number].check_same(image)
        return image

    return _columns(_read_each(groups, read, tuple, skipped).values())


def _read_each(
    groups: _Groups,
    read: Callable[[int, int], _T],
    finish: Callable[[list[_T]], tuple[_U, ...]],
    skipped: Skipped,
    num_threads: int = NUM_THREADS,
) -> dict[int, tuple[_U, ...]]:
    """Read all files, or pairs of them; return what was read by their numbers.

    `read` gets the group and the number of a file, and `finish` what was read of a file or of both files of a pair.
    """

    def attempt(number: int) -> tuple[_U, ...] | _Unreadable:
        row = []
        for group, files in enumerate(groups):
            try:
                row.append(read(group, number))
            except ReadError as error:
                if not skipped.is_allowed:
                    raise
                return _Unreadable(files.paths[number], error)
        return finish(row)

    numbers = range(len(groups[0]))
    if groups[0].is_custom:
        results = list(map(attempt, numbers))
    else:
        results = list(map_in_background(attempt, numbers, num_threads=num_threads))
    rows = {}
    for number, result in enumerate(results):
        if isinstance(result, _Unreadable):
            skipped.add(result.path, result.error)
        else:
            rows[number] = result
    return rows


@dataclass(frozen=True)
class _Unreadable:
    """A file that cannot be read, and why."""

    path: Path
    error: ReadError


def _without_parts(
    groups: _Groups, rows: dict[int, tuple[ImageHeader, ...]], skipped: Skipped
) -> dict[int, tuple[ImageHeader, ...]]:
    """Leave out files whose image was opened with another one: those of an OME-TIFF image that spans several."""
    opened_by: list[dict[Path, str]] = [{} for _ in groups]
    alone = {}
    for number, row in rows.items():
        for header, seen in zip(row, opened_by, strict=True):
            first = next((seen[part] for part in header.parts if part in seen), None)
            if first is not None:
                msg = (
                    f"{header.name}: expected an image of its own, got a part of the OME-TIFF image that {first} "
                    "opens. Give one file of each such image."
                )
                skipped.add(Path(header.name), ReadError(msg))
                break
            seen.update(dict.fromkeys(header.parts, header.name))
        else:
            alone[number] = row
    return alone


def _columns(rows: Iterable[tuple[_T, ...]]) -> list[list[_T]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _check_together(columns: Sequence[Sequence[ImageLike]]) -> None:
    for images in columns:
        check_alike(images)
    if len(columns) == 2:
        check_pairs(*columns)


def _with_targets(columns: list[list[Image]]) -> tuple[list[Image], list[Image]]:
    return columns[0], columns[1] if len(columns) == 2 else []
