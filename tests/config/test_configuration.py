"""How the parts of a configuration fit together."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patchmill.config import (
    CAREAlgorithm,
    Configuration,
    DataConfig,
    N2NAlgorithm,
    N2VAlgorithm,
    N2VManipulateConfig,
    QuantileConfig,
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


@given(
    patch_size=st.lists(st.integers(8, 30), min_size=2, max_size=3),
    depth=st.integers(1, 4),
    percentage=st.floats(0.05, 10),
)
def test_the_sizes_that_are_proposed_are_accepted(patch_size, depth, percentage):
    """Whatever patch is asked for, each of the proposals gets further: to the network, then to the masks."""
    is_3d = len(patch_size) == 3
    fields = {"axes": "ZYX" if is_3d else "YX", "model": {"depth": depth, "conv_dims": 2 + is_3d}}
    masking = [N2VManipulateConfig(masked_pixel_percentage=percentage)]
    for _ in range(2):
        try:
            configuration("n2v", patch_size=patch_size, transforms=masking, **fields)
        except ValidationError as error:
            sizes = [json.loads(found) for found in re.findall(r"\[[\d, ]+\]", error.errors()[-1]["msg"])]
            assert sizes[0] == patch_size
            patch_size = sizes[-1]
    assert configuration("n2v", patch_size=patch_size, transforms=masking, **fields)


def test_noise2void_masks_at_least_one_pixel_of_a_patch():
    assert configuration("n2v", patch_size=[20, 28])
    message = refused("n2v", patch_size=[16, 16])["data_config.patch_size"]
    assert "expected at least 500 pixels" in message
    assert message.endswith("Use larger patches, such as [24, 24], or mask 0.4 %.")
    assert configuration("n2v", patch_size=[16, 16], transforms=[N2VManipulateConfig(masked_pixel_percentage=0.4)])


def test_all_that_does_not_fit_is_reported_at_once():
    assert len(refused("n2v", transforms=[], patch_size=[62, 62], model={"conv_dims": 3})) == 3


def test_another_version_is_refused():
    with pytest.raises(ValidationError, match="version"):
        Configuration(**(configuration().model_dump() | {"version": "0.2.0"}))


def test_channels_that_are_picked_are_those_of_the_network():
    model = {"in_channels": 2, "num_classes": 4}
    assert configuration(model=model, axes="CYX", channels=[7, 3])
    problems = refused(model=model, axes="CYX", channels=[7])
    assert problems == {
        "data_config.channels": (
            "expected 2 channels (in_channels of the network), got 1. Change them, or the network."
        )
    }


@pytest.mark.parametrize(
    ("normalization", "field"),
    [
        ({"name": "min_max", "input_mins": [0], "input_maxes": [1]}, "input_mins"),
        ({"name": "min_max", "target_mins": [0, 0], "target_maxes": [1, 1]}, "target_mins"),
        (
            {"name": "quantile", "input_lower_quantile_values": [0], "input_upper_quantile_values": [1]},
            "input_lower_quantile_values",
        ),
        ({"name": "quantile", "lower_quantiles": [0, 0], "upper_quantiles": [1, 1]}, "lower_quantiles"),
        ({"name": "quantile", "lower_quantiles": [0, 0, 0], "upper_quantiles": [1, 1, 1]}, "lower_quantiles"),
    ],
)
def test_a_normalization_has_a_value_for_every_channel(normalization, field):
    problems = refused(model={"in_channels": 2, "num_classes": 4}, axes="CYX", normalization=normalization)
    assert set(problems) == {f"data_config.normalization.{field}"}


def test_levels_of_targets_that_are_skipped_are_not_needed():
    levels = {"lower_quantiles": [0, 0], "upper_quantiles": [1, 1]}
    model = {"in_channels": 2, "num_classes": 4}
    assert configuration(model=model, axes="CYX", normalization=QuantileConfig(skip_target=True, **levels))


@pytest.mark.parametrize("n2v2", [True, False])
@pytest.mark.parametrize("strategy", ["uniform", "median"])
def test_the_network_and_the_masks_of_n2v2_may_come_alone(n2v2, strategy):
    assert configuration("n2v", model={"n2v2": n2v2}, transforms=[N2VManipulateConfig(strategy=strategy)])


@pytest.mark.parametrize("algorithm", ["care", "n2n"])
def test_only_noise2void_has_a_variant_n2v2(algorithm):
    assert set(refused(algorithm, model={"n2v2": True})) == {"algorithm_config.model.n2v2"}


def test_dimensions_change_together():
    config = configuration("n2v", name="my experiment")
    data, before = config.data_config, config.model_copy(deep=True)
    with pytest.raises(ValidationError, match="conv_dims"):
        config.set_3D(False, "ZYX", [16, 64, 64])
    with pytest.raises(ValidationError, match="multiples of 4"):
        config.set_3D(True, "ZYX", [18, 64, 64])
    assert config == before
    config.set_3D(True, "ZYX", (16, 64, 64))
    assert config.algorithm_config.model.conv_dims == 3
    assert config.data_config is data
    assert (data.axes, data.patch_size) == ("ZYX", [16, 64, 64])
    config.set_3D(False, "YX", [64, 64])
    assert config == before


def test_names_of_files_hold_no_spaces():
    assert configuration(name="my long experiment").get_safe_experiment_name() == "my_long_experiment"


def test_printed_it_shows_every_field():
    config = configuration()
    assert eval(str(config)) == config.model_dump()
