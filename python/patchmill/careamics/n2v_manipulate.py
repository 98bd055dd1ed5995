"""The masking step of CAREamics' Noise2Void module, on the processor."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from careamics.lightning.modules.n2v_utils import N2VManipulate

from patchmill._core import N2vManipulate, default_num_threads
from patchmill.careamics.fallback import FALLBACKS
from patchmill.careamics.replacement import Replacement
from patchmill.dataset.buffers import BatchBuffers
from patchmill.errors import PatchmillError

__all__ = ["replacements"]

Masked = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Layout = list[tuple[tuple[int, ...], np.dtype[Any]]]


def replacements() -> list[Replacement]:
    """Return what replaces the step: batches on a processor are masked by patchmill, others as before."""
    original = N2VManipulate.__call__
    states: WeakKeyDictionary[Any, _State] = WeakKeyDictionary()

    def call(self: Any, batch: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if batch.device.type != "cpu" or batch.dtype != torch.float32 or batch.requires_grad:
            return original(self, batch, *args, **kwargs)
        try:
            if self not in states:
                states[self] = _State(self)
            return states[self].mask(self, batch)
        except PatchmillError as reason:
            FALLBACKS.note("N2V's masking", reason)
            return original(self, batch, *args, **kwargs)

    return [Replacement(N2VManipulate, "__call__", call, "N2V's masking of batches on the CPU")]


class _State:
    """The seed of a step, and how many batches it has masked: the draws are those of the n-th epoch of this seed.

    Parameters
    ----------
    manipulate : N2VManipulate
        CAREamics' step.
    """

    def __init__(self, manipulate: Any) -> None:
        self._seed = int(manipulate.rng.initial_seed()) % 2**63
        self._n_batches = 0
        # To ask costs a tenth of a step.
        self._num_threads = default_num_threads()
        self._buffers: BatchBuffers | None = None

    def mask(self, manipulate: Any, batch: torch.Tensor) -> Masked:
        """Mask a batch."""
        original = batch.contiguous().numpy()
        (masked, mask), tensors = self._take_buffers(original.shape).take(len(original))
        masking = _masking(manipulate, is_3d=batch.ndim == 5)
        masking.manipulate_batch_into(
            original,
            masked,
            mask,
            seed=self._seed,
            epoch=self._n_batches,
            num_threads=self._num_threads,
        )
        self._n_batches += 1
        return tensors[0], batch, tensors[1]

    def _take_buffers(self, shape: tuple[int, ...]) -> BatchBuffers:
        """Return what has memory that nobody uses any more: fresh memory costs more than the masking."""
        layout: Layout = [(shape[1:], np.dtype(np.float32)), (shape[1:], np.dtype(np.uint8))]
        if self._buffers is None or self._buffers.layout != layout:
            self._buffers = BatchBuffers(layout, n_kept=2, pin_memory=False)
        return self._buffers


def _masking(manipulate: Any, *, is_3d: bool) -> N2vManipulate:
    """Return the masking of a step, by what it is set to now."""
    struct = manipulate.struct_mask
    return N2vManipulate(
        strategy=str(getattr(manipulate.strategy, "value", manipulate.strategy)),
        roi_size=manipulate.roi_size,
        masked_pixel_percentage=float(manipulate.masked_pixel_percentage),
        is_3d=is_3d,
        struct_axis="none" if struct is None else str(struct.axes),
        struct_span=5 if struct is None else struct.span,
    )
