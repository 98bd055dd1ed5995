"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from patchmill.errors import OutputError, PatchmillError

__all__ = ["check_folder", "replacing", "reserved"]

_PATIENCE_S = 10.0
"""How long a folder is waited for: worker processes of a training that was killed end some seconds after it."""


def check_folder(path: Path) -> None:
    """Check that files can be written into a folder, or that it can be made. Ask before a long job; nothing is left.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot take files.
    """
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        msg = (
            f"{path}: expected a folder that can be written to, got: {error.strerror or error} ({there}). Choose "
            "another one, or grant the right to write in it."
        )
        raise OutputError(msg) from error


@contextlib.contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a folder for this process. The system gives it back when the process ends, however that is.

    Parameters
    ----------
    folder : Path
        The folder. It is made, if need be. On a file system without locks it is kept for nobody.

    Raises
    ------
    OutputError
        If another one has it.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder / ".patchmill.lock", timeout=_PATIENCE_S))
        except Timeout as error:
            msg = (
                f"{folder}: expected a folder that no other training writes to, got one that is in use. Wait for that "
                "training, or choose another folder."
            )
            raise OutputError(msg) from error
        except (NotImplementedError, OSError):
            # What cannot be written at all is said where it is written.
            pass
        yield


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under another name, and give it its own when all of it is on the disk.

    Whatever happens meanwhile, what was there before stays there, and no other file is left.

    Parameters
    ----------
    path : Path
        The file. Its folder must be there.

    Yields
    ------
    Path
        The name to write to.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # In the folder of the file itself, which a symbolic link may have elsewhere: only there is replacing it atomic.
    target = path.resolve()
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except PatchmillError:
        raise
    except OSError as error:
        msg = (
            f"{path}: expected a file that can be written, got: {error.strerror or error}. Choose another folder, or "
            "make room and grant the right to write in this one."
        )
        raise OutputError(msg) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
