"""The report of a training: report.html to read, report.json to go on with."""

from __future__ import annotations

import datetime
import json
import logging
import math
import sys
import time
from dataclasses import asdict
from typing import Any

import torch
from pydantic_core import PydanticSerializationError

from patchmill.config import Configuration
from patchmill.files import replacing
from patchmill.training.callbacks.base import Callback, FitStart, ValidationPatches
from patchmill.training.callbacks.machine import describe_machine
from patchmill.training.callbacks.page import render_page
from patchmill.training.callbacks.pictures import is_picture_epoch, panel_path
from patchmill.training.history import EpochRecord
from patchmill.training.report import TrainingReport

__all__ = ["ReportFiles"]

logger = logging.getLogger("patchmill")


class ReportFiles(Callback):
    """Writes ``report.html`` and ``report.json`` when a training is over, however it ended.

    They are there from the start, and renewed when there are new pictures: what is left of a training that was killed.
    The page is one file with everything in it: the pictures are those that `Pictures` drew, the curves need no
    matplotlib. A report that cannot be written is logged, and ends no training.

    Parameters
    ----------
    device : torch.device
        What is trained on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start: FitStart | None = None
        self._report: TrainingReport | None = None
        self._history: list[EpochRecord] = []
        self._started = datetime.datetime.now(datetime.UTC)
        self._clock = time.perf_counter()
        self._has_failed = False

    def on_start(self, start: FitStart) -> None:
        """Take note of what is trained."""
        self._start = start
        self._history = list(start.history)
        self._write("running")

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Take note of the epoch."""
        self._history.append(record)
        if is_picture_epoch(record.epoch):
            self._write("running")

    def on_end(self, report: TrainingReport) -> None:
        """Take note that the training was not broken off."""
        self._report = report

    def close(self) -> None:
        """Write the report, pictures that were drawn at last included."""
        if self._report is not None and self._start is not None:
            self._write("finished" if len(self._history) >= self._start.num_epochs else "ended early")
            return
        # Where the training was broken off, this is called while its error is on its way.
        error = sys.exc_info()[1]
        if error is None or isinstance(error, KeyboardInterrupt):
            self._write("interrupted")
        else:
            self._write("broken off", error)

    def _write(self, status: str, error: BaseException | None = None) -> None:
        if self._start is None:
            return
        work_dir = self._start.work_dir
        try:
            content = self._content(self._start, status, error)
            page = render_page(
                content, {epoch: panel_path(work_dir, epoch).read_bytes() for epoch in content["panels"]}
            )
            work_dir.mkdir(parents=True, exist_ok=True)
            with replacing(work_dir / "report.json") as part:
                part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            with replacing(work_dir / "report.html") as part:
                part.write_text(page, encoding="utf-8")
        except Exception as problem:  # no report is worth the hours that a training took
            if not self._has_failed:
                logger.warning("Report of the training: %s", problem)
            self._has_failed = True

    def _content(self, start: FitStart, status: str, error: BaseException | None) -> dict[str, Any]:
        """Say all that is known as what JSON can hold."""
        history, work_dir = self._history, start.work_dir
        best = min(history, key=lambda record: record.watched_loss, default=None)
        shown = {history[0].epoch, best.epoch, history[-1].epoch} if history and best else set()
        # Where the first or the best epoch has no panel, as after a training was killed, there are those before it.
        with_panel = [record.epoch for record in history if panel_path(work_dir, record.epoch).is_file()]
        nearest = {max((one for one in with_panel if one <= epoch), default=None) for epoch in shown}
        checkpoints = sorted(work_dir.glob("checkpoints/*.safetensors"))
        return {
            "experiment": start.configuration.experiment_name,
            "algorithm": start.configuration.algorithm_config.algorithm,
            "status": status,
            "error": None if error is None else f"{type(error).__name__}: {error}",
            "started": self._started.isoformat(timespec="seconds"),
            "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(self._report.seconds if self._report else time.perf_counter() - self._clock, 3),
            "resumed_after_epoch": len(start.history) if start.history or start.steps_done else None,
            "epochs_planned": start.num_epochs,
            "epochs_done": len(history),
            "best_epoch": best.epoch if best else None,
            "speed": _speed(history),
            "data": _data(start, history),
            "machine": describe_machine(self._device) | _peak_memory(self._device),
            "checkpoints": [path.relative_to(work_dir).as_posix() for path in checkpoints],
            "panels": sorted(epoch for epoch in nearest if epoch is not None),
            "epochs": [_finite(asdict(record)) for record in history],
            "configuration": _configuration(start.configuration),
        }


def _speed(history: list[EpochRecord]) -> dict[str, float] | None:
    """Sum up the speed of all epochs, weighted by their time."""
    seconds = sum(record.seconds for record in history)
    if not seconds:
        return None
    return {
        "training_seconds": round(seconds, 3),
        "patches_per_s": round(sum(record.patches_per_s * record.seconds for record in history) / seconds, 1),
        "waiting_share": round(sum(record.waiting_share * record.seconds for record in history) / seconds, 4),
    }


def _data(start: FitStart, history: list[EpochRecord]) -> dict[str, Any]:
    config = start.configuration.data_config
    last = history[-1] if history else None
    names = ("image_means", "image_stds", "target_means", "target_stds")
    statistics = {name: getattr(config, name) for name in names}
    return {
        "data_type": config.data_type,
        "axes": config.axes,
        "patch_size": [*config.patch_size],
        "batch_size": config.batch_size,
        "patching": config.patching,
        "batches_per_epoch": start.steps_per_epoch,
        "patches_per_epoch": round(last.patches_per_s * last.seconds) if last else None,
        "has_validation": last.val_loss is not None if last else None,
        "statistics": {name: values for name, values in statistics.items() if values is not None},
    }


def _peak_memory(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {}
    return {"peak memory of the device": f"{torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB"}


def _configuration(config: Configuration) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(config.model_dump_json())
    except PydanticSerializationError as error:
        return {"not shown": f"it holds what no file can hold ({error})"}
    return content


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Put None where JSON has no number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
