"""The network as it is trained: on its device, with its precision, and together with other processes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch.nn.parallel import DistributedDataParallel

from patchmill.errors import ShapeError
from patchmill.training.losses import create_loss, n_terms
from patchmill.training.memory import is_out_of_memory, too_little_memory
from patchmill.training.meter import Batch
from patchmill.training.run import Run

__all__ = ["Network"]


class Network:
    """Makes losses and gradients of batches.

    Parameters
    ----------
    run : Run
        What is trained.
    device : torch.device
        Where.
    memory_format : torch.memory_format
        In which order inputs lie in memory.
    """

    def __init__(self, run: Run, device: torch.device, memory_format: torch.memory_format) -> None:
        self._run = run
        self._device = device
        self._memory_format = memory_format
        self._loss = create_loss(run.config.algorithm_config)
        self._parallel: DistributedDataParallel | None = None
        self._network = self._prepared()

    def add_gradients(self, batch: Batch, share: float, *, is_step: bool) -> torch.Tensor:
        """Add the gradients of a batch to those of its step, and return its loss."""
        try:
            return self._backward(batch, share, is_step=is_step)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # The error is gone here, and with it what it held of the failed step.
        run = self._run
        run.model.zero_grad(set_to_none=True)
        with run.updater.autocast():
            raise too_little_memory(
                run.model,
                tuple(batch[0].shape),
                self._device,
                factor=2**run.config.algorithm_config.model.depth,
                may_try=run.world.size == 1,
            )

    def _backward(self, batch: Batch, share: float, *, is_step: bool) -> torch.Tensor:
        inputs, *others = self._on_device(batch)
        with self._synced(is_step=is_step):
            loss = self._balanced(self._predict(self._network, inputs), others)
            self._run.updater.backward(loss, share)
        return loss

    def validate(self, batch: Batch) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return the loss of a batch; and its input, what the network made of it, and what it should have made."""
        inputs, *others = self._on_device(batch)
        # The processes may have batches of their own sizes here: they exchange nothing but the loss.
        network = self._network if self._parallel is None else self._run.model
        prediction = self._predict(network, inputs)
        return self._balanced(prediction, others), (inputs, prediction, others[0])

    def no_loss(self) -> torch.Tensor:
        """Return what this process adds to the loss of a batch that it has no part of."""
        self._run.world.total(torch.zeros((), device=self._device))
        return torch.zeros((), device=self._device)

    def _predict(self, network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        with self._run.updater.autocast():
            prediction: torch.Tensor = network(inputs)
        return prediction.float()

    def _balanced(self, prediction: torch.Tensor, others: list[torch.Tensor]) -> torch.Tensor:
        """Return the loss; with several processes, one whose mean over them is the loss of all batches together."""
        loss, world = self._loss(prediction, *others), self._run.world
        return loss if world.size == 1 else loss * world.weight(n_terms(prediction, *others))

    def _synced(self, *, is_step: bool) -> AbstractContextManager[None]:
        """Let processes exchange gradients once per step only."""
        if self._parallel is None or is_step:
            return nullcontext()
        return self._parallel.no_sync()

    def _prepared(self) -> torch.nn.Module:
        """Return what is called for the model: it exchanges gradients, and is compiled, where that is asked for."""
        network: torch.nn.Module = self._run.model
        if self._run.world.size > 1:
            ids = [self._device] if self._device.type == "cuda" else None
            network = self._parallel = DistributedDataParallel(network, device_ids=ids)
        if self._run.config.training_config.compile:
            return cast("torch.nn.Module", torch.compile(network))
        return network

    def _on_device(self, batch: Batch) -> list[torch.Tensor]:
        algorithm = self._run.config.algorithm_config.algorithm
        names = ("masked", "original", "mask") if algorithm == "n2v" else ("input", "target")
        if len(batch) != len(names):
            msg = (
                f"Batch: expected {len(names)} tensors ({', '.join(names)}) for {algorithm!r}, got {len(batch)}. Check "
                "the transforms and the targets."
            )
            raise ShapeError(msg)
        inputs, *others = (tensor.to(self._device, non_blocking=True) for tensor in batch)
        return [inputs.contiguous(memory_format=self._memory_format), *others]
