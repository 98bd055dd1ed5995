"""The folder that a training leaves everything in: where it is, what is kept of it, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["check_work_dir", "default_work_dir", "how_to_go_on", "n_epochs_made"]

STATE = "training_state.safetensors"

CHECKPOINTS = ("last.safetensors", STATE)
"""What a training leaves in its folder of checkpoints, however early it ended."""


def default_work_dir(data: Path) -> Path:
    """Name the work folder of a training on images, which is in the current one."""
    path = data.resolve()
    name = path.name if path.is_dir() else path.stem.removesuffix(".ome")
    return Path(f"{name}_patchmill")


def check_work_dir(work_dir: Path, *, overwrite: bool, may_resume: bool) -> None:
    """Refuse a work folder that holds a training, which would be lost, or whose checkpoints nothing could read."""
    from patchmill.errors import OutputExistsError
    from patchmill.sources.files import check_name

    check_name(work_dir)
    found = [path for name in CHECKPOINTS if (path := work_dir / "checkpoints" / name).exists()]
    if found and not overwrite:
        go_on = "Go on with it (--resume), replace it" if may_resume else "Replace it"
        msg = (
            f"{work_dir}: expected a folder without a training, got {found[0]}. {go_on} (--overwrite), or choose "
            "another folder (--work-dir)."
        )
        raise OutputExistsError(msg)


def n_epochs_made(work_dir: Path) -> int:
    """Count the epochs of the training in a work folder: its losses have a line for each."""
    path = work_dir / "losses.csv"
    if not path.exists():
        return 0
    return max(len(path.read_text(encoding="utf-8", errors="replace").splitlines()) - 1, 0)


def how_to_go_on(work_dir: Path, *, resume: bool, overwrite: bool) -> Callable[[], str]:
    """Ask before a training; what it returns says after an interrupt how to go on, if there is a state to resume."""
    state = work_dir / "checkpoints" / STATE
    before = _written(state)

    def say_how() -> str:
        written = _written(state)
        if resume and written is not None:
            return "Go on with the same command."
        # One that was there before is that of another training.
        if written == before:
            return ""
        if overwrite:
            return "Go on with the same command and --resume in the place of --overwrite."
        return "Go on with the same command and --resume."

    return say_how


def _written(path: Path) -> int | None:
    """Tell when a file was written, or None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
