"""What all models share: checks on creation and on assignment, and no shared parts."""

import copy
import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from patchmill.config import (
    Configuration,
    DataConfig,
    N2VAlgorithm,
    OptimizerConfig,
    UNetConfig,
    XYFlipConfig,
    create_n2v_configuration,
)
from patchmill.errors import ConfigError


@pytest.fixture
def config() -> Configuration:
    return create_n2v_configuration("base", "array", "YX", [64, 64], 8)


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="flip_z"):
        XYFlipConfig(flip_z=True)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        (lambda config: config, "experiment_name", "a/b"),
        (lambda config: config.data_config, "batch_size", 0),
        (lambda config: config.data_config, "axes", "ZYX"),
        (lambda config: config.data_config, "image_means", [1.0]),
        (lambda config: config.data_config.transforms[0], "p", 1.5),
        (lambda config: config.algorithm_config.model, "depth", 0),
        (lambda config: config.algorithm_config.model, "in_channels", 0),
        (lambda config: config.algorithm_config.optimizer, "parameters", {"lr": -1}),
        (lambda config: config.algorithm_config.lr_scheduler, "name", "StepLR"),
        (lambda config: config.training_config, "num_epochs", 0),
    ],
)
def test_an_assignment_that_is_refused_changes_nothing(config, part, field, value):
    before = config.model_copy(deep=True)
    with pytest.raises(ValidationError):
        setattr(part(config), field, value)
    assert config == before


def test_an_assignment_is_converted_like_an_argument(config):
    config.data_config.patch_size = (np.int64(32), 48)
    config.data_config.axes = "xy"
    assert config.data_config.patch_size == [32, 48]
    assert type(config.data_config.patch_size[0]) is int
    assert config.data_config.axes == "XY"


def test_infinite_and_undefined_numbers_are_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValidationError, match="finite"):
            XYFlipConfig(p=value)


def test_models_given_to_another_model_are_copied_and_checked():
    data = DataConfig(data_type="array", axes="YX", patch_size=[64, 64])
    algorithm = N2VAlgorithm(model=UNetConfig())
    data.transforms.append("not a transform")
    with pytest.raises(ValidationError, match="transforms"):
        Configuration(experiment_name="", algorithm_config=algorithm, data_config=data)


def test_two_configurations_share_no_part(config):
    other = create_n2v_configuration("base", "array", "YX", [64, 64], 8)
    other.data_config.transforms[0].p = 0.1
    other.algorithm_config.optimizer.parameters["lr"] = 1.0
    other.data_config.train_dataloader_params["shuffle"] = False
    assert config.data_config.transforms[0].p == 0.5
    assert config.algorithm_config.optimizer.parameters == OptimizerConfig().parameters == {}
    assert config.data_config.train_dataloader_params == {"shuffle": True}


def test_a_checked_copy_is_equal_and_deep(config):
    copied = config.checked_copy()
    assert copied == config
    copied.data_config.patch_size[0] = 128
    assert config.data_config.patch_size == [64, 64]


def test_a_checked_copy_finds_what_no_assignment_could_see(config):
    config.data_config.patch_size = [64, 62]
    with pytest.raises(ConfigError, match=r"^data_config\.patch_size: expected multiples of 4"):
        config.checked_copy()


def test_models_survive_pickling_and_copying(config):
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config
