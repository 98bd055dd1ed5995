"""How commands talk: errors, warnings and the log as single lines."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

import typer

from patchmill.errors import PatchmillError, PatchmillWarning

__all__ = ["State", "friendly", "say"]


class State:
    """What all commands have in common."""

    debug = False


@contextlib.contextmanager
def friendly() -> Iterator[None]:
    """Say what goes wrong in one line and exit; show warnings and the log as lines, too."""
    with _log_lines(), warnings.catch_warnings():
        warnings.simplefilter("default", PatchmillWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: say(f"Warning: {message}")
        try:
            yield
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(130) from None
        except (PatchmillError, OSError, MemoryError) as error:
            if State.debug:
                raise
            say(f"Error: {str(error) or type(error).__name__}")
            raise typer.Exit(1) from None


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    """Show what patchmill logs, meanwhile."""
    logger, handler = logging.getLogger("patchmill"), _LineHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _LineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def say(line: str) -> None:
    """Write a line on standard error: above the progress bar, if one stands in for it."""
    sys.stderr.write(f"{line}\n")
