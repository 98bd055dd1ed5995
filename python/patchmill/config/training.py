"""How long is trained, and what watches over it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

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

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

_OTHER_NAMES: dict[object, str] = {
    32: "32-true",
    "32": "32-true",
    "bf16": "bf16-mixed",
    16: "16-mixed",
    "16": "16-mixed",
}
"""Other names that Lightning has for the precisions."""


@dataclass(frozen=True)
class _Mirror:
    """A field that Lightning's Trainer has too.

    Parameters
    ----------
    key : str
        Its name there.
    read : callable
        Turns a value of Lightning's into one of the field; None if the field has none that means the same.
    is_known : callable
        Whether Lightning knows a value.
    expected : str
        Such values, in words.
    """

    key: str
    read: Callable[[Any], Any]
    is_known: Callable[[Any], bool]
    expected: str


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value <= 1


def _is_real(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> int | None:
    return value if _is_number(value) else None


def _precision(value: Any) -> str | None:
    name = _OTHER_NAMES.get(value, value)
    return name if name in get_args(Precision) else None


_WHOLE = "a whole number of at least 1"

_MIRRORS = {
    "num_epochs": _Mirror("max_epochs", _number, _is_number, _WHOLE),
    "num_steps": _Mirror(
        "limit_train_batches",
        _number,
        lambda value: _is_number(value) or _is_share(value),
        f"{_WHOLE}, or a share above 0.0 and up to 1.0",
    ),
    "max_steps": _Mirror(
        "max_steps", _number, lambda value: _is_number(value) or value == -1, f"{_WHOLE}, or -1 for no limit"
    ),
    "precision": _Mirror(
        "precision", _precision, lambda value: isinstance(value, (int, str)), "the name of a precision"
    ),
    "gradient_clip_val": _Mirror(
        "gradient_clip_val",
        lambda value: value if _is_real(value) and value > 0 else None,
        lambda value: _is_real(value) and 0 <= value < float("inf"),
        "a number of at least 0",
    ),
    "gradient_clip_algorithm": _Mirror(
        "gradient_clip_algorithm", lambda value: value, lambda value: value in ("norm", "value"), "'norm' or 'value'"
    ),
    "accumulate_grad_batches": _Mirror("accumulate_grad_batches", _number, _is_number, _WHOLE),
}
"""The fields that Lightning's Trainer has too, most of them by the same name."""

_WITHOUT_EFFECT = {"limit_train_batches": 1.0, "max_steps": -1, "gradient_clip_val": 0}
"""What asks Lightning for what is done anyway."""


class TrainingConfig(ConfigModel):
    """The length of a training, how its steps are made, and what watches over it.

    Fields that Lightning's Trainer has too are found in `lightning_trainer_config` as well, by Lightning's names:
    `num_epochs` as ``max_epochs``, `num_steps` as ``limit_train_batches``, the others by their own. Whichever is given
    sets the other, files hold the fields.

    Parameters
    ----------
    num_epochs : int, default=100
        Number of epochs, at least 1.
    num_steps : int, optional
        Most batches that an epoch takes, at least 1. All of them if None.
    max_steps : int, optional
        Most steps of the optimizer in all, at least 1; as many as the epochs make if None. Training ends with
        whichever comes first.
    precision : {"32-true", "bf16-mixed", "16-mixed"}, default="32-true"
        The numbers that the network calculates with: float32, or bfloat16 or float16 wherever that is safe. With
        float16, losses are scaled so that small gradients do not vanish.
    gradient_clip_val : float, optional
        What gradients are clipped to, more than 0; they stay as they are if None.
    gradient_clip_algorithm : {"norm", "value"}, default="norm"
        Whether that is the most that the norm of all gradients together may be, or each of them.
    accumulate_grad_batches : int, default=1
        How many batches make a step of the optimizer, at least 1: with the mean of their gradients. The last step of
        an epoch takes what is left.
    compile : bool, default=False
        Whether the network is compiled by ``torch.compile``. That takes minutes, and makes steps faster.
    lightning_trainer_config : dict, optional
        Arguments of ``lightning.pytorch.Trainer``: ``Trainer(**config.lightning_trainer_config)``.
    logger : {"wandb", "tensorboard"}, optional
        Where losses are logged besides; nowhere if None, or "none".
    checkpoint_callback : CheckpointConfig, optional
        Which checkpoints are kept.
    early_stopping_callback : EarlyStoppingConfig, optional
        When training ends before its last epoch; never if None.

    See Also
    --------
    unsupported_options : What of this only Lightning does.
    """

    num_epochs: int = Field(default=100, ge=1)
    num_steps: int | None = Field(default=None, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    precision: Precision = "32-true"
    gradient_clip_val: float | None = Field(default=None, gt=0)
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    accumulate_grad_batches: int = Field(default=1, ge=1)
    compile: bool = False
    lightning_trainer_config: dict[str, Any] = {}
    logger: Literal["wandb", "tensorboard"] | None = None
    checkpoint_callback: CheckpointConfig = CheckpointConfig()
    early_stopping_callback: EarlyStoppingConfig | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        fields = {**self.__dict__, name: value}
        if name in _MIRRORS:
            # What Lightning's Trainer was to get for the former value is no second opinion.
            mirror, trainer = _MIRRORS[name], dict(self.lightning_trainer_config)
            if value != getattr(self, name) or mirror.read(trainer.get(mirror.key)) is not None:
                trainer.pop(mirror.key, None)
            fields["lightning_trainer_config"] = trainer
        elif name == "lightning_trainer_config" and isinstance(value, Mapping):
            told = {field for field, mirror in _MIRRORS.items() if value.get(mirror.key) is not None}
            fields = {field: fields[field] for field in fields if field not in told}
        else:
            super().__setattr__(name, value)
            return
        checked = type(self).model_validate(fields)
        self.assign(**{field: getattr(checked, field) for field in (*_MIRRORS, "lightning_trainer_config")})

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
        for field, mirror in _MIRRORS.items():
            value = parameters.get(mirror.key)
            if value is not None and not mirror.is_known(value):
                msg = f"expected {mirror.key} to be {mirror.expected}, got {value!r}. Set {field} instead."
                raise ValueError(msg)
        return parameters

    @model_validator(mode="before")
    @classmethod
    def _read_trainer_config(cls, fields: Any) -> Any:
        trainer = fields.get("lightning_trainer_config") if isinstance(fields, Mapping) else None
        if not isinstance(trainer, Mapping):
            return fields
        known = {
            field: mirror
            for field, mirror in _MIRRORS.items()
            if trainer.get(mirror.key) is not None and mirror.is_known(trainer[mirror.key])
        }
        given = {field: mirror.read(trainer[mirror.key]) for field, mirror in known.items()}
        return {
            **fields,
            **{field: value for field, value in given.items() if value is not None and fields.get(field) is None},
        }

    @model_validator(mode="after")
    def _complete_trainer_config(self) -> Self:
        trainer = self.lightning_trainer_config
        mirrored = {
            mirror.key: getattr(self, field) if self._is_told(field) else trainer.get(mirror.key)
            for field, mirror in _MIRRORS.items()
        }
        others = {key: trainer[key] for key in trainer if key not in mirrored}
        given = {key: value for key, value in mirrored.items() if value is not None}
        self.__dict__["lightning_trainer_config"] = given | others
        return self

    @field_serializer("lightning_trainer_config")
    def _without_fields(self, trainer: dict[str, Any]) -> dict[str, Any]:
        told = {mirror.key for field, mirror in _MIRRORS.items() if self._is_told(field)}
        return {key: value for key, value in trainer.items() if key not in told}

    def _is_told(self, field: str) -> bool:
        """Whether Lightning's Trainer is told a field: not where it does the same without."""
        return field == "num_epochs" or getattr(self, field) != type(self).model_fields[field].default

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        for field, mirror in _MIRRORS.items():
            own, given = getattr(self, field), self.lightning_trainer_config.get(mirror.key)
            if given is None:
                continue
            means = mirror.read(given)
            if means != own if means is not None else self._is_told(field):
                message = f"expected {own!r}, as {field} says, got {given!r}. Give {field} only."
                yield problem(f"lightning_trainer_config.{mirror.key}", message, given)


def unsupported_options(config: TrainingConfig) -> list[str]:
    """List the options that only Lightning's Trainer honours, and patchmill's own does not.

    Parameters
    ----------
    config : TrainingConfig
        The options.

    Returns
    -------
    list of str
        The dotted names, below ``training_config``, of those that are set to something that patchmill's trainer does
        not do.
    """
    mirrors = {mirror.key: mirror for mirror in _MIRRORS.values()}
    trainer = [
        f"lightning_trainer_config.{key}"
        for key, value in config.lightning_trainer_config.items()
        if not (key in mirrors and (mirrors[key].read(value) is not None or value == _WITHOUT_EFFECT.get(key)))
    ]
    checkpoints = []
    if config.checkpoint_callback.monitor not in ("val_loss", "train_loss", None):
        checkpoints.append("checkpoint_callback.monitor")
    if config.checkpoint_callback.save_last == "link":
        checkpoints.append("checkpoint_callback.save_last")
    return [*trainer, *checkpoints]
