"""Whatever is done to a loader, in any order, its batches and its state are those of a simple model of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from patchmill.dataset import InMemoryDataset, PatchLoader
from tests.dataset.milling import as_bytes, copied, data_config, noise
from tests.oracles.item import Masking

DATASET = InMemoryDataset(data_config("TYX", masking=Masking("uniform", 3, 5.0)), noise((2, 40, 50)))

KINDS: dict[str, dict[str, Any]] = {
    "ours": {"shuffle": True},
    "ours, in order": {"drop_last": True},
    "a list": {"sampler": [3, 1, 4, 1, 5, 9, 2]},
}


def loader(kind: str, num_threads: int = 1, prefetch: int = 1) -> PatchLoader:
    return PatchLoader(DATASET, 5, num_threads=num_threads, prefetch=prefetch, **KINDS[kind])


@cache
def batches_of(kind: str, epoch: int) -> list[tuple[bytes, ...]]:
    fresh = loader(kind)
    fresh.set_epoch(epoch)
    return copied(fresh)


@dataclass
class Iteration:
    """An iterator of a loader, and what it should yield."""

    batches: Any
    epoch: int
    n_done: int

    def take(self, expected: list[tuple[bytes, ...]]) -> tuple[int, int]:
        """Take a batch or see the end, and return the epoch and the batch at which a resumed loader would go on."""
        if self.n_done == len(expected):
            with pytest.raises(StopIteration):
                next(self.batches)
            return self.epoch + 1, 0
        assert as_bytes(next(self.batches)) == expected[self.n_done]
        self.n_done += 1
        return self.epoch, self.n_done


class LoaderMachine(RuleBasedStateMachine):
    """A loader with several iterations at once, and a model of it: where each stands, and where the next one begins."""

    iterations = Bundle("iterations")

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def create(self, kind: str) -> None:
        self.kind = kind
        self.loader = loader(kind)
        self.newest: Iteration | None = None
        self.place = (0, 0)
        """The epoch and the batch at which a resumed loader would go on."""
        self.next_place = (0, 0)

    @rule(target=iterations)
    def begin_an_iteration(self) -> Iteration:
        epoch, n_done = self.place = self.next_place
        self.next_place = (epoch + 1, 0)
        self.newest = Iteration(iter(self.loader), epoch, n_done)
        return self.newest

    @rule(iteration=iterations, n=st.integers(1, 4))
    def take_batches(self, iteration: Iteration, n: int) -> None:
        for _ in range(n):
            place = iteration.take(batches_of(self.kind, iteration.epoch))
            if iteration is self.newest:
                self.place = place

    @rule(iteration=consumes(iterations))
    def drop_an_iteration(self, iteration: Iteration) -> None:
        iteration.batches = None

    @rule(epoch=st.integers(0, 3))
    def set_the_epoch(self, epoch: int) -> None:
        self.loader.set_epoch(epoch)
        self.place = self.next_place = (epoch, 0)
        self.newest = None

    @rule(num_threads=st.integers(1, 3), prefetch=st.integers(1, 4))
    def resume_in_another_loader(self, num_threads: int, prefetch: int) -> None:
        state = self.loader.state_dict()
        self.loader = loader(self.kind, num_threads, prefetch)
        self.loader.load_state_dict(state)
        self.next_place = self.place
        self.newest = None

    @rule()
    def load_the_own_state(self) -> None:
        self.loader.load_state_dict(self.loader.state_dict())
        self.next_place = self.place
        self.newest = None


LoaderMachine.TestCase.settings = settings(stateful_step_count=25)
TestLoaderState = LoaderMachine.TestCase
