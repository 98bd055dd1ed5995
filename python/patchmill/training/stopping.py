"""What ends a training before its last epoch: a signal, or losses that improve no more."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from patchmill.config import EarlyStoppingConfig
from patchmill.training.history import EpochRecord

__all__ = ["Signals", "reason_to_stop"]


class Signals:
    """Takes note of SIGINT and SIGTERM, so that the running step can end first. A context manager.

    A second SIGINT raises KeyboardInterrupt at once. When the context ends, the former handlers are back, and a SIGTERM
    that came is sent again. Handlers other than Python's own for SIGINT, and ignored signals, are left alone, and so is
    everything outside the main thread.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._former[signal.SIGINT] = signal.signal(signal.SIGINT, self._note)
            if signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, None):
                self._former[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        if self.received == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
        elif self.received is not None and error is None:
            # It came too late to end anything here.
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number


def reason_to_stop(config: EarlyStoppingConfig | None, history: Sequence[EpochRecord]) -> str | None:
    """Tell why training should end early, from the epochs so far; None if it should not.

    Parameters
    ----------
    config : EarlyStoppingConfig or None
        When to end.
    history : sequence of EpochRecord
        The epochs.
    """
    if config is None or not history:
        return None
    # Turned round where more is better, so that less is.
    sign = 1.0 if config.mode == "min" else -1.0
    losses = [sign * record.watched_loss for record in history]
    last = history[-1].watched_loss
    if config.stopping_threshold is not None and losses[-1] < sign * config.stopping_threshold:
        return f"the loss, {last:g}, is better than the threshold, {config.stopping_threshold:g}"
    if config.divergence_threshold is not None and losses[-1] > sign * config.divergence_threshold:
        return f"the loss, {last:g}, is worse than the threshold, {config.divergence_threshold:g}"
    best, waited = math.inf, 0
    for loss in losses:
        if loss + config.min_delta < best:
            best, waited = loss, 0
        else:
            waited += 1
    if waited >= config.patience:
        return f"the loss has not improved for {waited} epochs; its best was {sign * best:g}"
    return None
