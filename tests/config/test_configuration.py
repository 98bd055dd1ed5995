"""How the parts of a configuration fit together."""

import pytest
from pydantic import ValidationError

from patchmill.config import (
    CAREAlgorithm,
    Configuration,
    DataConfig,
    N2NAlgorithm,
    N2VAlgorithm,
    N2VManipulateConfig,
    TrainingConfig,
    UNetConfig,
)


def configuration(algorithm="care", model=None, name="name", **data):
    """Make a configuration that fits, except for what is given."""
    algorithms = {"n2v": N2VAlgorithm, "care": CAREAlgorithm, "n2n": N2NAlgorithm}
    defaults = {"data_type": "array", "axes": "YX", "patch_size": [64, 64]}
    if algorithm == "n2v":
        defaults["transforms"] = [N2VManipulateConfig()]
    return Configuration(
        experiment_name=name,
        algorithm_config=algorithms[algorithm](model=UNetConfig(**(model or {}))),
        data_config=DataConfig(**(defaults | data)),
    )


def refused(*args, **kwargs):
    """Give what was wrong: message by path."""
    with pytest.raises(ValidationError) as error:
        configuration(*args, **kwargs)
    return {".".join(map(str, line["loc"])): line["msg"] for line in error.value.errors()}


def test_defaults_are_those_of_careamics():
    config = configuration()
    assert config.version == "0.1.0"
    assert config.training_config == TrainingConfig(num_epochs=100, num_steps=None)
    assert config.algorithm_config.loss == "mae"
    assert config.algorithm_config.optimizer.name == "Adam"
    assert config.algorithm_config.lr_scheduler.name == "ReduceLROnPlateau"


def test_the_algorithm_is_chosen_by_its_name():
    content = configuration("n2n").model_dump()
    assert isinstance(Configuration(**content).algorithm_config, N2NAlgorithm)


@pytest.mark.parametrize("name", ["", "My experiment_2-b"])
def test_a_plain_name_is_accepted(name):
    assert configuration(name=name).experiment_name == name


@pytest.mark.parametrize("name", ["a/b", "a\n", "é", "a.b"])
def test_a_name_that_files_cannot_bear_is_refused(name):
    assert f"got {name!r}" in refused(name=name)["experiment_name"]


def test_dimensions_of_the_network_follow_the_axes():
    volume = {"axes": "ZYX", "patch_size": [16, 32, 32]}
    assert configuration(model={"conv_dims": 3}, **volume).algorithm_config.model.conv_dims == 3
    assert refused(**volume) == {
        "algorithm_config.model.conv_dims": "expected 3 for axes 'ZYX', got 2. Change it, or the axes."
    }
    assert "algorithm_config.model.conv_dims" in refused(model={"conv_dims": 3})


@pytest.mark.parametrize(
    ("depth", "patch_size", "nearest"),
    [
        (2, [60, 62], "Use [60, 60] or [60, 64]."),
        (2, [9, 8], "Use [8, 8] or [12, 8]."),
        (4, [8, 8], "Use [16, 16]."),
        (5, [40, 70], "Use [32, 64] or [64, 96]."),
        (1, [9, 11], "Use [8, 10] or [10, 12]."),
    ],
)
def test_a_patch_that_the_network_cannot_halve_is_told_the_nearest_sizes(depth, patch_size, nearest):
    message = refused(model={"depth": depth}, patch_size=patch_size)["data_config.patch_size"]
    assert message.startswith(f"expected multiples of {2**depth} ")
    assert message.endswith(f"got {patch_size}. {nearest}")


def test_patch_sizes_need_not_be_powers_of_two():
    assert configuration(patch_size=[100, 60]).data_config.patch_size == [100, 60]


def test_several_channels_need_c_in_the_axes():
    assert configuration(model={"in_channels": 2, "num_classes": 2}, axes="YXC")
    assert configuration(model={"num_classes": 3}, axes="CYX")
    problems = refused(model={"in_channels": 2, "num_classes": 2})
    assert set(problems) == {"algorithm_config.model.in_channels", "algorithm_config.model.num_classes"}


def test_statistics_are_those_of_the_channels():
    one, two = {"image_means": [0.0], "image_stds": [1.0]}, {"target_means": [0.0, 0.0], "target_stds": [1.0, 1.0]}
    assert configuration(model={"num_classes": 2}, axes="CYX", **one, **two)
    assert set(refused(**one, **two)) == {"data_config.target_means"}


def test_noise2void_masks_pixels_and_nothing_else_does():
    assert configuration("n2v")
    assert "Add it" in refused("n2v", transforms=[])["data_config.transforms"]
    assert "Remove it" in refused("care", transforms=[N2VManipulateConfig()])["data_config.transforms"]


def test_noise2void_predicts_its_input():
    model = {"in_channels": 2, "num_classes": 4}
    assert set(refused("n2v", model=model, axes="CYX")) == {"algorithm_config.model.num_classes"}


def test_noise2void_masks_at_least_one_pixel_of_a_patch():
    assert configuration("n2v", patch_size=[20, 28])
    message = refused("n2v", patch_size=[16, 16])["data_config.patch_size"]
    assert "expected at least 500 pixels" in message
    assert message.endswith("Use larger patches, or mask 0.4 %.")
    assert configuration("n2v", patch_size=[16, 16], transforms=[N2VManipulateConfig(masked_pixel_percentage=0.4)])


def test_all_that_does_not_fit_is_reported_at_once():
    assert len(refused("n2v", transforms=[], patch_size=[62, 62], model={"conv_dims": 3})) == 3


def test_another_version_is_refused():
    with pytest.raises(ValidationError, match="version"):
        Configuration(**(configuration().model_dump() | {"version": "0.2.0"}))
