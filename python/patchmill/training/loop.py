"""The trainer: from a configuration and data to trained weights."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch

from patchmill.config import Configuration, DataConfig, save_configuration, unsupported_options
from patchmill.errors import CheckpointError, ConfigError
from patchmill.files import reserved
from patchmill.models import create_model
from patchmill.sources import has_statistics
from patchmill.training.callbacks import Callback, Callbacks, FitStart, create_callbacks
from patchmill.training.checkpoint import load_checkpoint, plain_copy, storable
from patchmill.training.device import choose_device, memory_format
from patchmill.training.distributed import connect
from patchmill.training.fit import Fit
from patchmill.training.history import EpochRecord, LossesFile
from patchmill.training.keeper import Keeper
from patchmill.training.report import TrainingReport
from patchmill.training.run import BatchLoader, Run
from patchmill.training.state import differences, load_state, readable
from patchmill.training.stopping import Signals

__all__ = ["BatchLoader", "DataModule", "Trainer"]

logger = logging.getLogger("patchmill")


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
    generators before, and however often training was broken off and resumed; and the generators are left as they were.

    In processes that ``torchrun`` started, the trainers train one network together: each takes its share of every
    epoch, and the first one writes the files and has the callbacks. Batch normalisation goes by the batches of all of
    them on CUDA devices, and by each process's own on the CPU.

    Parameters
    ----------
    config : Configuration
        What is trained, on what, and for how long. It stays as it is.
    work_dir : path
        Folder for ``losses.csv``, ``config.yml`` and ``checkpoints``, which are replaced if they are there.
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
        The configuration; with the first process's seed.
    device : torch.device
        Where the model is.
    model : UNet
        The model, with random weights until `fit`, and with those of the last step after it, however it ended.
    best, last : Path
        The checkpoints.
    history : tuple of EpochRecord
        The epochs of the last training.
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
        self.world = connect()
        self.config = config.checked_copy()
        if self.world.size > 1:
            self.config.data_config.seed = self.world.share(self.config.data_config.seed)
        self.device = choose_device(device)
        if self.world.size > 1 and self.device.type == "cuda":
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.history: tuple[EpochRecord, ...] = ()
        self._work_dir = Path(work_dir)
        self._checkpoints = self._work_dir / "checkpoints"
        self.best, self.last = (self._checkpoints / f"{name}.safetensors" for name in ("best", "last"))
        self._progress = progress
        self._callbacks = tuple(callbacks)
        algorithm = self.config.algorithm_config
        self._memory_format = memory_format(self.device, algorithm.model.conv_dims)
        with _seeded(self.config.data_config.seed):
            # Drawn on the CPU, so that a seed gives the same weights on every device.
            model = create_model(algorithm.model)
        self.model = model.to(self.device).to(memory_format=self._memory_format)
        if self.world.size > 1 and self.device.type == "cuda":
            torch.nn.SyncBatchNorm.convert_sync_batchnorm(self.model)  # type: ignore[no-untyped-call]
        self._must_stop = threading.Event()

    def stop(self) -> None:
        """End the training after its running step, as if that were the last one; from any thread.

        One that has not begun ends after its first step.
        """
        self._must_stop.set()

    def fit(self, data_module: DataModule, *, resume: bool = False) -> TrainingReport:
        """Train the model, from the weights it has, with a new optimizer; or go on with a training that was broken off.

        SIGINT and SIGTERM end the training after its running step, with everything saved that it needs to be resumed.

        Parameters
        ----------
        data_module : DataModule
            The data; `setup` has been called, so that its configuration holds the statistics.
        resume : bool, default=False
            Whether to go on with the training that the folder holds, in the middle of an epoch if need be. Without one,
            training starts anew.

        Returns
        -------
        TrainingReport
            Losses, speed, and where the checkpoints are.

        Raises
        ------
        CheckpointError
            If the training to be resumed was of another configuration or of other data, or its state is damaged.
        ConfigError
            If the data was not set up, does not fit the model, or if the configuration asks for what only Lightning can
            do.
        OutOfMemoryError
            If the device has too little memory. The message proposes a batch and patches that fit.
        ShapeError
            If a batch is not what the algorithm needs.
        TrainingError
            If there are no training batches, or if the loss or a weight is not finite after an epoch. The checkpoints
            of earlier epochs stay.
        OutputError
            If a file cannot be written.
        """
        started = time.perf_counter()
        self._check_options()
        config = self._config_with(data_module.data_config)
        loaders = data_module.train_dataloader(), data_module.val_dataloader()
        with _seeded(config.data_config.seed), contextlib.ExitStack() as stack:
            if self.world.is_first:
                self.world.together(lambda: stack.enter_context(reserved(self._work_dir)))
            else:
                self.world.together(lambda: None)
            run = Run(config, self.model, self.device, loaders, self._checkpoints, self.world)
            if resume:
                self._resume(run)
            signals = stack.enter_context(Signals())
            stack.callback(self.model.eval)
            losses, callbacks = None, Callback()
            if self.world.is_first:
                usual = create_callbacks(config, device=self.device, progress=self._progress)
                losses = stack.enter_context(LossesFile(self._work_dir / "losses.csv", run.history))
                save_configuration(plain_copy(config), self._work_dir / "config.yml")
                callbacks = stack.enter_context(contextlib.closing(Callbacks([*usual, *self._callbacks])))
            start = (run.num_epochs, run.steps_per_epoch, tuple(run.history), run.n_batches)
            callbacks.on_start(FitStart(config, self._work_dir, *start))
            self.history = ()
            fit = Fit(run, self.device, self._memory_format, self._must_stop, signals, callbacks, losses)
            try:
                fit.train()
            finally:
                self.history = tuple(run.history)
                self._must_stop.clear()
            best = self.best if self.best.exists() else self.last
            seconds = time.perf_counter() - started
            report = TrainingReport.from_history(run.history, seconds=seconds, best=best, last=self.last)
            callbacks.on_end(report)
        return report

    def seed_to_resume(self) -> int | None:
        """Return the seed of the training that the folder holds, or None if there is none to go on with.

        Raises
        ------
        CheckpointError
            If its state is damaged.
        """
        path = self._checkpoints / "training_state.safetensors"
        seed = None
        if self.world.is_first and path.exists():
            state = load_state(path)
            with readable(path):
                seed = int(state["configuration"]["data_config"]["seed"])
        shared: int | None = self.world.share(seed)
        return shared

    def _resume(self, run: Run) -> None:
        """Go on where the training in the folder was broken off, if there is one."""
        path = run.keeper.state
        if not self.world.share(path.exists()):
            self.world.together(lambda: _check_nothing_is_lost(run.keeper))
            logger.info("%s is not there: training starts anew.", path)
            return
        run.load_state_dict(load_state(path), path)
        logger.info("Training goes on in epoch %d after %d batches.", run.epoch, run.n_batches)

    def _config_with(self, data_config: DataConfig) -> Configuration:
        """Copy the configuration, with that of the data in its place, and check that they fit."""
        if not has_statistics(data_config):
            msg = "data_config.image_means: expected the means of the channels, got None. Call setup() before training."
            raise ConfigError(msg)
        config = self.config.model_copy(update={"data_config": data_config}).checked_copy()
        self.world.together(lambda: self._check_is_that_of_all(config))
        return config

    def _check_is_that_of_all(self, config: Configuration) -> None:
        """Check that the processes that train together have the same configuration, seed and statistics among it."""
        own = storable(config)
        found = list(differences(self.world.share(own), own))
        if found:
            listed = "\n  ".join(found)
            msg = (
                "Configuration: expected that of the first process in every process, got others. Give all of them the "
                f"same data, and a seed if they are not made by CAREamist. What differs:\n  {listed}"
            )
            raise ConfigError(msg)

    def _check_options(self) -> None:
        """Refuse what would be ignored."""
        unsupported = unsupported_options(self.config.training_config)
        if unsupported:
            msg = (
                f"training_config: expected options of patchmill's own training, got {', '.join(unsupported)}. Leave "
                "them out, or train with Lightning's Trainer and the data modules of patchmill.lightning."
            )
            raise ConfigError(msg)


def _check_nothing_is_lost(keeper: Keeper) -> None:
    """Refuse to begin where a training went on without a state that another one could go on from.

    One that was killed in its first epoch may have left checkpoints and no state: it begins again.
    """
    for path in (keeper.last, keeper.best):
        if path.exists() and (checkpoint := load_checkpoint(path)):
            weights_only = checkpoint.configuration.training_config.checkpoint_callback.save_weights_only
            if weights_only or checkpoint.epoch > 1:
                why = ", saved with save_weights_only=True" if weights_only else ""
                msg = (
                    f"{keeper.state}: expected the state of the training to be resumed, got none beside {path}, of "
                    f"epoch {checkpoint.epoch}{why}. Train anew, which replaces it, or choose another folder."
                )
                raise CheckpointError(msg)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator on the CPU, and put it back as it was. Nothing draws on other devices."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
