"""Whether a training will wait for its data: how fast this machine makes patches, and how fast it trains on them."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill import __version__
from patchmill._core import default_num_threads
from patchmill.config import Configuration, DataConfig
from patchmill.dataset import InMemoryDataset, PatchLoader, TrainDataModule
from patchmill.samples import simulate_fluorescence
from patchmill.sources.files import PathLike
from patchmill.suggestion import suggest_configuration
from patchmill.training import Trainer
from patchmill.training.callbacks.stopwatch import Enough, Stopwatch

__all__ = ["BenchReport", "LoaderSpeed", "run_bench"]

SIDE = 1024
"""The side, in pixels, of the image that stands in for data."""

N_RUNS = 5
"""How many runs a median is taken of."""


@dataclass(frozen=True)
class LoaderSpeed:
    """How fast a loader is with a number of threads.

    Parameters
    ----------
    num_threads : int
        The number of threads.
    patches_per_s : float
        Patches per second, the median of the runs.
    bytes_per_s : float
        Bytes of the batches per second.
    """

    num_threads: int
    patches_per_s: float
    bytes_per_s: float


@dataclass(frozen=True)
class BenchReport:
    """What was measured.

    Parameters
    ----------
    configuration : Configuration
        What was trained.
    data : str
        What on.
    machine, versions : str
        Where, and with what.
    loader : tuple of LoaderSpeed
        The loader, by the number of threads, the least first. Its batches are dropped unread.
    memcpy_bytes_per_s : float
        Bytes per second that one thread copies, from one batch to another.
    device : str
        Where the network was trained.
    training_patches_per_s : float
        Patches per second of the training, the median of the runs.
    waiting_share : float
        Share of the training's time that it waited for data, 0 to 1, the median of the runs.
    n_runs : int
        How many runs of the training there were.
    """

    configuration: Configuration
    data: str
    machine: str
    versions: str
    loader: tuple[LoaderSpeed, ...]
    memcpy_bytes_per_s: float
    device: str
    training_patches_per_s: float
    waiting_share: float
    n_runs: int


def run_bench(
    data: PathLike | Sequence[PathLike] | None = None,
    target: PathLike | Sequence[PathLike] | None = None,
    *,
    configuration: Configuration | None = None,
    axes: str | None = None,
    device: str | None = None,
    seconds: float = 12,
) -> BenchReport:
    """Measure how fast patches are made and trained on.

    Parameters
    ----------
    data : path or sequence of paths, optional
        TIFF files. Without them, an image is simulated.
    target : path or sequence of paths, optional
        Their targets, for CARE and Noise2Noise.
    configuration : Configuration, optional
        What is trained; by default what `suggest_configuration` makes of the data for Noise2Void.
    axes : str, optional
        The axes of the data, if it does not say them and there is no configuration.
    device : str, optional
        Name of the device; the best one there is if None.
    seconds : float, default=12
        About how long is measured, half of it each: opening the data and the first steps come on top.

    Returns
    -------
    BenchReport
        The speeds.

    Raises
    ------
    PatchmillError
        If the data cannot be trained on.
    """
    if configuration is None:
        configuration = suggest_configuration("n2v", data, axes=axes)
    data_module = _data_module(configuration, data, target)
    data_module.prepare_data()
    data_module.setup()

    counts = _thread_counts()
    share = seconds / 2 / (len(counts) + 1)
    loader = tuple(_measure_loader(data_module, num_threads, share) for num_threads in counts)
    memcpy = _measure_memcpy(next(iter(_loader(data_module, 1))), share)
    stopwatch = Stopwatch(seconds / 2, n_runs=N_RUNS)
    with tempfile.TemporaryDirectory(prefix="patchmill-bench-") as folder:
        trainer = Trainer(
            _endless(configuration, data_module.data_config), work_dir=folder, device=device, callbacks=[stopwatch]
        )
        with contextlib.suppress(Enough):
            trainer.fit(data_module)
    return BenchReport(
        configuration=configuration,
        data="a simulated image" if data is None else f"{len(data_module.train_files)} file(s)",
        machine=f"{platform.system()} {platform.machine()}, {default_num_threads()} of {os.cpu_count()} cores",
        versions=f"patchmill {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        loader=loader,
        memcpy_bytes_per_s=memcpy,
        device=_name(trainer.device),
        training_patches_per_s=statistics.median(speed for speed, _ in stopwatch.runs),
        waiting_share=statistics.median(waiting for _, waiting in stopwatch.runs),
        n_runs=len(stopwatch.runs),
    )


def _endless(configuration: Configuration, data_config: DataConfig) -> Configuration:
    """Copy a configuration so that training goes on until it is ended from outside."""
    endless = configuration.model_copy(update={"data_config": data_config}).checked_copy()
    endless.training_config.num_epochs = 1_000_000
    endless.training_config.early_stopping_callback = None
    endless.training_config.logger = None
    endless.training_config.max_steps = None
    return endless


def _data_module(
    configuration: Configuration,
    data: PathLike | Sequence[PathLike] | None,
    target: PathLike | Sequence[PathLike] | None,
) -> TrainDataModule:
    config, model = configuration.data_config, configuration.algorithm_config.model
    images: Any = data
    targets: Any = target
    if data is None:
        n_channels = model.in_channels if config.channels is None else max(config.channels) + 1
        images = _simulate(config, n_channels)
        targets = None if config.masks_pixels else _simulate(config, model.num_classes)
    config = config.model_copy(update={"data_type": "array" if data is None else "tiff"})
    return TrainDataModule(config, images, train_data_target=targets, val_minimum_split=1)


def _simulate(config: DataConfig, n_channels: int) -> NDArray[np.uint16]:
    """Simulate an image of the axes that a configuration names; all of its planes are the same."""
    *depth, height, width = config.patch_size
    side = max(SIDE // 4 if depth else SIDE, 2 * height, 2 * width)
    sizes = {"C": n_channels, "Z": 2 * depth[0] if depth else 1}
    others = [letter for letter in config.axes if letter not in "YX"]
    plane = simulate_fluorescence((side, side), seed=0).noisy
    image = np.broadcast_to(plane, [*(sizes.get(letter, 1) for letter in others), side, side])
    order = [*others, "Y", "X"]
    return np.ascontiguousarray(image.transpose([order.index(letter) for letter in config.axes]))


def _thread_counts() -> list[int]:
    """List 1, 2, 4, ... threads, up to as many as patchmill takes by itself."""
    most = default_num_threads()
    return sorted({*itertools.takewhile(lambda n: n < most, (2**k for k in range(16))), most})


def _loader(data_module: TrainDataModule, num_threads: int) -> PatchLoader:
    # What is read in turn has an order of its own.
    is_shuffled = isinstance(data_module.train_dataset, InMemoryDataset)
    return PatchLoader(data_module.train_dataset, data_module.batch_size, shuffle=is_shuffled, num_threads=num_threads)


def _measure_loader(data_module: TrainDataModule, num_threads: int, seconds: float) -> LoaderSpeed:
    """Measure epoch after epoch, several times; the first one is not counted."""
    loader = _loader(data_module, num_threads)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    speeds = []
    for _ in range(N_RUNS + 1):
        n_patches = n_bytes = 0
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds / (N_RUNS + 1):
            batch = next(batches)
            n_patches += len(batch[0])
            n_bytes += sum(part.nbytes for part in batch)
        speeds.append((n_patches / elapsed, n_bytes / elapsed))
    patches_per_s, bytes_per_s = (statistics.median(values) for values in zip(*speeds[1:], strict=True))
    return LoaderSpeed(num_threads, patches_per_s, bytes_per_s)


def _measure_memcpy(batch: Sequence[torch.Tensor], seconds: float) -> float:
    """Measure how many bytes per second one thread copies, from a batch into one of a few others."""
    source = np.ones(sum(part.nbytes for part in batch), np.uint8)
    ring = itertools.cycle([np.zeros_like(source) for _ in range(4)])
    speeds = []
    for _ in range(N_RUNS + 1):
        n_bytes = 0
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds / (N_RUNS + 1):
            np.copyto(next(ring), source)
            n_bytes += source.nbytes
        speeds.append(n_bytes / elapsed)
    return statistics.median(speeds[1:])


def _name(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
