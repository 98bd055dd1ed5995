"""A peer in a process and an environment of its own, which does what it is told on its standard input.

``python -m peers.host NAME`` reads requests, a JSON object a line, and answers each with one: so that peers take turns.
"""

import importlib
import itertools
import json
import os
import sys
import time
from importlib import metadata
from typing import Any

import torch
from works import MASKED_PERCENTAGE, WORKS, Work

from peers.peer import Peer, Task

TOLERANCE = 0.1
"""Of the mean and the standard deviation of the patches of a batch, and of the percentage of masked pixels."""

IDLE_SECONDS = 0.5
"""After which workers have made what they make ahead, and leave the cores to the next peer."""


class Host:
    """A peer, and what it is doing.

    Parameters
    ----------
    name : str
        The module that the peer is in.
    """

    def __init__(self, name: str) -> None:
        module = importlib.import_module(f"peers.{name}")
        (self._peer_class,) = (value for value in vars(module).values() if _is_peer_of(value, module.__name__))
        self._task: Task | None = None
        self._peer: Peer | None = None

    def describe(self) -> dict[str, Any]:
        """Say what the peer is, and what it can do."""
        peer = self._peer_class
        packages = ("numpy", "torch", *peer.packages)
        n_cores = len(os.sched_getaffinity(0))
        return {
            "title": peer.__doc__.partition("\n")[0].rstrip("."),
            "setup": peer.setup,
            "versions": {package: metadata.version(package) for package in packages},
            "works": sorted(peer.works),
            "workers": [n for n in peer.workers if n <= n_cores],
        }

    def open(self, work: str, n_workers: int) -> dict[str, Any]:
        """Set the peer up for a work, and take and check its first batch."""
        if self._task is None or self._task.work.name != work:
            self._task = Task.of(WORKS[work])
        self._peer = self._peer_class(self._task, n_workers)
        _check(next(iter(self._peer.epoch())), self._task.work)
        time.sleep(IDLE_SECONDS)
        return {}

    def run(self, seconds: float) -> dict[str, Any]:
        """Take whole epochs for some time; return how many patches they had, and how long they took."""
        assert self._peer is not None
        if self._peer.n_ahead:
            list(itertools.islice(self._peer.epoch(), self._peer.n_ahead))
        n_patches, elapsed = 0, 0.0
        started = time.perf_counter()
        while elapsed < seconds:
            for batch in self._peer.epoch():
                n_patches += len(batch[0])
            elapsed = time.perf_counter() - started
        if self._peer.n_ahead:
            time.sleep(IDLE_SECONDS)
        return {"patches": n_patches, "seconds": elapsed}

    def close(self) -> dict[str, Any]:
        """Let go of the peer's workers."""
        if self._peer is not None:
            self._peer.close()
        self._peer = None
        return {}


def _is_peer_of(value: object, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Peer) and value.__module__ == module


def _check(batch: Any, work: Work) -> None:
    """Check that a batch is what the work asks for, as far as numbers tell."""
    n_tensors = 2 if work.masking or work.target else 1
    expected = [torch.float32] * n_tensors + [torch.uint8] * (work.masking is not None)
    got = [tensor.dtype for tensor in batch]
    _require(got == expected, f"tensors of {expected}", got)
    shape = (work.batch_size, *work.patch_shape)
    for tensor in batch:
        _require(tensor.shape == shape, f"the shape {shape}", tuple(tensor.shape))
    for patches in batch[:n_tensors]:
        mean, std = float(patches.mean()), float(patches.std())
        _require(max(abs(mean), abs(std - 1)) < TOLERANCE, "a mean of 0 and a standard deviation of 1", (mean, std))
    if work.masking:
        masked, original, mask = batch
        share = 100 * float(mask.double().mean())
        _require(abs(share - MASKED_PERCENTAGE) < TOLERANCE, f"{MASKED_PERCENTAGE} % in the mask", share)
        _require(torch.equal(masked[mask == 0], original[mask == 0]), "other pixels as they were", "changed ones")


def _require(is_so: bool, expected: str, got: object) -> None:  # noqa: FBT001
    if not is_so:
        msg = f"a batch: expected {expected}, got {got}"
        raise ValueError(msg)


def main() -> None:
    """Answer requests until there are no more."""
    # Libraries print: what they print goes to the standard error, and the answers to where only they go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    host = Host(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(host, request.pop("do"))(**request)
        except Exception as error:  # a peer that fails is reported, whatever it fails of
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
