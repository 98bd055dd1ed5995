"""The schedule of the learning rate, as torch has it."""

import inspect

import pytest
import torch
from pydantic import ValidationError

from patchmill.config import LrSchedulerConfig
from patchmill.config.lr_scheduler import PARAMETERS


@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "StepLR"])
def test_every_parameter_is_one_of_torch_with_the_default_of_torch(name):
    of_torch = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
    for field, described in PARAMETERS[name].model_fields.items():
        assert described.is_required() == (of_torch[field].default is inspect.Parameter.empty)
        assert described.is_required() or described.default == of_torch[field].default


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("ReduceLROnPlateau", {"patience": 3, "factor": 0.5, "mode": "min"}), ("StepLR", {"step_size": 10, "gamma": 0.5})],
)
def test_torch_takes_the_parameters_as_they_are(name, parameters):
    config = LrSchedulerConfig(name=name, parameters=parameters)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    scheduler = getattr(torch.optim.lr_scheduler, config.name)(optimizer, **config.parameters)
    assert {key: getattr(scheduler, key) for key in parameters} == parameters


def test_step_lr_needs_a_step_size():
    with pytest.raises(ValidationError, match=r"parameters\.step_size"):
        LrSchedulerConfig(name="StepLR")


@pytest.mark.parametrize(
    "parameters", [{"patience": -1}, {"factor": 1.0}, {"mode": "max"}, {"threshold_mode": "both"}, {"step_size": 3}]
)
def test_a_value_that_cannot_work_is_refused_with_its_name(parameters):
    with pytest.raises(ValidationError, match=rf"parameters\.{next(iter(parameters))}"):
        LrSchedulerConfig(parameters=parameters)


@pytest.mark.parametrize("parameters", [{"warmup_epochs": -1}, {"warmup_epochs": 0.5}, {"min_lr": -1.0}, {"T_max": 3}])
def test_a_cosine_refuses_what_it_does_not_know(parameters):
    with pytest.raises(ValidationError, match=rf"parameters\.{next(iter(parameters))}"):
        LrSchedulerConfig(name="WarmupCosine", parameters=parameters)
