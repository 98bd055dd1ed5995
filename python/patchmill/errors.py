"""The errors that patchmill raises.

Every error says where (file, sample, axis), what was expected, what came, and what to do. Each class also derives from
the builtin that it refines, so that ``except ValueError`` keeps working.
"""

from __future__ import annotations

__all__ = [
    "AxesError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DtypeError",
    "InternalError",
    "MissingFileError",
    "MissingPackageError",
    "OutOfMemoryError",
    "OutputError",
    "OutputExistsError",
    "PairError",
    "PatchmillError",
    "PatchmillWarning",
    "ReadError",
    "ShapeError",
    "TrainingError",
]


class PatchmillError(Exception):
    """The base of all errors of patchmill."""


class ConfigError(PatchmillError, ValueError):
    """A configuration, or an argument that stands for one, that cannot work."""


class AxesError(PatchmillError, ValueError):
    """Axes that are not valid, or that do not fit the data."""


class ShapeError(PatchmillError, ValueError):
    """A shape or size that does not fit: an image smaller than a patch, a target of another shape."""


class DtypeError(PatchmillError, TypeError):
    """A data type that cannot be milled: complex numbers, objects, mixed types."""


class DataError(PatchmillError, ValueError):
    """Pixel values that cannot be trained on: NaN, infinity, integers beyond 2^53."""


class PairError(PatchmillError, ValueError):
    """Inputs and targets that do not belong together."""


class ReadError(PatchmillError, OSError):
    """A file that cannot be read."""


class MissingFileError(ReadError, FileNotFoundError):
    """A file or folder that is not there, or that holds nothing that fits."""


class MissingPackageError(PatchmillError, ImportError):
    """Something was asked for that needs a package which is not installed."""


class OutputError(PatchmillError, OSError):
    """A file that cannot be written."""


class OutputExistsError(OutputError, FileExistsError):
    """A file that is there already and that nobody asked to overwrite."""


class CheckpointError(PatchmillError, ValueError):
    """A checkpoint that is damaged, or of another model."""


class TrainingError(PatchmillError, RuntimeError):
    """Training that cannot go on: a loss that is not a number."""


class OutOfMemoryError(PatchmillError, MemoryError):
    """Something that does not fit into the memory of its device. The message proposes what does."""


class InternalError(PatchmillError, RuntimeError):
    """A failure of the machine or a defect of patchmill, not of what it was given."""


class PatchmillWarning(UserWarning):
    """Data or settings that will work, but probably not as wished."""
