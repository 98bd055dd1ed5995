"""The meter counts patches, weighs losses by them, and tells waiting from work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from patchmill.training import meter as meter_module
from patchmill.training.distributed import ALONE
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


def test_a_pass_that_was_broken_off_goes_on_with_what_it_came_to(clock: Clock) -> None:
    whole, first, second = (Meter(torch.device("cpu")) for _ in range(3))
    losses = torch.rand(600)
    for meter, part in ((whole, losses), (first, losses[:301])):
        for loss in part:
            meter.add(loss, 3)
    clock.now += 5.0
    second.load_state_dict(first.state_dict(ALONE))
    clock.now += 2.0
    for loss in losses[301:]:
        second.add(loss, 3)
    assert second.stop(ALONE) == whole.stop()
    assert (second.n_patches, second.seconds) == (1800, 7.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_loss_that_is_not_finite_is_found(value: float) -> None:
    meter = Meter(torch.device("cpu"))
    for loss in (1.0, 2.0):
        meter.add(torch.tensor(loss), 1)
    assert meter.first_not_finite() is None
    for loss in (value, 3.0, float("nan")):
        meter.add(torch.tensor(loss), 1)
    step, loss = meter.first_not_finite()
    assert (step, repr(loss)) == (3, repr(value))
