"""The usual configurations, and what a wrong argument gets."""

import pytest

from patchmill.config import (
    N2VManipulateConfig,
    XYFlipConfig,
    XYRandomRotate90Config,
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.errors import ConfigError, PatchmillError

GIVEN = {"experiment_name": "name", "data_type": "array", "axes": "YX", "patch_size": [64, 64], "batch_size": 8}
SUPERVISED = pytest.mark.parametrize("create", [create_care_configuration, create_n2n_configuration])
ALL = pytest.mark.parametrize("create", [create_n2v_configuration, create_care_configuration, create_n2n_configuration])


@ALL
def test_defaults_are_those_of_careamics(create):
    config = create("name", "tiff", "YX", (64, 64), 8)
    model = config.algorithm_config.model
    assert (config.training_config.num_epochs, config.training_config.num_steps) == (100, None)
    assert (model.conv_dims, model.in_channels, model.num_classes) == (2, 1, 1)
    assert model.independent_channels
    assert config.data_config.transforms[:2] == [XYFlipConfig(), XYRandomRotate90Config()]
    assert config.data_config.train_dataloader_params == {"shuffle": True}


def test_noise2void_ends_with_its_masking():
    config = create_n2v_configuration(**GIVEN, roi_size=5, masked_pixel_percentage=1)
    assert config.algorithm_config.algorithm == config.algorithm_config.loss == "n2v"
    assert config.data_config.transforms[-1] == N2VManipulateConfig(roi_size=5, masked_pixel_percentage=1)


@SUPERVISED
def test_supervised_training_masks_nothing(create):
    config = create(**GIVEN, loss="mse")
    assert not config.data_config.masks_pixels
    assert config.algorithm_config.loss == "mse"


@ALL
def test_every_argument_arrives(create):
    config = create(
        **GIVEN,
        num_epochs=3,
        num_steps=7,
        augmentations=[XYFlipConfig(flip_x=False)],
        independent_channels=False,
        model_params={"depth": 3, "residual": True},
        optimizer="SGD",
        optimizer_params={"lr": 0.1},
        lr_scheduler="StepLR",
        lr_scheduler_params={"step_size": 2},
        train_dataloader_params={"num_workers": 2},
        val_dataloader_params={"num_workers": 1},
        seed=5,
    )
    assert (config.training_config.num_epochs, config.training_config.num_steps) == (3, 7)
    assert config.data_config.transforms[0] == XYFlipConfig(flip_x=False)
    assert len(config.data_config.transforms) == 1 + config.data_config.masks_pixels
    assert not config.algorithm_config.model.independent_channels
    assert (config.algorithm_config.model.depth, config.algorithm_config.model.residual) == (3, True)
    assert config.algorithm_config.optimizer.model_dump() == {"name": "SGD", "parameters": {"lr": 0.1}}
    assert config.algorithm_config.lr_scheduler.model_dump() == {"name": "StepLR", "parameters": {"step_size": 2}}
    assert config.data_config.train_dataloader_params == {"shuffle": True, "num_workers": 2}
    assert config.data_config.val_dataloader_params == {"num_workers": 1}
    assert config.data_config.seed == 5


@ALL
def test_z_in_the_axes_makes_the_network_3d(create):
    config = create(**(GIVEN | {"axes": "zyx", "patch_size": [8, 32, 32]}))
    assert config.algorithm_config.model.conv_dims == 3


def test_channels_of_noise2void_go_in_and_out():
    model = create_n2v_configuration(**(GIVEN | {"axes": "CYX"}), n_channels=3).algorithm_config.model
    assert (model.in_channels, model.num_classes) == (3, 3)


@SUPERVISED
def test_as_many_channels_come_out_as_go_in_unless_given(create):
    channels = GIVEN | {"axes": "YXC", "n_channels_in": 2}
    assert create(**channels).algorithm_config.model.num_classes == 2
    assert create(**channels, n_channels_out=4).algorithm_config.model.num_classes == 4
    with pytest.raises(ConfigError, match=r"^n_channels_out: .* Set independent_channels=False"):
        create(**channels, n_channels_out=1)


@ALL
def test_arguments_are_not_changed_and_not_shared(create):
    flip, model_params, optimizer_params = XYFlipConfig(), {"depth": 3}, {"lr": 0.1}
    config = create(**GIVEN, augmentations=[flip], model_params=model_params, optimizer_params=optimizer_params)
    config.data_config.transforms[0].p = 0.1
    config.algorithm_config.optimizer.parameters["lr"] = 1.0
    assert flip.p == 0.5
    assert model_params == {"depth": 3}
    assert optimizer_params == {"lr": 0.1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"experiment_name": "a/b"}, "experiment_name: expected letters"),
        ({"data_type": "czi"}, "data_type: expected 'array' or 'tiff', got 'czi'."),
        ({"axes": "QYX"}, "axes: expected letters of STCZYX"),
        ({"axes": None}, "axes: expected one letter per axis"),
        ({"axes": "ZYX"}, "patch_size: expected 3 sizes, ZYX, for axes 'ZYX', got [64, 64]."),
        ({"patch_size": 64}, "patch_size: expected a list, got 64."),
        ({"patch_size": [64, "a"]}, "patch_size[1]: expected a whole number, got 'a'."),
        ({"patch_size": [60, 62]}, "patch_size: expected multiples of 4"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0."),
        ({"num_epochs": 0}, "num_epochs: expected at least 1, got 0."),
        ({"num_steps": 0}, "num_steps: expected at least 1, got 0."),
        ({"augmentations": [XYFlipConfig(), XYFlipConfig()]}, "augmentations: expected each transform at most once"),
        ({"augmentations": [N2VManipulateConfig()]}, "augmentations: expected XYFlipConfig and"),
        ({"axes": "CYX"}, "n_channels: expected the number of channels, because axes 'CYX' hold C, got None."),
        ({"n_channels": 2}, "n_channels: expected 1, because axes 'YX' hold no C, got 2. Add C to the axes."),
        ({"n_channels": 0}, "n_channels: expected at least 1, got 0."),
        ({"roi_size": 4}, "roi_size: expected an odd number"),
        ({"masked_pixel_percentage": 20}, "masked_pixel_percentage: expected at most 10, got 20."),
        ({"model_params": {"depth": 0}}, "model_params.depth: expected at least 1, got 0."),
        ({"model_params": {"dept": 3}}, "model_params.dept: expected no field of this name, got 3."),
        ({"model_params": {"in_channels": 3}}, "model_params: expected no 'in_channels', because 'n_channels' sets it"),
        ({"optimizer": "Lion"}, "optimizer: expected 'Adam', 'AdamW', 'Adamax' or 'SGD', got 'Lion'."),
        ({"optimizer_params": {"lr": -1}}, "optimizer_params.lr: expected more than 0, got -1."),
        ({"lr_scheduler": "Cosine"}, "lr_scheduler: expected 'ReduceLROnPlateau' or 'StepLR', got 'Cosine'."),
        ({"lr_scheduler": "StepLR"}, "lr_scheduler_params.step_size: expected a value, got nothing."),
        ({"train_dataloader_params": {"batch_size": 2}}, "train_dataloader_params: expected no batch_size, got 2."),
        ({"seed": -1}, "seed: expected at least 0, got -1."),
    ],
)
def test_a_wrong_argument_gets_one_line_that_names_it(wrong, message):
    with pytest.raises(ConfigError) as error:
        create_n2v_configuration(**(GIVEN | wrong))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_several_wrong_arguments_get_a_line_each():
    with pytest.raises(ConfigError) as error:
        create_n2v_configuration(**(GIVEN | {"batch_size": 0, "num_epochs": "many", "roi_size": 2}))
    lines = str(error.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["batch_size", "num_epochs", "roi_size"]


def test_the_error_is_a_value_error_of_patchmill():
    assert issubclass(ConfigError, ValueError)
    assert issubclass(ConfigError, PatchmillError)
