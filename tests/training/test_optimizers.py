"""Optimizers and schedulers are torch's, with the arguments that were asked for."""

from __future__ import annotations

import pytest
import torch

from patchmill.config import LrSchedulerConfig, OptimizerConfig
from patchmill.training import create_lr_scheduler, create_optimizer


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Adam", {"lr": 0.25, "betas": (0.5, 0.9)}),
        ("AdamW", {"weight_decay": 0.5}),
        ("Adamax", {"eps": 0.5}),
        ("SGD", {"lr": 0.25, "momentum": 0.5}),
    ],
)
def test_an_optimizer_gets_its_parameters(name: str, parameters: dict[str, object]) -> None:
    weights = [torch.nn.Parameter(torch.zeros(3))]
    optimizer = create_optimizer(OptimizerConfig(name=name, parameters=parameters), weights)
    assert type(optimizer).__name__ == name
    assert {key: optimizer.param_groups[0][key] for key in parameters} == parameters


@pytest.mark.parametrize(
    ("name", "parameters"), [("ReduceLROnPlateau", {"patience": 7}), ("StepLR", {"step_size": 3, "gamma": 0.5})]
)
def test_a_scheduler_gets_its_parameters(name: str, parameters: dict[str, object]) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(3))])
    scheduler = create_lr_scheduler(LrSchedulerConfig(name=name, parameters=parameters), optimizer)
    assert type(scheduler).__name__ == name
    assert {key: getattr(scheduler, key) for key in parameters} == parameters


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_an_optimizer_is_fused_unless_something_else_is_asked_for(name: str) -> None:
    weights = [torch.nn.Parameter(torch.zeros(3))]
    parameters = {"lr": 0.1}
    assert create_optimizer(OptimizerConfig(name=name, parameters=parameters), weights).defaults["fused"]
    for other in ({"fused": False}, {"foreach": True}):
        config = OptimizerConfig(name=name, parameters={**parameters, **other})
        assert not create_optimizer(config, weights).defaults["fused"]
    assert "fused" not in create_optimizer(OptimizerConfig(name="Adamax"), weights).defaults
