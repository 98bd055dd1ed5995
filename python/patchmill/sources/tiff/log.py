"""What tifffile logs while patchmill reads: kept from the screen, because what matters of it becomes one error."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["kept_log"]

_logger = logging.getLogger(__name__)


class _Keep(logging.Filter):
    """Take what is logged into lists instead: one per thread that reads, and the last of them for any other thread."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.kept: dict[int, list[list[str]]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        with self.lock:
            # Threads of tifffile decode for one of the threads that read.
            lists = self.kept.get(record.thread or 0) or next(reversed(self.kept.values()), None)
            if lists:
                lists[-1].append(record.getMessage())
            return not lists

    def begin(self, messages: list[str]) -> None:
        with self.lock:
            if not self.kept:
                logging.getLogger("tifffile").addFilter(self)
            self.kept.setdefault(threading.get_ident(), []).append(messages)

    def end(self) -> None:
        with self.lock:
            lists = self.kept[threading.get_ident()]
            lists.pop()
            if not lists:
                del self.kept[threading.get_ident()]
            if not self.kept:
                logging.getLogger("tifffile").removeFilter(self)


_keep = _Keep()


@contextlib.contextmanager
def kept_log(path: Path) -> Iterator[None]:
    """Keep what tifffile logs from the screen, and log it at the level DEBUG in the end.

    Parameters
    ----------
    path : pathlib.Path
        The file that is read, for the log. Any number of threads may read at once.
    """
    messages: list[str] = []
    _keep.begin(messages)
    try:
        yield
    finally:
        _keep.end()
        for message in messages:
            _logger.debug("%s: tifffile: %s", path, message)
