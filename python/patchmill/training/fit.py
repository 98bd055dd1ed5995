"""One training, from its first step to its last."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill.dataset.planned import PlannedDataset
from patchmill.dataset.replicas import n_own_items
from patchmill.errors import TrainingError
from patchmill.training.callbacks import Callback, ValidationPatches
from patchmill.training.checkpoint import seal_checkpoint
from patchmill.training.distributed import is_disconnected
from patchmill.training.history import EpochRecord, LossesFile
from patchmill.training.meter import Meter
from patchmill.training.network import Network
from patchmill.training.run import Run
from patchmill.training.state import save_state
from patchmill.training.stopping import Signals

__all__ = ["Fit"]

logger = logging.getLogger("patchmill")

MAX_SHOWN = 4
"""How many patches of the validation callbacks get to see."""

_CHECK_S = 2.0
"""How often is looked at whether losses are still finite: that waits for the device."""


@dataclass
class Fit:
    """Trains until the end, and saves and tells what is to be saved and told on the way.

    Parameters
    ----------
    run : Run
        What is trained.
    device : torch.device
        Where.
    memory_format : torch.memory_format
        In which order inputs lie in memory.
    must_stop : threading.Event
        Set when the running step is to be the last.
    signals : Signals
        The signals that came.
    callbacks : Callback
        Who is told.
    losses : LossesFile or None
        The file of the losses; only the first process has one.
    """

    run: Run
    device: torch.device
    memory_format: torch.memory_format
    must_stop: threading.Event
    signals: Signals
    callbacks: Callback
    losses: LossesFile | None
    _network: Network = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _is_agreed: bool = field(init=False, default=False)
    _ends: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._network = Network(self.run, self.device, self.memory_format)

    def train(self) -> None:
        """Train until the end.

        Raises
        ------
        KeyboardInterrupt
            If a signal came. Everything that the training needs to be resumed is saved.
        OutOfMemoryError
            If the device has too little memory. It proposes a batch and patches that fit.
        TrainingError
            If a loss or a weight is not finite, or another process has ended.
        """
        try:
            while not (self._ends or self.run.is_over):
                self._epoch()
        except KeyboardInterrupt:
            self._save_interrupted()
            raise
        except RuntimeError as error:
            if self.run.world.size == 1 or not is_disconnected(error):
                raise
            msg = (
                f"Epoch {self.run.epoch}: expected {self.run.world.size} processes, got an answer from fewer: one has "
                "ended. See what it said last, and resume the training (resume=True)."
            )
            raise TrainingError(msg) from error
        if self.run.reason_to_end is not None and self.run.world.is_first:
            logger.info("Training ends after epoch %d: %s.", len(self.run.history), self.run.reason_to_end)

    def _epoch(self) -> None:
        """Train for what is left of an epoch, validate, save, and tell."""
        run, meter = self.run, self.run.meter
        self._train()
        is_complete = not self._ends or run.n_batches == run.steps_per_epoch
        if not is_complete:
            # Resumed, the training goes on in the middle of this epoch.
            self._save_state()
        train_loss = meter.stop(run.world)
        self._check_losses()
        run.end_batches()
        val_loss, patches = self._validate()
        record = EpochRecord(
            epoch=run.epoch,
            train_loss=train_loss,
            val_loss=val_loss,
            learning_rate=run.updater.learning_rate,
            seconds=meter.seconds,
            patches_per_s=meter.patches_per_s,
            waiting_share=meter.waiting_share,
        )
        self._check_finite(record)
        run.end_epoch(record)
        run.is_whole = is_complete
        if run.world.is_first:
            data = self._sealed()
            run.keeper.keep_epoch(data, record)
            if self._ends or run.is_over:
                run.keeper.finish(data, record)
        if is_complete:
            self._save_state()
        if self.losses is not None:
            self.losses.append(record)
        self.callbacks.on_epoch(record, patches)

    def _train(self) -> None:
        """Train for what is left of an epoch, or until training must end."""
        run = self.run
        run.model.train()
        self._looked = time.monotonic()
        self._ends = run.has_all_steps
        if self._ends:
            return
        for batch, n_patches in run.meter.batches(run.batches()):
            run.is_whole = False
            share, is_step = run.share_of_step()
            run.meter.add(self._network.add_gradients(batch, share, is_step=is_step), n_patches)
            run.n_batches += 1
            if is_step:
                self._step()
            self.callbacks.on_step(run.meter)
            self._ends = is_step and self._must_end()
            if self._ends:
                return
        if run.n_batches == 0:
            msg = "Training data: expected batches, got none from the loader. Check the data module."
            raise TrainingError(msg)
        if not run.is_whole:
            # The loader had fewer batches than it said.
            self._step()

    def _step(self) -> None:
        self.run.updater.step()
        self.run.is_whole = True

    def _must_end(self) -> bool:
        """Look after a step whether training must end, and save what is due."""
        run, world, now = self.run, self.run.world, time.monotonic()
        is_due = world.is_first and run.keeper.is_due(run.updater.n_steps)
        stop, self._is_agreed, is_due, look = world.any(
            self.must_stop.is_set(),
            self.signals.received is not None,
            is_due,
            world.is_first and now - self._looked > _CHECK_S,
        )
        if self._is_agreed:
            raise KeyboardInterrupt
        if look or is_due:
            self._looked = now
            self._check_losses()
        if is_due and not any(world.any(not self._is_finite())):
            if world.is_first:
                run.keeper.keep_step(self._sealed(), len(run.history), run.updater.n_steps)
            self._save_state()
        return stop or run.has_all_steps

    @torch.inference_mode()
    def _validate(self) -> tuple[float | None, ValidationPatches | None]:
        """Return the loss of the validation, and some of its patches for those who look on."""
        run, world = self.run, self.run.world
        n_batches = world.most(len(run.val_loader))
        if n_batches == 0:
            return None, None
        if world.size > 1:
            world.copy_from_first(run.model.buffers())
        run.model.eval()
        meter, patches = Meter(self.device), None
        batches, n_left = iter(run.val_loader), self._n_validated()
        for _ in range(n_batches):
            batch = next(batches, None)
            n_patches = 0 if batch is None else min(len(batch[0]), n_left)
            n_left -= n_patches
            if batch is None or n_patches == 0:
                loss = self._network.no_loss()
            else:
                loss, shown = self._network.validate([part[:n_patches] for part in batch])
                patches = patches or ValidationPatches(*map(_as_array, shown))
            meter.add(loss, float(world.total(torch.tensor(float(n_patches)))) / world.size)
            (self._is_agreed,) = world.any(self.signals.received is not None)
            if self._is_agreed:
                raise KeyboardInterrupt
        return meter.stop(world), patches

    def _n_validated(self) -> float:
        """Count the patches of the validation that are this process's: others fill up its last batch."""
        dataset = getattr(self.run.val_loader, "dataset", None)
        if self.run.world.size == 1 or not isinstance(dataset, PlannedDataset):
            return math.inf
        return n_own_items(len(dataset))

    def _check_losses(self) -> None:
        """Stop where a loss of the running epoch is not finite."""
        run = self.run
        found = run.meter.first_not_finite()
        (is_wrong,) = run.world.any(found is not None)
        if is_wrong:
            step, loss = found or (run.n_batches, math.nan)
            where, what = f"Epoch {run.epoch}, step {step}", f"training loss, got {loss}"
            raise self._not_finite(where, what)

    def _check_finite(self, record: EpochRecord) -> None:
        where, what = f"Epoch {record.epoch}", f"validation loss, got {record.watched_loss}"
        stopping = self.run.config.training_config.early_stopping_callback
        if not math.isfinite(record.watched_loss) and (stopping is None or stopping.check_finite):
            raise self._not_finite(where, what)
        if not self._has_finite_weights():
            raise self._not_finite(where, "model, got weights that are not")

    def _not_finite(self, where: str, problem: str) -> TrainingError:
        keeper, n_epochs = self.run.keeper, self.run.keeper.last_epoch
        kept = "Nothing was saved" if n_epochs is None else f"The weights of epoch {n_epochs} are in {keeper.last}"
        return TrainingError(
            f"{where}: expected a finite {problem}. {kept}. Lower the learning rate, now "
            f"{self.run.updater.learning_rate:g}, or look for outliers in the data."
        )

    def _is_finite(self) -> bool:
        return self.run.meter.first_not_finite() is None and self._has_finite_weights()

    def _has_finite_weights(self) -> bool:
        return all(bool(value.isfinite().all()) for value in self.run.model.state_dict().values())

    def _sealed(self) -> bytes:
        """Make the bytes of a checkpoint of the present weights, with the losses of the last epoch that ended."""
        run = self.run
        record = run.history[-1] if run.history else None
        val_loss = record.val_loss if record else None
        return seal_checkpoint(
            configuration=run.config,
            model=run.model,
            epoch=len(run.history),
            train_loss=record.train_loss if record else None,
            val_loss=val_loss if val_loss is not None and math.isfinite(val_loss) else None,
        )

    def _save_state(self) -> None:
        """Save everything that the next step depends on. All processes have to do so together."""
        run = self.run
        if run.config.training_config.checkpoint_callback.save_weights_only:
            return
        state = run.state_dict()
        if run.world.is_first:
            run.keeper.clear()
            save_state(run.keeper.state, state)

    def _save_interrupted(self) -> None:
        run, epoch = self.run, len(self.run.history) + 1
        if not self._is_finite():
            logger.warning("Interrupted in epoch %d; its weights are not finite and not saved.", epoch)
            return
        if run.world.is_first:
            run.keeper.keep_last(self._sealed(), len(run.history))
            logger.warning("Interrupted in epoch %d; its weights are in %s.", epoch, run.keeper.last)
        # In the midst of a step, and where the other processes may do something else, the state saved before holds.
        if run.is_whole and (run.world.size == 1 or self._is_agreed):
            self._save_state()


def _as_array(batch: torch.Tensor) -> NDArray[np.float32]:
    """Copy the first patches of a batch, which memory may be used again for."""
    array: NDArray[np.float32] = batch[:MAX_SHOWN].float().cpu().contiguous().clone().numpy()
    return array
