"""How commands talk and end: errors, warnings and the log as single lines, and an exit code for each end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

import typer

from patchmill.errors import PatchmillError, PatchmillWarning

__all__ = ["State", "Terminated", "friendly", "is_first", "say", "tell"]


class State:
    """What all commands have in common."""

    debug = False


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM): what an interrupt saves is saved for it, too."""


@contextlib.contextmanager
def friendly(*, interrupted: str = "", log_from: int = logging.INFO) -> Iterator[None]:
    """Say what goes wrong in one line and exit; show warnings and the log as lines, too.

    Parameters
    ----------
    interrupted : str, default=""
        What to do next, after an interrupt.
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
            _say_if_first(f"{said} {interrupted}".rstrip())
            raise typer.Exit(143 if is_terminated else 130) from None
        except (PatchmillError, OSError, MemoryError) as error:
            if State.debug:
                raise
            say(f"Error: {str(error) or type(error).__name__}")
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

    def terminate(*_: Any) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
