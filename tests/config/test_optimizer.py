"""The optimizer, as torch has it."""

import inspect

import pytest
import torch
from pydantic import ValidationError

from patchmill.config import OptimizerConfig
from patchmill.config.optimizer import PARAMETERS


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_one_of_torch_with_the_default_of_torch(name):
    of_torch = inspect.signature(getattr(torch.optim, name)).parameters
    for field, described in PARAMETERS[name].model_fields.items():
        assert described.default == of_torch[field].default


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Adam", {"lr": 1e-4, "betas": (0.8, 0.99), "amsgrad": True}),
        ("AdamW", {"weight_decay": 0.1, "eps": 1e-6}),
        ("Adamax", {"lr": 1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ],
)
def test_torch_takes_the_parameters_as_they_are(name, parameters):
    config = OptimizerConfig(name=name, parameters=parameters)
    weight = torch.nn.Parameter(torch.zeros(1))
    (group,) = getattr(torch.optim, config.name)([weight], **config.parameters).param_groups
    assert {key: group[key] for key in parameters} == parameters


def test_only_given_parameters_are_kept():
    assert OptimizerConfig().parameters == {}
    assert OptimizerConfig(parameters={"lr": "1e-4"}).parameters == {"lr": 1e-4}


def test_an_unknown_parameter_is_told_the_known_ones():
    with pytest.raises(ValidationError, match=r"SGD takes lr, momentum, .*") as error:
        OptimizerConfig(name="SGD", parameters={"betas": (0.9, 0.99)})
    assert error.value.errors()[0]["loc"] == ("parameters", "betas")


@pytest.mark.parametrize(
    ("name", "parameters", "path"),
    [
        ("Adam", {"lr": 0}, "parameters.lr"),
        ("Adam", {"lr": -1, "eps": "small"}, "parameters.eps"),
        ("Adam", {"betas": (0.9, 1.0)}, "parameters.betas"),
        ("Adam", {"betas": [0.9]}, "parameters.betas"),
        ("SGD", {"momentum": -0.1}, "parameters.momentum"),
        ("SGD", {"nesterov": True}, "parameters.nesterov"),
        ("RMSprop", {}, "name"),
    ],
)
def test_a_value_that_torch_would_refuse_is_refused_with_its_name(name, parameters, path):
    with pytest.raises(ValidationError, match=rf"(?m)^{path}"):
        OptimizerConfig(name=name, parameters=parameters)


def test_another_optimizer_must_take_the_parameters_that_are_there():
    config = OptimizerConfig(parameters={"lr": 0.1, "betas": (0.9, 0.99)})
    with pytest.raises(ValidationError, match=r"parameters\.betas"):
        config.name = "SGD"
    assert config.name == "Adam"
