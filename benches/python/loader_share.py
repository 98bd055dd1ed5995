"""How much of the processor's time a training leaves to its loader, where both share the cores."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from datasets import create_dataset
from figures import Row, Section
from loader import PREFETCH
from works import WORKS

from patchmill import PatchLoader
from patchmill.models import UNet
from patchmill.training.losses import n2v_loss

__all__ = ["measure_loader_share"]

WORK, N_STEPS = WORKS["W3"], 20
THREADS = Path("/proc/self/task")

TEXT = f"""\
{N_STEPS} steps of Noise2Void on the processor, of batches of W3, by UNets of depth 2. The loader's time is that of
patchmill's own threads, and what the training's thread needs to take the batches; the whole is the time of all threads.
The larger the network, the smaller the share: the default has 32 channels in its first level."""


def measure_loader_share(*, n_rounds: int) -> Section:
    """Measure the loader's share of the CPU time of a training, with networks of two sizes."""
    loader = PatchLoader(create_dataset(WORK), WORK.batch_size, shuffle=True, prefetch=PREFETCH)
    rows = []
    for n_channels in (8, 32):
        _train(loader, n_channels, n_steps=2)
        shares = [100 * _train(loader, n_channels, N_STEPS) for _ in range(n_rounds)]
        rows.append(Row("the loader's share", "% of the CPU time", {"channels of the first level": n_channels}, shares))
    return Section("loader_share", "Training on the same cores", TEXT, rows)


def _train(loader: PatchLoader, n_channels: int, n_steps: int) -> float:
    """Train for some steps. The share of the CPU time that the loader needs."""
    network = UNet(2, num_channels_init=n_channels).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters())
    batches = iter(loader)
    of_loader, of_all = _seconds_of_threads(), time.process_time()
    to_take = 0.0
    for _ in range(n_steps):
        started = time.thread_time()
        masked, original, mask = next(batches)
        to_take += time.thread_time() - started
        loss = n2v_loss(network(masked), original, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (_seconds_of_threads() - of_loader + to_take) / (time.process_time() - of_all)


def _seconds_of_threads() -> float:
    """Return the seconds that patchmill's threads have run, by the scheduler's count, which is in nanoseconds."""
    ours = [thread for thread in THREADS.iterdir() if (thread / "comm").read_text().startswith("patchmill")]
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in ours) * 1e-9
