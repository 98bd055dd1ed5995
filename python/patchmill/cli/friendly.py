"""How commands talk and end: errors, warnings and the log as single lines, and an exit code for each end."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import FrameType

import typer

from patchmill.errors import PatchmillError, PatchmillWarning

__all__ = ["State", "Terminated", "friendly", "in_options", "is_first", "open_streams", "say", "tell"]

IN_OPTIONS = (
    (r"^train_target: expected targets", "--target: expected targets"),
    (r"^val_data: expected targets", "--val: expected targets (--target, --val-target)"),
    (r"^val_data_target: expected val_data with it, got None", "--val-target: expected --val with it, got none"),
    (r"^train_data_mask: expected (masks|none)", r"--mask: expected \1"),
    (r"train anew \(resume=False\)", "train anew (--overwrite)"),
    (r"\(resume=True\)", "(--resume)"),
    (r"\(use_in_memory=False\)", "(--in-turn)"),
    (r"Give the axes with S in the place of Z", "Give the axes with S in the place of Z (--axes)"),
    (
        r"(, axis Z: expected at least )\d+ pixels(?: for a patch)?, got ([1-7])\b.*",
        r"\g<1>8 planes for patches in 3D, got \2. Give the axes with S in the place of Z (--axes; to `patchmill "
        "config`, for a configuration) to take the planes as images of their own.",
    ),
)
"""What errors call things in Python, and what they are called here."""


class State:
    """What all commands have in common."""

    debug = False


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM): what an interrupt saves is saved for it, too."""


@contextlib.contextmanager
def friendly(*, interrupted: Callable[[], str] = str, log_from: int = logging.INFO) -> Iterator[None]:
    """Say what goes wrong in one line and exit; show warnings and the log as lines, too.

    Parameters
    ----------
    interrupted : callable
        What says after an interrupt what to do next. By default, nothing is said.
    log_from : int, default=logging.INFO
        The least level of the log that is shown.
    """
    with _log_lines(log_from), _terminable(), warnings.catch_warnings():
        warnings.simplefilter("default", PatchmillWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: _say_if_first(f"Warning: {message}")
        try:
            yield
        except KeyboardInterrupt as error:
            is_terminated = isinstance(error, Terminated)
            said = "Terminated." if is_terminated else "Interrupted."
            _say_if_first(f"{said} {interrupted()}".rstrip())
            raise typer.Exit(143 if is_terminated else 130) from None
        except (PatchmillError, OSError, MemoryError) as error:
            if State.debug:
                raise
            say(f"Error: {in_options(str(error)) or type(error).__name__}")
            raise typer.Exit(1) from None
        except Exception as error:
            # What typer ends commands with goes its way.
            if State.debug or type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise
            say(
                f"Error: {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}. Nobody expected this: "
                "it is a defect, of patchmill or of a package that it uses. Run it with --debug, and report what that "
                "shows."
            )
            raise typer.Exit(1) from None


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Raise `Terminated` when the process is asked to end. Only the main thread is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
            # What is raised then, packages turn into errors of their own, or abort. There is nothing to save yet.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _log_lines(log_from: int) -> Iterator[None]:
    """Show what patchmill logs, meanwhile."""
    logger, handler = logging.getLogger("patchmill"), _LineHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(log_from)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _LineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _say_if_first(record.getMessage())


def open_streams() -> None:
    """Give what is printed somewhere to go, and let no letter of the name of a file be an error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by the shell: patchmill info cells.tif >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def in_options(message: str) -> str:
    """Say an error of the package in the words of the command line."""
    for pattern, words in IN_OPTIONS:
        message = re.sub(pattern, words, message)
    return message


def is_first() -> bool:
    """Whether this is the only process, or the first of those that ``torchrun`` started: the one that talks."""
    return os.environ.get("RANK", "0") == "0"


def say(line: str) -> None:
    """Write a line on standard error: above the progress bar, if one stands in for it."""
    sys.stderr.write(f"{line}\n" if is_first() else f"Rank {os.environ['RANK']}: {line}\n")


def _say_if_first(line: str) -> None:
    if is_first():
        say(line)


def tell(line: str) -> None:
    """Write a line on standard output, if this is the process that talks."""
    if is_first():
        typer.echo(line)
