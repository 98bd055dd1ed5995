"""The training loop."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import lr_scheduler

from patchmill.config import Configuration, DataConfig, unsupported_options
from patchmill.errors import ConfigError, ShapeError, TrainingError
from patchmill.models import create_model
from patchmill.training.callbacks import Callback, Callbacks, FitStart, ValidationPatches, create_callbacks
from patchmill.training.checkpoint import save_checkpoint
from patchmill.training.device import choose_device, memory_format
from patchmill.training.history import EpochRecord, LossesFile
from patchmill.training.losses import create_loss
from patchmill.training.meter import Batch, Meter
from patchmill.training.optimizers import create_lr_scheduler, create_optimizer
from patchmill.training.report import TrainingReport

__all__ = ["BatchLoader", "DataModule", "Trainer"]

logger = logging.getLogger("patchmill")

MAX_SHOWN = 4
"""How many patches of the validation callbacks get to see."""


class BatchLoader(Protocol):
    """Batches, over and over: each `iter` is a new epoch. A torch DataLoader is one, and so is a list."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


class DataModule(Protocol):
    """What is trained on, set up: `TrainDataModule`, or what looks like it."""

    @property
    def data_config(self) -> DataConfig:
        """The configuration of the data, with its statistics."""

    def train_dataloader(self) -> BatchLoader:
        """Give the training batches."""

    def val_dataloader(self) -> BatchLoader:
        """Give the validation batches; none at all means that training goes without."""


class Trainer:
    """Trains the network that a configuration describes.

    The same configuration and data give the same weights on a CPU, bit for bit, whatever has drawn from torch's
    generators before; and these are left as they were.

    Parameters
    ----------
    config : Configuration
        What is trained, on what, and for how long. It stays as it is.
    work_dir : path
        Folder for ``losses.csv``, ``checkpoints/best.safetensors`` and ``checkpoints/last.safetensors``, which are
        replaced if they are there.
    device : str, optional
        Name of the device; the best one there is if None.
    progress : bool, optional
        Whether a progress bar is drawn. If None: where standard output is a terminal. Without it, each epoch logs a
        line at INFO.
    callbacks : sequence of Callback, optional
        What else is told how the training goes.

    Attributes
    ----------
    config : Configuration
        The configuration.
    device : torch.device
        Where the model is.
    model : UNet
        The model, with random weights until `fit`, and with those of the last step after it, however it ended.
    best, last : Path
        The checkpoints.
    """

    def __init__(
        self,
        config: Configuration,
        *,
        work_dir: str | os.PathLike[str],
        device: str | None = None,
        progress: bool | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.config = config.checked_copy()
        self.device = choose_device(device)
        self._work_dir = Path(work_dir)
        self._losses = Path(work_dir, "losses.csv")
        self.best = Path(work_dir, "checkpoints", "best.safetensors")
        self.last = Path(work_dir, "checkpoints", "last.safetensors")
        self._progress = progress
        self._callbacks = tuple(callbacks)
        algorithm = self.config.algorithm_config
        self._loss = create_loss(algorithm)
        self._batch_names = ("masked", "original", "mask") if algorithm.algorithm == "n2v" else ("input", "target")
        self._memory_format = memory_format(self.device, algorithm.model.conv_dims)
        with _seeded(self.config.data_config.seed):
            # Drawn on the CPU, so that a seed gives the same weights on every device.
            model = create_model(algorithm.model)
        self.model = model.to(self.device).to(memory_format=self._memory_format)

    def fit(self, data_module: DataModule) -> TrainingReport:
        """Train the model, from the weights it has, with a new optimizer.

        Parameters
        ----------
        data_module : DataModule
            The data; `setup` has been called, so that its configuration holds the statistics.

        Returns
        -------
        TrainingReport
            Losses, speed and checkpoints.

        Raises
        ------
        ConfigError
            If the data does not fit the configuration, or that asks for what only Lightning's Trainer does.
        ShapeError
            If a batch does not fit the network.
        TrainingError
            If a loss or a weight is no longer finite; the checkpoints are those of the epochs before.
        OutputError
            If a file cannot be written.
        KeyboardInterrupt
            If it is interrupted: the weights are in `last` by then.
        """
        self._check_options()
        started = time.perf_counter()
        config = self._config_with(data_module.data_config)
        train, val = data_module.train_dataloader(), data_module.val_dataloader()
        num_epochs, n_steps = config.training_config.num_epochs, self._n_steps(train)
        optimizer = create_optimizer(config.algorithm_config.optimizer, self.model.parameters())
        scheduler = create_lr_scheduler(config.algorithm_config.lr_scheduler, optimizer)
        history: list[EpochRecord] = []
        with (
            _seeded(config.data_config.seed),
            LossesFile(self._losses) as losses,
            contextlib.closing(
                Callbacks([*create_callbacks(config, device=self.device, progress=self._progress), *self._callbacks])
            ) as callbacks,
        ):
            callbacks.on_start(FitStart(config, self._work_dir, num_epochs, n_steps))
            try:
                for epoch in range(1, num_epochs + 1):
                    meter = Meter(self.device)
                    train_loss = self._train(meter, meter.batches(train, n_steps), optimizer, callbacks)
                    val_loss, patches = self._validate(val)
                    record = EpochRecord(
                        epoch=epoch,
                        train_loss=train_loss,
                        val_loss=val_loss,
                        learning_rate=optimizer.param_groups[0]["lr"],
                        seconds=meter.seconds,
                        patches_per_s=meter.patches_per_s,
                        waiting_share=meter.waiting_share,
                    )
                    self._check_finite(record)
                    self._save(self.last, config, record)
                    if record.watched_loss < min((past.watched_loss for past in history), default=math.inf):
                        self._save(self.best, config, record)
                    history.append(record)
                    losses.append(record)
                    callbacks.on_epoch(record, patches)
                    if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                        scheduler.step(record.watched_loss)
                    else:
                        scheduler.step()
            except KeyboardInterrupt:
                self._save_interrupted(config, history)
                raise
            finally:
                self.model.eval()
            seconds = time.perf_counter() - started
            report = TrainingReport.from_history(history, seconds=seconds, best=self.best, last=self.last)
            callbacks.on_end(report)
        return report

    def _train(
        self, meter: Meter, batches: Iterator[Batch], optimizer: torch.optim.Optimizer, callbacks: Callback
    ) -> float:
        self.model.train()
        for batch in batches:
            loss = self._batch_loss(batch)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            meter.add(loss, len(batch[0]))
            callbacks.on_step(meter)
        return meter.stop()

    @torch.inference_mode()
    def _validate(self, loader: BatchLoader) -> tuple[float | None, ValidationPatches | None]:
        """Return the loss of the validation, and some of its patches for those who look on."""
        if len(loader) == 0:
            return None, None
        self.model.eval()
        meter, patches = Meter(self.device), None
        for batch in meter.batches(loader):
            inputs, *others = self._on_device(batch)
            prediction = self.model(inputs)
            meter.add(self._loss(prediction, *others), len(inputs))
            if patches is None:
                patches = ValidationPatches(*(_as_array(part) for part in (inputs, prediction, others[0])))
        return meter.stop(), patches

    def _batch_loss(self, batch: Batch) -> torch.Tensor:
        inputs, *others = self._on_device(batch)
        return self._loss(self.model(inputs), *others)

    def _on_device(self, batch: Batch) -> list[torch.Tensor]:
        if len(batch) != len(self._batch_names):
            msg = (
                f"Batch: expected {len(self._batch_names)} tensors ({', '.join(self._batch_names)}) for "
                f"{self.config.algorithm_config.algorithm!r}, got {len(batch)}. Check the transforms and the targets."
            )
            raise ShapeError(msg)
        inputs, *others = (tensor.to(self.device, non_blocking=True) for tensor in batch)
        return [inputs.contiguous(memory_format=self._memory_format), *others]

    def _config_with(self, data_config: DataConfig) -> Configuration:
        """Copy the configuration, with that of the data in its place, and check that they fit."""
        if data_config.image_means is None:
            msg = "data_config.image_means: expected the means of the channels, got None. Call setup() before training."
            raise ConfigError(msg)
        return self.config.model_copy(update={"data_config": data_config}).checked_copy()

    def _check_options(self) -> None:
        """Refuse what would be ignored."""
        unsupported = unsupported_options(self.config.training_config)
        if unsupported:
            msg = (
                f"training_config: expected options of patchmill's own training, got {', '.join(unsupported)}. Leave "
                "them out, or train with Lightning's Trainer and the data modules of patchmill.lightning."
            )
            raise ConfigError(msg)

    def _n_steps(self, loader: BatchLoader) -> int:
        if len(loader) == 0:
            msg = "Training data: expected at least one batch, got none. Use a smaller batch_size or more images."
            raise TrainingError(msg)
        return min(len(loader), self.config.training_config.num_steps or len(loader))

    def _check_finite(self, record: EpochRecord) -> None:
        if not math.isfinite(record.train_loss):
            problem = f"training loss, got {record.train_loss}"
        elif not math.isfinite(record.watched_loss):
            problem = f"validation loss, got {record.watched_loss}"
        elif not self._has_finite_weights():
            problem = "model, got weights that are not"
        else:
            return
        kept = (
            f"The weights of epoch {record.epoch - 1} are in {self.last}" if record.epoch > 1 else "Nothing was saved"
        )
        msg = (
            f"Epoch {record.epoch}: expected a finite {problem}. {kept}. Lower the learning rate, now "
            f"{record.learning_rate:g}, or look for outliers in the data."
        )
        raise TrainingError(msg)

    def _has_finite_weights(self) -> bool:
        return all(bool(value.isfinite().all()) for value in self.model.state_dict().values())

    def _save(self, path: Path, config: Configuration, record: EpochRecord | None) -> None:
        """Save the weights; `record` is of the last epoch that ended, if any."""
        save_checkpoint(
            path,
            configuration=config,
            model=self.model,
            epoch=record.epoch if record else 0,
            train_loss=record.train_loss if record else None,
            val_loss=record.val_loss if record else None,
        )

    def _save_interrupted(self, config: Configuration, history: list[EpochRecord]) -> None:
        if not self._has_finite_weights():
            logger.warning("Interrupted in epoch %d; its weights are not finite and not saved.", len(history) + 1)
            return
        self._save(self.last, config, history[-1] if history else None)
        logger.warning("Interrupted in epoch %d; its weights are in %s.", len(history) + 1, self.last)


def _as_array(batch: torch.Tensor) -> NDArray[np.float32]:
    """Copy the first patches of a batch, which memory may be used again for."""
    array: NDArray[np.float32] = batch[:MAX_SHOWN].float().cpu().contiguous().clone().numpy()
    return array


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator on the CPU, and put it back as it was. Nothing draws on other devices."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
