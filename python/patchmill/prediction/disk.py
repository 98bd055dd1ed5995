"""Predictions on the disk: one file per image, written as it is predicted."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import ConfigError, OutputError, PatchmillError
from patchmill.prediction.batches import Frame
from patchmill.prediction.canvas import ArrayCanvas, Canvas, WrittenCanvas
from patchmill.prediction.predict import Predictor
from patchmill.prediction.reader import ImageReader
from patchmill.prediction.tiff_canvas import TiffCanvas, can_stream
from patchmill.prediction.writers import check_free, not_written, write_tiff
from patchmill.sources import TiffMetadata, read_metadata, restored_axes
from patchmill.sources.files import shown

__all__ = ["WriteFunction", "Writing", "predict_to_files"]

WriteFunction = Callable[..., Any]
"""What writes a prediction: called with a path, the array, and further arguments by keyword."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How predictions are written.

    Parameters
    ----------
    folder : pathlib.Path
        Where they go. It is created.
    write_type : {"tiff", "custom"}, default="tiff"
        TIFF files, or what a function writes.
    write_extension : str, optional
        What custom files end in, such as ``".npy"``.
    write_func : callable, optional
        What writes custom files: called with the path to write to, the array, and `write_func_kwargs`.
    write_func_kwargs : mapping, optional
        Its further arguments.
    overwrite : bool, default=False
        Whether files may be there already.

    Raises
    ------
    ConfigError
        If the type is unknown, or what it needs is not given, or there is a function that would not be called.
    """

    folder: Path
    write_type: str = "tiff"
    write_extension: str | None = None
    write_func: WriteFunction | None = None
    write_func_kwargs: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.write_type not in ("tiff", "custom"):
            msg = f"write_type: expected 'tiff' or 'custom', got {self.write_type!r}."
            raise ConfigError(msg)
        if self.write_type == "tiff":
            self._check_nothing_custom()
        else:
            self._check_custom()

    def _check_nothing_custom(self) -> None:
        if self.write_func is not None:
            msg = (
                "write_func: expected none with write_type='tiff', got one. Set write_type='custom', and "
                "write_extension to what its files end in."
            )
            raise ConfigError(msg)

    def _check_custom(self) -> None:
        if not callable(self.write_func):
            msg = (
                f"write_func: expected a function for write_type='custom', got {self.write_func!r}. Give one that is "
                "called with a path and an array, and writes that file."
            )
            raise ConfigError(msg)
        if not isinstance(self.write_extension, str) or not self.write_extension.strip("."):
            msg = (
                f"write_extension: expected what files end in for write_type='custom', got {self.write_extension!r}. "
                "Give it as in '.npy'."
            )
            raise ConfigError(msg)

    @property
    def extension(self) -> str:
        """What files end in."""
        return ".tiff" if self.write_type == "tiff" else f".{str(self.write_extension).lstrip('.')}"

    def targets(self, reader: ImageReader) -> list[Path]:
        """List where the prediction of each image goes.

        Files keep their names, and their sub-folders below the folder that holds all of them; arrays are numbered.

        Parameters
        ----------
        reader : ImageReader
            The images.

        Returns
        -------
        list of pathlib.Path
            A path for each.

        Raises
        ------
        OutputError
            If two images have one target, or a target is one of the images.
        OutputExistsError
            If files are there, and are not to be overwritten.
        """
        names = reader.names or [f"array_{number}" for number in range(len(reader))]
        stems = [PurePosixPath(name).with_suffix("") for name in names] if reader.names else names
        targets = [self.folder / f"{stem}{self.extension}" for stem in stems]
        for target, count in Counter(targets).items():
            if count > 1:
                both = shown(name for name, other in zip(names, targets, strict=True) if other == target)
                msg = f"{target}: expected one image to be written there, got {both}. Rename one of them."
                raise OutputError(msg)
        sources = {path.resolve() for path in reader.paths or ()}
        for target in targets:
            if target.resolve() in sources:
                msg = f"{target}: expected a file for the output, got one of the images. Choose another folder."
                raise OutputError(msg)
        self._check(targets)
        return targets

    def _check(self, targets: list[Path]) -> None:
        """Check that files can be written, and create their folders."""
        for target in targets:
            if target.exists() or target.is_symlink():
                check_free(target, overwrite=self.overwrite)
        for folder in dict.fromkeys(target.parent for target in targets):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise OutputError(not_written(folder, error)) from error

    def canvas(self, frame: Frame, target: Path, predictor: Predictor, metadata: TiffMetadata | None) -> Canvas[Path]:
        """Make what the prediction of an image is put together on, and written by."""
        normalization, blend = predictor.target_normalization, predictor.blend
        if self.write_type == "tiff" and can_stream(frame, normalization.n_channels):
            return TiffCanvas(frame, normalization, blend, target, metadata=metadata, overwrite=self.overwrite)
        axes = restored_axes(frame.axes, normalization.n_channels)

        def write(path: Path, image: NDArray[np.float32]) -> None:
            if self.write_type == "custom":
                self._write_custom(path, image)
            else:
                write_tiff(path, image, axes, metadata=metadata, overwrite=self.overwrite)

        return WrittenCanvas(ArrayCanvas(frame, normalization, blend), target, write)

    def _write_custom(self, path: Path, image: NDArray[np.float32]) -> None:
        """Have a function write a file of that name in a folder beside it, and move it when it is whole."""
        assert self.write_func is not None
        folder = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=path.parent))
        part = folder / path.name
        try:
            self.write_func(part, image, **self.write_func_kwargs)
        except PatchmillError:
            raise
        except Exception as error:
            raise OutputError(not_written(path, error)) from error
        else:
            if not part.exists():
                msg = (
                    f"{path}: expected write_func to write the path that it is called with, got nothing there. Write "
                    "to that path, under its name."
                )
                raise OutputError(msg)
            check_free(path, overwrite=self.overwrite)
            part.replace(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def predict_to_files(predictor: Predictor, reader: ImageReader, writing: Writing) -> list[Path]:
    """Predict images into files, one after the other.

    A TIFF is written while its image is predicted, by rows of tiles, where Y and X are the last of its axes. Other
    files are written when their image is whole. Each has its name when it is complete, and not before.

    Parameters
    ----------
    predictor : Predictor
        How they are predicted.
    reader : ImageReader
        The images.
    writing : Writing
        How they are written.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of the images.

    Raises
    ------
    OutputExistsError
        If a file is there already, and is not to be overwritten. Found before any image is read, for all files.
    PatchmillError
        If images cannot be predicted, or files not be written. It names the files that are done, which stay.
    """
    predictor.check(reader)
    targets = writing.targets(reader)

    def open_canvas(frame: Frame) -> Canvas[Path]:
        metadata = None
        if reader.paths is not None and not reader.is_custom:
            metadata = read_metadata(reader.paths[frame.number])
        return writing.canvas(frame, targets[frame.number], predictor, metadata)

    done: list[Path] = []
    try:
        for path in predictor.run(reader, open_canvas):
            done.append(path)  # noqa: PERF402 - what is done is said if another one fails
    except BaseException as error:
        if not done:
            raise
        kept = f"Done before, and kept: {len(done)} of {len(targets)} files, {shown(done)}."
        if not isinstance(error, PatchmillError):
            error.add_note(kept)
            raise
        msg = f"{error} {kept}"
        raise type(error)(msg) from error
    return done
