"""Files and folders that may not be read, whoever runs the tests."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ClosedToUs = Callable[[Path], contextlib.AbstractContextManager[None]]

NOBODY = 65534


@pytest.fixture
def closed_to_us(tmp_path: Path) -> ClosedToUs:
    """Close a file or folder to this process. As root, who may read everything, the process is somebody else then."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions are others here")

    @contextlib.contextmanager
    def close(path: Path) -> Iterator[None]:
        user = os.geteuid()
        # Nobody must still come to the folder of the test, and look into it.
        wanted = {tmp_path: 0o055, **dict.fromkeys(tmp_path.parents, 0o011)} if user == 0 else {}
        modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (path, *wanted)}
        changed = {folder: modes[folder] | bits for folder, bits in wanted.items() if bits & ~modes[folder]}
        for folder, mode in changed.items():
            folder.chmod(mode)
        path.chmod(0)
        try:
            os.seteuid(NOBODY if user == 0 else user)
            yield
        finally:
            os.seteuid(user)
            for folder in (path, *changed):
                folder.chmod(modes[folder])

    return close
