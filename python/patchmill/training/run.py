"""One run of a training: where it is, and how it goes on from there."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from patchmill.config import Configuration
from patchmill.dataset import InMemoryDataset, IterableDataset
from patchmill.errors import CheckpointError, TrainingError
from patchmill.training.checkpoint import storable
from patchmill.training.distributed import World
from patchmill.training.history import EpochRecord
from patchmill.training.keeper import Keeper
from patchmill.training.meter import Batch, Meter
from patchmill.training.state import differences, readable
from patchmill.training.stopping import reason_to_stop
from patchmill.training.updates import Updater

__all__ = ["BatchLoader", "Run"]

_FREE_TO_CHANGE = {"num_epochs", "max_steps", "logger", "checkpoint_callback", "early_stopping_callback"}
"""What of the training changes nothing about the steps that were made: one that is resumed may be longer."""

_FREE_OF_LOADERS = {
    "num_workers",
    "num_threads",
    "prefetch",
    "prefetch_factor",
    "pin_memory",
    "pin_memory_device",
    "persistent_workers",
    "timeout",
}
"""The arguments of loaders that change no batch."""


_FILES = "files are read"


class BatchLoader(Protocol):
    """Batches, over and over: each `iter` is a new epoch. A torch DataLoader is one, and so is a list."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


class Run:
    """What a training has come to, and everything that its next step depends on.

    Parameters
    ----------
    config : Configuration
        What is trained, with the statistics of the data.
    model : Module
        The network, on its device.
    device : torch.device
        That device.
    loaders : tuple of BatchLoader
        Batches for training and for validation.
    folder : Path
        The folder of the checkpoints.
    world : World
        The processes that train together.

    Attributes
    ----------
    history : list of EpochRecord
        The epochs that have ended.
    n_batches : int
        The number of batches of the running epoch that were trained on.
    is_whole : bool
        Whether the weights are those between two steps, so that others can go on from them.
    """

    def __init__(
        self,
        config: Configuration,
        model: torch.nn.Module,
        device: torch.device,
        loaders: tuple[BatchLoader, BatchLoader],
        folder: Path,
        world: World,
    ) -> None:
        training = config.training_config
        self.config, self.model, self.world = config, model, world
        self.train_loader, self.val_loader = loaders
        _begin_anew(self.train_loader)
        length = world.least(len(self.train_loader))
        if length == 0:
            msg = "Training data: expected at least one batch, got none. Use a smaller batch_size or more images."
            raise TrainingError(msg)
        self.steps_per_epoch = min(length, training.num_steps or length)
        self.group_size = training.accumulate_grad_batches
        updates_per_epoch = -(-self.steps_per_epoch // self.group_size)
        most = -(-training.max_steps // updates_per_epoch) if training.max_steps else training.num_epochs
        self.num_epochs = min(training.num_epochs, most)
        self.updater = Updater(config, model, device, num_epochs=self.num_epochs, steps_per_epoch=updates_per_epoch)
        self.keeper = Keeper(folder, training.checkpoint_callback)
        self._patches = _patches(self.train_loader)
        self.history: list[EpochRecord] = []
        self.n_batches = 0
        self.is_whole = True
        self._device = device
        self._loader_state: dict[str, Any] | None = None
        self._generator_at_start = torch.get_rng_state()
        self._generator: torch.Tensor | None = None
        self.meter = Meter(device)

    @property
    def epoch(self) -> int:
        """The number of the running epoch, from 1."""
        return len(self.history) + 1

    @property
    def has_all_steps(self) -> bool:
        """Whether the optimizer has made as many steps as it may."""
        most = self.config.training_config.max_steps
        return most is not None and self.updater.n_steps >= most

    @property
    def reason_to_end(self) -> str | None:
        """Why training ends before its last epoch, if losses say so."""
        return reason_to_stop(self.config.training_config.early_stopping_callback, self.history)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        if self.n_batches:
            return False
        return len(self.history) >= self.num_epochs or self.has_all_steps or self.reason_to_end is not None

    def share_of_step(self) -> tuple[float, bool]:
        """Return the share that the next batch has in a step of the optimizer, and whether it is the last one of it."""
        first = self.n_batches // self.group_size * self.group_size
        size = min(self.group_size, self.steps_per_epoch - first)
        return 1 / size, self.n_batches + 1 == first + size

    def batches(self) -> Iterator[tuple[Batch, float]]:
        """Yield what is left of the batches of the running epoch, and the mean number of patches of the processes."""
        remaining = self.steps_per_epoch - self.n_batches
        if remaining <= 0:
            return
        if self._loader_state is not None:
            batches, self._loader_state = self._go_on(self._loader_state), None
        else:
            self._generator_at_start = torch.get_rng_state()
            batches = iter(self.train_loader)
        for number, batch in enumerate(self.world.in_step(batches), 1):
            yield batch
            if number == remaining:
                return

    def end_batches(self) -> None:
        """Take note that the epoch's batches are done: resumed, the training goes on with the validation."""
        self._generator = torch.get_rng_state()

    def end_epoch(self, record: EpochRecord) -> None:
        """Go on to the next epoch."""
        self.history.append(record)
        self.n_batches = 0
        self._generator = None
        self.meter = Meter(self._device)
        self.updater.end_epoch(record.watched_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next steps depend on. All processes have to ask together."""
        return {
            "configuration": storable(self.config),
            "data": self._data(),
            "model": dict(self.model.state_dict()),
            "updater": self.updater.state_dict(),
            "keeper": self.keeper.state_dict(),
            "history": [asdict(record) for record in self.history],
            "n_batches": self.n_batches,
            "meter": self.meter.state_dict(self.world) if self.n_batches else None,
            "loader": self._position(),
            "generator": torch.get_rng_state() if self._generator is None else self._generator,
        }

    def load_state_dict(self, state: dict[str, Any], path: Path) -> None:
        """Go on where a state was taken.

        Raises
        ------
        CheckpointError
            If the state is of another configuration or other data. Nothing was changed.
        """
        with readable(path):
            self._check(state, path)
            self.model.load_state_dict(state["model"])
            self.updater.load_state_dict(state["updater"])
            self.keeper.load_state_dict(state["keeper"])
            self.history[:] = [EpochRecord(**record) for record in state["history"]]
            self.n_batches = state["n_batches"]
            if state["meter"] is not None:
                self.meter.load_state_dict(state["meter"])
            self._loader_state = state["loader"]
            torch.set_rng_state(state["generator"])

    def _data(self) -> dict[str, Any]:
        """Return what tells one set of data from another, as far as it is known at little cost."""
        return {
            "batches for training": self.steps_per_epoch,
            "batches for validation": len(self.val_loader),
            "processes": self.world.size,
            "items for training": _n_items(self.train_loader),
            "items for validation": _n_items(self.val_loader),
            **self._patches,
        }

    def _position(self) -> dict[str, Any]:
        """Return where the loader stands: the epoch counts on when all that it takes of it is done."""
        loader: Any = self.train_loader
        if self._loader_state is not None:
            return self._loader_state
        is_done = self.n_batches in (0, self.steps_per_epoch)
        if not hasattr(loader, "state_dict"):
            epoch = len(self.history) + (self.n_batches == self.steps_per_epoch)
            return {"epoch": epoch, "generator": self._generator_at_start}
        state = dict(loader.state_dict())
        return {**state, "epoch": state["epoch"] + 1, "n_batches": 0} if is_done and state["n_batches"] else state

    def _go_on(self, state: dict[str, Any]) -> Iterator[Batch]:
        """Iterate over what a loader had left."""
        loader: Any = self.train_loader
        if hasattr(loader, "load_state_dict"):
            loader.load_state_dict(state)
            remaining: Iterator[Batch] = iter(loader)
            return remaining
        # Other loaders draw from torch's generator, and are wound forward.
        if hasattr(getattr(loader, "sampler", None), "set_epoch"):
            loader.sampler.set_epoch(state["epoch"])
        generator = torch.get_rng_state()
        if self.n_batches:
            torch.set_rng_state(state["generator"])
        self._generator_at_start = torch.get_rng_state()
        batches: Iterator[Batch] = iter(loader)
        if self.n_batches:
            for _ in range(self.n_batches):
                next(batches, None)
            torch.set_rng_state(generator)
        return batches

    def _check(self, state: dict[str, Any], path: Path) -> None:
        configurations = [state["configuration"], storable(self.config)]
        for configuration in configurations:
            training, data = configuration["training_config"], configuration["data_config"]
            # The length is what a cosine is drawn over.
            is_cosine = configuration["algorithm_config"]["lr_scheduler"]["name"] == "WarmupCosine"
            for name in _FREE_TO_CHANGE - ({"num_epochs", "max_steps"} if is_cosine else set()):
                training.pop(name)
            for loader in (data["train_dataloader_params"], data["val_dataloader_params"]):
                for name in _FREE_OF_LOADERS:
                    loader.pop(name, None)
        found = [*differences(*configurations), *differences(state["data"], self._data())]
        if found:
            listed = "\n  ".join(found)
            msg = (
                f"{path}: expected the configuration and the data of the training that is to be resumed, got others. "
                f"Use the same, train anew (resume=False), or choose another folder. What differs:\n  {listed}"
            )
            if any(line.startswith(_FILES) for line in found):
                msg += (
                    "\nFiles are held together if they fit into the memory that is free. Free some, or have them read "
                    "in turn (use_in_memory=False), as it was before."
                )
            raise CheckpointError(msg)


def _begin_anew(loader: BatchLoader) -> None:
    """Let a loader begin with its first epoch, whatever it was used for before."""
    counters: list[Any] = [loader, getattr(loader, "sampler", None)]
    for counter in counters:
        if hasattr(counter, "set_epoch"):
            counter.set_epoch(0)
            return


def _patches(loader: BatchLoader) -> dict[str, Any]:
    """Return which patches a dataset of patchmill has: for files, it depends on the memory that is free."""
    dataset = getattr(loader, "dataset", None)
    if not isinstance(dataset, (InMemoryDataset, IterableDataset)):
        return {}
    return {
        _FILES: "in turn" if isinstance(dataset, IterableDataset) else "together",
        "patching": dataset.patching,
        "digest of some patches": dataset.fingerprint(),
    }


def _n_items(loader: BatchLoader) -> int | None:
    """Count the items of a loader's dataset, if it has one that can tell."""
    dataset = getattr(loader, "dataset", None)
    return len(dataset) if isinstance(dataset, Sized) else None
