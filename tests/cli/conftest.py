"""A folder to work in."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from tests.cli.running import IMAGE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one image."""
    tifffile.imwrite(tmp_path / "in.tif", IMAGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path
