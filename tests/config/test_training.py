"""The length of a training, and what watches over it."""

import inspect
import warnings
from datetime import timedelta

import pytest
from hypothesis import given
from pydantic import ValidationError

from patchmill.config import CheckpointConfig, EarlyStoppingConfig, TrainingConfig, unsupported_options
from patchmill.config.training import TRAINER_PARAMETERS
from patchmill.errors import ConfigError
from tests.config.strategies import training_configs


def test_by_default_100_epochs_of_all_batches():
    assert TrainingConfig().model_dump() == {
        "num_epochs": 100,
        "num_steps": None,
        "max_steps": None,
        "precision": "32-true",
        "gradient_clip_val": None,
        "gradient_clip_algorithm": "norm",
        "accumulate_grad_batches": 1,
        "compile": False,
        "lightning_trainer_config": {},
        "logger": None,
        "checkpoint_callback": CheckpointConfig().model_dump(),
        "early_stopping_callback": None,
    }


@pytest.mark.parametrize("wrong", [{"num_epochs": 0}, {"num_steps": 0}, {"num_epochs": None}])
def test_nothing_is_trained_in_less_than_one_step(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainingConfig(**wrong)


@given(training_configs())
def test_lightning_is_told_the_same_length(config):
    trainer = config.lightning_trainer_config
    assert trainer["max_epochs"] == config.num_epochs
    if config.num_steps is not None:
        assert trainer["limit_train_batches"] == config.num_steps
    else:
        assert isinstance(trainer.get("limit_train_batches", 1.0), float)


def test_either_name_of_a_length_sets_the_other():
    own = TrainingConfig(num_epochs=3, num_steps=7)
    of_lightning = TrainingConfig(lightning_trainer_config={"max_epochs": 3, "limit_train_batches": 7})
    assert own == of_lightning
    assert own.lightning_trainer_config == {"max_epochs": 3, "limit_train_batches": 7}
    assert (of_lightning.num_epochs, of_lightning.num_steps) == (3, 7)


def test_an_assignment_to_either_name_sets_the_other():
    config = TrainingConfig(num_epochs=3, lightning_trainer_config={"devices": 2})
    config.num_epochs, config.num_steps = 4, 5
    assert config.lightning_trainer_config == {"max_epochs": 4, "limit_train_batches": 5, "devices": 2}
    config.lightning_trainer_config = {"max_epochs": 6, "limit_train_batches": None}
    assert (config.num_epochs, config.num_steps) == (6, 5)
    config.num_steps = None
    assert config.lightning_trainer_config == {"max_epochs": 6}
    config.lightning_trainer_config = {"limit_train_batches": 0.5, "max_epochs": None}
    assert config.lightning_trainer_config == {"max_epochs": 6, "limit_train_batches": 0.5}
    config.num_steps = None
    assert config.lightning_trainer_config == {"max_epochs": 6, "limit_train_batches": 0.5}
    callback = config.checkpoint_callback
    config.num_steps = 2
    assert config.lightning_trainer_config == {"max_epochs": 6, "limit_train_batches": 2}
    assert config.checkpoint_callback is callback


def test_two_lengths_that_differ_are_refused():
    for fields in (
        {"num_epochs": 3, "lightning_trainer_config": {"max_epochs": 4}},
        {"num_steps": 3, "lightning_trainer_config": {"limit_train_batches": 0.5}},
    ):
        with pytest.raises(ValidationError, match="expected 3, as num_"):
            TrainingConfig(**fields)
    config = TrainingConfig()
    config.lightning_trainer_config["max_epochs"] = 7
    with pytest.raises(ConfigError, match=r"max_epochs: expected 100, as num_epochs says, got 7"):
        config.checked_copy()


def test_a_dictionary_that_is_given_stays_as_it_was():
    trainer = {"devices": 1}
    config = TrainingConfig(num_epochs=2, lightning_trainer_config=trainer)
    config.num_epochs = 3
    assert trainer == {"devices": 1}


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"max_epoch": 3}, "got 'max_epoch'. Did you mean 'max_epochs'?"),
        ({"zzz": 3}, "got 'zzz'. Remove it."),
        ({"max_epochs": 0}, "expected max_epochs to be a whole number of at least 1, got 0."),
        ({"max_epochs": -1}, "got -1. Set num_epochs instead."),
        ({"max_epochs": True}, "got True. Set num_epochs instead."),
        ({"max_epochs": "many"}, "got 'many'. Set num_epochs instead."),
        ({"limit_train_batches": 0}, "got 0. Set num_steps instead."),
        ({"limit_train_batches": 1.5}, "or a share above 0.0 and up to 1.0, got 1.5."),
        ({"max_steps": 0}, "expected max_steps to be a whole number of at least 1, or -1 for no limit, got 0."),
        ({"precision": 3.5}, "expected precision to be the name of a precision, got 3.5. Set precision instead."),
        ({"gradient_clip_val": -1.0}, "expected gradient_clip_val to be a number of at least 0, got -1.0."),
        ({"gradient_clip_algorithm": "L2"}, "to be 'norm' or 'value', got 'L2'."),
        ({"accumulate_grad_batches": 0}, "to be a whole number of at least 1, got 0."),
    ],
)
def test_what_lightning_would_not_take_is_refused(trainer, message):
    config = TrainingConfig()
    with pytest.raises(ValidationError) as error:
        TrainingConfig(lightning_trainer_config=trainer)
    with pytest.raises(ValidationError):
        config.lightning_trainer_config = trainer
    (line,) = error.value.errors()
    assert line["loc"] == ("lightning_trainer_config",)
    assert message in line["msg"]
    assert config == TrainingConfig()


def test_every_argument_of_lightnings_trainer_is_known():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning = pytest.importorskip("lightning.pytorch")
    assert set(inspect.signature(lightning.Trainer).parameters) <= TRAINER_PARAMETERS


def test_no_logger_is_none():
    assert TrainingConfig(logger="none").logger is TrainingConfig().logger is None
    config = TrainingConfig(logger="wandb")
    config.logger = "none"
    assert config.logger is None
    with pytest.raises(ValidationError, match=r"expected 'wandb', 'tensorboard' or 'none', got 'csv'"):
        config.logger = "csv"


def test_callbacks_have_the_defaults_of_careamics():
    assert CheckpointConfig().model_dump() == {
        "monitor": "val_loss",
        "verbose": False,
        "save_weights_only": False,
        "save_last": True,
        "save_top_k": 3,
        "mode": "min",
        "auto_insert_metric_name": False,
        "every_n_train_steps": None,
        "train_time_interval": None,
        "every_n_epochs": None,
    }
    assert EarlyStoppingConfig().model_dump() == {
        "monitor": "val_loss",
        "min_delta": 0.0,
        "patience": 3,
        "verbose": False,
        "mode": "min",
        "check_finite": True,
        "stopping_threshold": None,
        "divergence_threshold": None,
        "check_on_train_epoch_end": False,
        "log_rank_zero_only": False,
    }


def test_checkpoints_come_at_one_kind_of_interval():
    assert CheckpointConfig(train_time_interval="PT10M").train_time_interval == timedelta(minutes=10)
    with pytest.raises(ValidationError, match="got every_n_train_steps and every_n_epochs"):
        CheckpointConfig(every_n_train_steps=1, every_n_epochs=2)


def test_several_best_checkpoints_need_something_to_choose_them_by():
    assert CheckpointConfig(monitor=None, save_top_k=1).monitor is None
    with pytest.raises(ValidationError, match="Monitor 'val_loss'"):
        CheckpointConfig(monitor=None)


STEPS = {
    "max_steps": 9,
    "precision": "bf16-mixed",
    "gradient_clip_val": 0.5,
    "gradient_clip_algorithm": "value",
    "accumulate_grad_batches": 3,
}
"""Fields that Lightning's Trainer has by the same name, with other values than their defaults."""


def test_how_steps_are_made_may_be_said_to_either():
    own, of_lightning = TrainingConfig(**STEPS), TrainingConfig(lightning_trainer_config=STEPS)
    assert own == of_lightning
    assert own.lightning_trainer_config == {"max_epochs": 100, **STEPS}
    assert own.model_dump(include={*STEPS, "lightning_trainer_config"}) == {**STEPS, "lightning_trainer_config": {}}


@pytest.mark.parametrize("name", STEPS)
def test_an_assignment_is_told_to_lightning_and_can_be_taken_back(name):
    config = TrainingConfig()
    default = getattr(config, name)
    setattr(config, name, STEPS[name])
    assert config.lightning_trainer_config == {"max_epochs": 100, name: STEPS[name]}
    setattr(config, name, default)
    assert config == TrainingConfig()
    with pytest.raises(ValidationError, match=rf"{name}: expected .*, as {name} says, got|Give {name} only"):
        TrainingConfig(**{name: 4 if name == "max_steps" else default or 0.1}, lightning_trainer_config=STEPS)


@pytest.mark.parametrize(
    ("of_lightning", "own"),
    [(32, "32-true"), ("32", "32-true"), ("bf16", "bf16-mixed"), (16, "16-mixed"), ("16", "16-mixed")],
)
def test_lightnings_other_names_of_a_precision_are_understood(of_lightning, own):
    config = TrainingConfig(lightning_trainer_config={"precision": of_lightning})
    assert config.precision == own
    assert unsupported_options(config) == []


def test_a_precision_that_only_lightning_has_stays_there():
    config = TrainingConfig(lightning_trainer_config={"precision": "64-true"})
    assert config.precision == "32-true"
    assert config.lightning_trainer_config == {"max_epochs": 100, "precision": "64-true"}
    config.precision = "16-mixed"
    assert config == TrainingConfig(precision="16-mixed")


def test_what_only_lightning_does_is_listed():
    assert unsupported_options(TrainingConfig()) == []
    assert unsupported_options(TrainingConfig(**STEPS, logger="wandb", early_stopping_callback={})) == []
    nothing = {"limit_train_batches": 1.0, "max_steps": -1, "gradient_clip_val": 0}
    assert unsupported_options(TrainingConfig(lightning_trainer_config=nothing)) == []
    config = TrainingConfig(
        lightning_trainer_config={"limit_train_batches": 0.5, "devices": 2, "precision": "64-true"},
        checkpoint_callback={"save_top_k": 2, "verbose": True, "monitor": "accuracy", "save_last": "link"},
    )
    assert unsupported_options(config) == [
        "lightning_trainer_config.limit_train_batches",
        "lightning_trainer_config.precision",
        "lightning_trainer_config.devices",
        "checkpoint_callback.monitor",
        "checkpoint_callback.save_last",
    ]
