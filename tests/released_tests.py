"""The tests that CAREamics is released with: downloaded with its source distribution, none is kept here."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

from benches.python.peers.environment import ENVIRONMENTS

__all__ = ["match", "read_outcomes", "unpack"]


def unpack(release: str, folder: Path) -> Path:
    """Download a source distribution once, unpack it into a folder, and return where it is.

    Parameters
    ----------
    release : str
        A name and a version, such as ``"careamics-0.3.5"``.
    folder : Path
        Where to unpack it.
    """
    archive = ENVIRONMENTS / f"{release}.tar.gz"
    if not archive.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*download, "--dest", ENVIRONMENTS, release.replace("-", "==")], check=True)
    with tarfile.open(archive) as unpacked:
        unpacked.extractall(folder, filter="data")
    return folder / release


def read_outcomes(report: Path) -> dict[str, str | None]:
    """Read the JUnit report of a run of pytest: for each test that was not skipped, why it failed, or None.

    Parameters
    ----------
    report : Path
        The report, of the family ``xunit1``.
    """
    outcomes: dict[str, str | None] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('file') or case.get('classname')}::{case.get('name')}"
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        if not any(child.tag == "skipped" for child in case):
            why = None if bad is None else (bad.get("message") or "failed").splitlines()[0][:160]
            outcomes[name] = outcomes.get(name) or why
    return outcomes


def match(name: str, patterns: dict[str, str]) -> str | None:
    """Return the reason of the first pattern that a name matches, if any does."""
    return next((reason for pattern, reason in patterns.items() if fnmatch.fnmatchcase(name, pattern)), None)
