"""W&B (Weights & Biases) as the logger of a training."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchmill.config import Configuration
from patchmill.errors import OutputError, TrainingError
from patchmill.files import replacing
from patchmill.training.callbacks.loggers import MetricsLogger, missing_package

__all__ = ["WandbLogger"]


class WandbLogger(MetricsLogger):
    """Logs a training to W&B, by epoch, with what belongs to it in ``wandb_logs``.

    The run has the name of the experiment. Its project is ``patchmill``, or what the environment variable
    ``WANDB_PROJECT`` says; the other variables of W&B count as well. A resumed training goes on with its run.

    Raises
    ------
    MissingPackageError
        If the package wandb is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            missing = missing_package("wandb", error)
            raise missing from error
        self._wandb: Any = wandb
        self._run: Any = None

    def open(self, configuration: Configuration, work_dir: Path, n_ended: int) -> None:
        """Begin a run, or go on with the one whose name ``wandb_logs/run_id`` holds."""
        folder = work_dir / "wandb_logs"
        file = folder / "run_id"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            run_id = file.read_text(encoding="utf-8").strip() if n_ended and file.is_file() else None
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", "patchmill"),
                name=configuration.experiment_name,
                dir=str(folder),
                config=json.loads(configuration.model_dump_json()),
                id=run_id or None,
                resume="allow" if run_id else None,
                # A run that the user has begun stays as it is.
                reinit="create_new",
                # What is printed stays in the terminal: a progress bar is no log.
                settings=self._wandb.Settings(console="off"),
            )
        except OSError as error:
            msg = (
                f"{folder}: expected a folder that can be written, got: {error.strerror or error}. Choose another one."
            )
            raise OutputError(msg) from error
        except self._wandb.Error as error:
            msg = f"W&B: expected a run to begin, got: {error}. Run 'wandb login', or set WANDB_MODE=offline."
            raise TrainingError(msg) from error
        with replacing(file) as part:
            part.write_text(f"{self._run.id}\n", encoding="utf-8")
        # By epoch and not by W&B's own step, which cannot go back where epochs are trained again.
        self._run.define_metric("epoch")
        self._run.define_metric("*", step_metric="epoch")

    def write(self, epoch: int, scalars: Mapping[str, float], panel: Path | None) -> None:
        """Hand the values over; W&B sends them in a process of its own."""
        image = {} if panel is None else {"validation": self._wandb.Image(str(panel))}
        self._run.log({"epoch": epoch, **scalars, **image})

    def finish(self, *, has_ended: bool) -> None:
        """Wait until all is sent, and end the run."""
        if self._run is not None:
            self._run.finish(exit_code=0 if has_ended else 1)
