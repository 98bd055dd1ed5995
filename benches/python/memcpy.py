"""The bound that no loader passes: what it takes to write the bytes of the batches, whatever is in them.

As many bytes as a batch holds are copied, batch after batch, from a source that stays in the cache into a ring of as
many whole batches as the loader has. The threads share every batch evenly, so that the ring is of one size for any
number of them, and never wait for each other.
"""

import itertools
import threading
import time

import numpy as np

__all__ = ["measure_memcpy"]

SOURCE_BYTES = 1 << 18
"""A quarter of a MiB: in the cache of a core, and long enough for memcpy to be at its best."""


def measure_memcpy(n_batches: int, batch_bytes: int, *, ring: int, num_threads: int) -> float:
    """Measure the seconds that it takes to write batches.

    Parameters
    ----------
    n_batches : int
        How many batches are written.
    batch_bytes : int
        The bytes of one of them.
    ring : int
        How many whole batches there are room for.
    num_threads : int
        The number of threads.

    Returns
    -------
    float
        Seconds.
    """
    # Ones: memory that has been written to exists, zeros may not yet.
    target = np.ones((ring, batch_bytes), np.uint8)
    edges = np.linspace(0, batch_bytes, num_threads + 1).astype(int)
    start = threading.Barrier(num_threads + 1)

    def write(begin: int, end: int) -> None:
        source = np.ones(SOURCE_BYTES, np.uint8)
        whole = begin + (end - begin) // SOURCE_BYTES * SOURCE_BYTES
        shares = [(batch[begin:whole].reshape(-1, SOURCE_BYTES), batch[whole:end]) for batch in target]
        start.wait()
        for batch in range(n_batches):
            rows, rest = shares[batch % ring]
            # A call per batch and thread, without the GIL: the source is copied to every row.
            np.copyto(rows, source)
            np.copyto(rest, source[: len(rest)])

    threads = [threading.Thread(target=write, args=pair) for pair in itertools.pairwise(edges.tolist())]
    for thread in threads:
        thread.start()
    start.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started
