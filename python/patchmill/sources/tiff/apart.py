"""Decoding in a process of its own, where a codec that breaks down on damaged pixels breaks nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import tifffile

from patchmill.sources.tiff.errors import damaged

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["APART", "decode_apart"]

_JPEG_XR, _PNG = (22610, 34934), (34933,)

APART = frozenset({*_JPEG_XR, *_PNG})
"""The compressions that are decoded apart: damaged pixels made their codecs write where they must not, in tests."""


def decode_apart(path: Path, series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """Decode the pixels of the first series of a file in a process of its own.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : tifffile.TiffPageSeries
        Its first series.

    Returns
    -------
    numpy.ndarray
        The pixels, in native byte order.

    Raises
    ------
    ReadError
        If they cannot be decoded, or if the process ended before it was done.
    """
    array: NDArray[Any] = np.empty(series.shape, series.dtype)
    command = [sys.executable, "-c", "from patchmill.sources.tiff.apart import main; main()", str(path.absolute())]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
    # What codecs print goes to a file, where it can be of any length.
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told
        ) as process,
    ):
        assert process.stdout is not None
        n_bytes = _read_into(array, process.stdout)
        process.stdout.close()
        code = process.wait()
        told.seek(0)
        reason = told.read().decode(errors="replace").strip().rpartition("\n")[2] if code == 1 else ""
    if code != 0 or n_bytes != array.nbytes:
        name = tifffile.COMPRESSION(series.keyframe.compression).name
        got = reason or f"an end of its codec (exit code {code}) after {n_bytes} of {array.nbytes} bytes"
        raise damaged(path, f"pixels that can be decoded from {name}", got)
    return array


def _read_into(array: NDArray[Any], stream: IO[bytes]) -> int:
    """Fill an array with bytes from a stream, and return how many came."""
    room = array.reshape(-1).view(np.uint8)
    n_bytes = 0
    while content := stream.read(min(1 << 20, room.size - n_bytes)):
        room[n_bytes : n_bytes + len(content)] = np.frombuffer(content, np.uint8)
        n_bytes += len(content)
    return n_bytes


def main() -> None:
    """Decode the first series of the file that the command line names to the standard output."""
    # Codecs print what they think of a file.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        try:
            with tifffile.TiffFile(sys.argv[1]) as file:
                output.write(np.ascontiguousarray(file.series[0].asarray()).data)
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}")
