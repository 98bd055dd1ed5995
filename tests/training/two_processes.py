"""What two processes come to together: run by test_distributed.py in each of them, as torchrun would.

Prints one line of JSON: by scenario, what this process has to tell.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from patchmill import CAREamist
from patchmill.config import Configuration, create_care_configuration, create_n2v_configuration
from patchmill.errors import PatchmillError
from patchmill.samples import simulate_fluorescence
from patchmill.training import Trainer, TrainingReport
from patchmill.training.callbacks import Callback
from patchmill.training.distributed import connect
from patchmill.training.meter import Meter
from tests.training.conftest import ListData, n2v_batch

SAMPLE = simulate_fluorescence((48, 56), seed=4)


def configure(algorithm: str = "n2v", *, batch_size: int, **options: Any) -> Configuration:
    """Configure a network without batch norm, which would see other batches."""
    create = create_n2v_configuration if algorithm == "n2v" else create_care_configuration
    masking = {"masked_pixel_percentage": 2} if algorithm == "n2v" else {}
    seed = options.pop("seed", 5)
    config = create(
        experiment_name="test",
        data_type="array",
        axes="YX",
        patch_size=[16, 16],
        batch_size=batch_size,
        num_epochs=options.pop("num_epochs", 2),
        model_params={"depth": 1, "num_channels_init": 8, "use_batch_norm": False},
        optimizer="SGD",
        optimizer_params={"lr": 0.05},
        **masking,
        **options,
    )
    config.data_config.seed = seed
    return config


def train(config: Configuration, folder: Path, *callbacks: Callback, **options: Any) -> TrainingReport:
    """Train on a picture."""
    careamist = CAREamist(config, folder, callbacks, enable_progress_bar=False, device="cpu")
    if config.algorithm_config.algorithm == "care":
        options["train_target"] = SAMPLE.truth
    return careamist.train(train_source=SAMPLE.noisy, **options)


def losses(report: TrainingReport) -> list[list[float | None]]:
    return [[record.train_loss, record.val_loss] for record in report.history]


def uneven_batches(seed: int, sizes: list[int]) -> list[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    return [n2v_batch(generator, size) for size in sizes]


def uneven_data(config: Configuration, seed: int, sizes: list[int], val_sizes: list[int]) -> ListData:
    data = ListData(config.data_config.checked_copy(), uneven_batches(seed, sizes), uneven_batches(9 + seed, val_sizes))
    data.data_config.set_means_and_stds([0.1], [0.7])
    return data


UNEVEN = [([4, 3, 2], [3]), ([1, 3], [2, 5])]
"""The sizes of the batches for training and for validation, of each process."""


class Interrupt(Callback):
    """Sends this process a SIGINT after a step."""

    def __init__(self) -> None:
        self.n_steps = 0

    def on_step(self, meter: Meter) -> None:
        self.n_steps += 1
        if self.n_steps == 3:
            signal.raise_signal(signal.SIGINT)


def n2v(folder: Path) -> Any:
    return losses(train(configure(batch_size=2, num_steps=2), folder))


def care(folder: Path) -> Any:
    options = {"trainer_params": {"accumulate_grad_batches": 2}}
    return losses(train(configure("care", batch_size=1, num_steps=5, **options), folder))


def batch_norm(folder: Path) -> Any:
    config = configure(batch_size=2)
    config.algorithm_config.model.use_batch_norm = True
    return losses(train(config, folder))


def uneven(folder: Path) -> Any:
    rank = connect().rank
    config = configure(batch_size=2)
    trainer = Trainer(config, work_dir=folder, device="cpu", progress=False)
    return losses(trainer.fit(uneven_data(config, rank, *UNEVEN[rank])))


def interrupted(folder: Path) -> Any:
    """Break off in one process: both end after the same step, and go on together."""
    config = configure(batch_size=2, num_steps=2)
    was_broken_off = False
    try:
        train(config, folder, Interrupt())
    except KeyboardInterrupt:
        was_broken_off = True
    return was_broken_off, losses(train(config, folder, resume=True))


def seeds(folder: Path) -> Any:
    """Draw a seed in each process."""
    config = configure(batch_size=2, num_epochs=1, num_steps=1, seed=100 + connect().rank)
    careamist = CAREamist(config, folder, enable_progress_bar=False, device="cpu")
    careamist.train(train_source=SAMPLE.noisy)
    return careamist.config.data_config.seed


def refused(folder: Path) -> Any:
    """Give one process data that cannot be trained on."""
    config = configure(batch_size=2)
    image = SAMPLE.noisy if connect().is_first else SAMPLE.noisy[:8]
    try:
        CAREamist(config, folder, enable_progress_bar=False, device="cpu").train(train_source=image)
    except PatchmillError as error:
        return type(error).__name__
    return None


def other_data(folder: Path) -> Any:
    """Give each process other data."""
    config = configure(batch_size=2)
    image = SAMPLE.noisy if connect().is_first else SAMPLE.noisy + 1
    try:
        CAREamist(config, folder, enable_progress_bar=False, device="cpu").train(train_source=image)
    except PatchmillError as error:
        return type(error).__name__
    return None


def not_finite(folder: Path) -> Any:
    """Let the loss of one process be NaN."""
    config = configure(batch_size=2)
    data = uneven_data(config, 0, [2, 2], [2])
    if not connect().is_first:
        data.train[1] = (torch.full((2, 1, 16, 16), torch.nan), *data.train[1][1:])
    try:
        Trainer(config, work_dir=folder, device="cpu", progress=False).fit(data)
    except PatchmillError as error:
        return str(error)
    return None


class Deadly(list):  # type: ignore[type-arg]
    """Batches that end the process with the second one."""

    def __iter__(self) -> Any:
        yield self[0]
        os._exit(0)


def left_alone(folder: Path) -> Any:
    """Let the second process end without a word."""
    config = configure(batch_size=2)
    data = uneven_data(config, 0, [2, 2], [2])
    data.train = data.train if connect().is_first else Deadly(data.train)
    try:
        Trainer(config, work_dir=folder, device="cpu", progress=False).fit(data)
    except PatchmillError as error:
        return str(error)
    return None


SCENARIOS: list[Callable[[Path], Any]] = [
    n2v,
    care,
    batch_norm,
    uneven,
    interrupted,
    seeds,
    refused,
    other_data,
    not_finite,
]


def main() -> None:
    torch.set_num_threads(1)
    told = {run.__name__: run(Path(sys.argv[1], run.__name__)) for run in SCENARIOS}
    if not connect().is_first:
        print(json.dumps(told), flush=True)  # noqa: T201
    told["left_alone"] = left_alone(Path(sys.argv[1], "left_alone"))
    print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    # What a shell in the background has told the tests to ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
