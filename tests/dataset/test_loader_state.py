"""Whatever is done to a loader, in any order, its batches and its state are those of a simple model of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

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


class LoaderMachine(RuleBasedStateMachine):
    """A loader, and a model of it: where the newest iteration stands, and where the next one begins."""

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def create(self, kind: str) -> None:
        self.kind = kind
        self.loader = loader(kind)
        self.iterator: Any = None
        self.place = (0, 0)
        """The epoch and the batch at which a resumed loader would go on."""
        self.next_place = (0, 0)

    @rule()
    def begin_an_iteration(self) -> None:
        self.iterator = iter(self.loader)
        self.epoch, self.n_done = self.place = self.next_place
        self.next_place = (self.epoch + 1, 0)
        self.is_newest = True

    @precondition(lambda self: self.iterator is not None)
    @rule(n=st.integers(1, 4))
    def take_batches(self, n: int) -> None:
        expected = batches_of(self.kind, self.epoch)
        for _ in range(n):
            if self.n_done == len(expected):
                with pytest.raises(StopIteration):
                    next(self.iterator)
                place = (self.epoch + 1, 0)
            else:
                assert as_bytes(next(self.iterator)) == expected[self.n_done]
                self.n_done += 1
                place = (self.epoch, self.n_done)
            if self.is_newest:
                self.place = place

    @rule(epoch=st.integers(0, 3))
    def set_the_epoch(self, epoch: int) -> None:
        self.loader.set_epoch(epoch)
        self.place = self.next_place = (epoch, 0)
        self.is_newest = False

    @rule(num_threads=st.integers(1, 3), prefetch=st.integers(1, 4))
    def resume_in_another_loader(self, num_threads: int, prefetch: int) -> None:
        state = self.loader.state_dict()
        self.loader = loader(self.kind, num_threads, prefetch)
        self.loader.load_state_dict(state)
        self.iterator = None
        self.next_place = self.place

    @rule()
    def load_the_own_state(self) -> None:
        self.loader.load_state_dict(self.loader.state_dict())
        self.next_place = self.place
        self.is_newest = False


LoaderMachine.TestCase.settings = settings(stateful_step_count=25)
TestLoaderState = LoaderMachine.TestCase
