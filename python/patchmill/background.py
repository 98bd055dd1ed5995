"""Work on threads that nobody has to wait for.

The threads are daemons, unlike those of `concurrent.futures`: a disk that does not answer keeps no program from ending,
and whoever waits for a result can be interrupted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["NUM_THREADS", "begin", "map_in_background"]

NUM_THREADS = 8
"""To open a file is to wait for a disk or a server as much as it is work."""

T = TypeVar("T")
U = TypeVar("U")


def begin(function: Callable[..., U], *args: Any, name: str) -> Future[U]:
    """Call a function on a thread of its own.

    Parameters
    ----------
    function : callable
        What is called.
    *args
        What with.
    name : str
        What the thread is called.

    Returns
    -------
    concurrent.futures.Future
        What it returns, or raises.
    """
    future: Future[U] = Future()
    _start(lambda: _settle(future, function, *args), name)
    return future


def map_in_background(function: Callable[[T], U], items: Sequence[T], *, num_threads: int = NUM_THREADS) -> Iterator[U]:
    """Call a function with each of some items, on several threads.

    Parameters
    ----------
    function : callable
        What is called.
    items : sequence
        What with. Those that come first are begun first.
    num_threads : int, default=8
        How many threads there are at most.

    Yields
    ------
    object
        What it returns, in the order of the items. What it raises is raised here, in its turn. Whoever stops before the
        end leaves calls behind that have begun, and no others.
    """
    futures: deque[Future[U]] = deque(Future() for _ in items)
    waiting = deque(zip(items, futures, strict=True))

    def work() -> None:
        while True:
            try:
                item, future = waiting.popleft()
            except IndexError:
                return
            _settle(future, function, item)

    for _ in range(min(num_threads, len(items))):
        _start(work, "patchmill-map")
    try:
        while futures:
            yield futures.popleft().result()
    finally:
        waiting.clear()


def _start(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def _settle(future: Future[U], function: Callable[..., U], *args: Any) -> None:
    try:
        future.set_result(function(*args))
    except BaseException as error:
        future.set_exception(error)
