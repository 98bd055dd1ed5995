"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from patchmill.errors import OutputError, PatchmillError

__all__ = ["replacing"]


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
