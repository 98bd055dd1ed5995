"""The meter counts patches, weighs losses by them, and tells waiting from work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from patchmill.training import meter as meter_module
from patchmill.training.meter import Meter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meter_module, "time", clock)
    return clock


def test_losses_are_weighted_by_their_patches() -> None:
    meter = Meter(torch.device("cpu"))
    meter.add(torch.tensor(1.0), 3)
    meter.add(torch.tensor(5.0, requires_grad=True), 1)
    assert meter.n_patches == 4
    assert meter.mean_loss() == 2.0


def test_waiting_is_told_from_work(clock: Clock) -> None:
    def loader() -> Iterator[list[torch.Tensor]]:
        for _ in range(4):
            clock.now += 1.0
            yield [torch.zeros(2)]

    meter = Meter(torch.device("cpu"))
    clock.now += 50.0
    for batch in meter.batches(loader()):
        clock.now += 3.0
        meter.add(torch.tensor(0.5), len(batch[0]))
    assert meter.stop() == 0.5
    clock.now += 50.0
    assert (meter.seconds, meter.waiting_s, meter.waiting_share, meter.patches_per_s) == (16.0, 4.0, 0.25, 0.5)


def test_no_batch_beyond_the_limit_is_asked_for() -> None:
    asked = []

    def loader() -> Iterator[list[torch.Tensor]]:
        for index in range(9):
            asked.append(index)
            yield []

    assert len(list(Meter(torch.device("cpu")).batches(loader(), 3))) == 3
    assert asked == [0, 1, 2]
