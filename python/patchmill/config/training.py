"""How long is trained, and what watches over it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.callbacks import CheckpointConfig, EarlyStoppingConfig
from patchmill.config.problems import problem

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["TrainingConfig", "unsupported_options"]

TRAINER_PARAMETERS = frozenset(
    {
        "accelerator",
        "accumulate_grad_batches",
        "barebones",
        "benchmark",
        "callbacks",
        "check_val_every_n_epoch",
        "default_root_dir",
        "detect_anomaly",
        "deterministic",
        "devices",
        "enable_autolog_hparams",
        "enable_checkpointing",
        "enable_model_summary",
        "enable_progress_bar",
        "fast_dev_run",
        "gradient_clip_algorithm",
        "gradient_clip_val",
        "inference_mode",
        "limit_predict_batches",
        "limit_test_batches",
        "limit_train_batches",
        "limit_val_batches",
        "log_every_n_steps",
        "logger",
        "max_epochs",
        "max_steps",
        "max_time",
        "min_epochs",
        "min_steps",
        "model_registry",
        "num_nodes",
        "num_sanity_val_steps",
        "overfit_batches",
        "plugins",
        "precision",
        "profiler",
        "reload_dataloaders_every_n_epochs",
        "strategy",
        "sync_batchnorm",
        "use_distributed_sampler",
        "val_check_interval",
    }
)
"""What Lightning's Trainer takes."""

_LENGTHS = {"num_epochs": "max_epochs", "num_steps": "limit_train_batches"}
"""The names that Lightning's Trainer has for two of the fields."""


class TrainingConfig(ConfigModel):
    """The length of a training, and what watches over it.

    `num_epochs` and `num_steps` are ``max_epochs`` and ``limit_train_batches`` of `lightning_trainer_config`: whichever
    is given sets the other, files hold the former.

    Parameters
    ----------
    num_epochs : int, default=100
        Number of epochs, at least 1.
    num_steps : int, optional
        Most batches that an epoch takes, at least 1. All of them if None.
    lightning_trainer_config : dict, optional
        Arguments of ``lightning.pytorch.Trainer``: ``Trainer(**config.lightning_trainer_config)``.
    logger : {"wandb", "tensorboard"}, optional
        Where losses are logged besides; nowhere if None, or "none".
    checkpoint_callback : CheckpointConfig, optional
        Which checkpoints Lightning keeps. patchmill's own trainer keeps the best and the last.
    early_stopping_callback : EarlyStoppingConfig, optional
        When training ends before its last epoch; never if None.

    See Also
    --------
    unsupported_options : What of this only Lightning does.
    """

    num_epochs: int = Field(default=100, ge=1)
    num_steps: int | None = Field(default=None, ge=1)
    lightning_trainer_config: dict[str, Any] = {}
    logger: Literal["wandb", "tensorboard"] | None = None
    checkpoint_callback: CheckpointConfig = CheckpointConfig()
    early_stopping_callback: EarlyStoppingConfig | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        fields = {**self.__dict__, name: value}
        if name in _LENGTHS:
            # What Lightning's Trainer was to get for the former value is no second opinion.
            trainer = dict(self.lightning_trainer_config)
            if value is not None or not _is_share(trainer.get(_LENGTHS[name])):
                trainer.pop(_LENGTHS[name], None)
            fields["lightning_trainer_config"] = trainer
        elif name == "lightning_trainer_config" and isinstance(value, Mapping):
            told = {field for field, key in _LENGTHS.items() if value.get(key) is not None}
            fields = {field: fields[field] for field in fields if field not in told}
        else:
            super().__setattr__(name, value)
            return
        checked = type(self).model_validate(fields)
        self.assign(**{field: getattr(checked, field) for field in (*_LENGTHS, "lightning_trainer_config")})

    @field_validator("logger", mode="before")
    @classmethod
    def _check_logger(cls, logger: Any) -> Any:
        if logger not in (None, "none", "wandb", "tensorboard"):
            msg = f"expected 'wandb', 'tensorboard' or 'none', got {logger!r}."
            raise ValueError(msg)
        return None if logger == "none" else logger

    @field_validator("lightning_trainer_config")
    @classmethod
    def _check_trainer_parameters(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        for name in parameters:
            if name not in TRAINER_PARAMETERS:
                alike = difflib.get_close_matches(name, TRAINER_PARAMETERS, n=1)
                advice = f"Did you mean {alike[0]!r}?" if alike else "Remove it."
                msg = f"expected arguments of Lightning's Trainer, got {name!r}. {advice}"
                raise ValueError(msg)
        epochs, batches = (parameters.get(name) for name in _LENGTHS.values())
        if epochs is not None and not _is_number(epochs):
            msg = f"expected max_epochs to be a whole number of at least 1, got {epochs!r}. Set num_epochs instead."
            raise ValueError(msg)
        if batches is not None and not _is_number(batches) and not _is_share(batches):
            msg = (
                f"expected limit_train_batches to be a whole number of at least 1, or a share above 0.0 and up to 1.0, "
                f"got {batches!r}. Set num_steps instead."
            )
            raise ValueError(msg)
        return parameters

    @model_validator(mode="before")
    @classmethod
    def _read_lengths(cls, fields: Any) -> Any:
        trainer = fields.get("lightning_trainer_config") if isinstance(fields, Mapping) else None
        if not isinstance(trainer, Mapping):
            return fields
        given = {field: trainer[key] for field, key in _LENGTHS.items() if _is_number(trainer.get(key))}
        return {**fields, **{field: value for field, value in given.items() if fields.get(field) is None}}

    @model_validator(mode="after")
    def _complete_trainer_config(self) -> Self:
        trainer = self.lightning_trainer_config
        lengths = {key: getattr(self, field) or trainer.get(key) for field, key in _LENGTHS.items()}
        others = {key: trainer[key] for key in trainer if key not in lengths}
        self.__dict__["lightning_trainer_config"] = {key: n for key, n in lengths.items() if n is not None} | others
        return self

    @field_serializer("lightning_trainer_config")
    def _without_lengths(self, trainer: dict[str, Any]) -> dict[str, Any]:
        told = {key for field, key in _LENGTHS.items() if getattr(self, field) is not None}
        return {key: value for key, value in trainer.items() if key not in told}

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        for field, key in _LENGTHS.items():
            own, given = getattr(self, field), self.lightning_trainer_config.get(key)
            if own is not None and given is not None and given != own:
                message = f"expected {own}, as {field} says, got {given}. Give {field} only."
                yield problem(f"lightning_trainer_config.{key}", message, given)


def unsupported_options(config: TrainingConfig) -> list[str]:
    """List the options that only Lightning's Trainer honours, and patchmill's own does not.

    Parameters
    ----------
    config : TrainingConfig
        The options.

    Returns
    -------
    list of str
        The dotted names, below ``training_config``, of those that are set to something else than what patchmill's
        trainer does, or than their default.
    """
    own = CheckpointConfig(), CheckpointConfig(save_top_k=1)
    trainer = [
        f"lightning_trainer_config.{key}"
        for key, value in config.lightning_trainer_config.items()
        if key != "max_epochs" and not (key == "limit_train_batches" and value in (config.num_steps, 1.0))
    ]
    checkpoints = [
        f"checkpoint_callback.{name}"
        for name in CheckpointConfig.model_fields
        if getattr(config.checkpoint_callback, name) not in [getattr(callback, name) for callback in own]
    ]
    others = [name for name in ("logger", "early_stopping_callback") if getattr(config, name) is not None]
    return [*trainer, *checkpoints, *others]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value <= 1
