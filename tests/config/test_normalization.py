"""What the pixels are normalised by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patchmill.config import DataConfig, MeanStdConfig, MinMaxConfig, NoNormConfig, QuantileConfig
from tests.config.refusals import refusals
from tests.config.strategies import finite, ranges

GIVEN = {"data_type": "array", "axes": "CYX", "patch_size": [64, 64]}
MINMAX = ("input_mins", "input_maxes", "target_mins", "target_maxes")
QUANTILES = tuple(f"{side}_{end}_quantile_values" for side in ("input", "target") for end in ("lower", "upper"))
KINDS = pytest.mark.parametrize(("kind", "names"), [(MinMaxConfig, MINMAX), (QuantileConfig, QUANTILES)])


def test_defaults():
    shared = {"per_channel": True, "skip_target": False}
    assert DataConfig(**GIVEN).normalization == MeanStdConfig()
    assert MeanStdConfig().model_dump() == {"name": "mean_std", **shared}
    assert MinMaxConfig().model_dump() == {"name": "min_max", **shared, **dict.fromkeys(MINMAX)}
    levels = {"lower_quantiles": [0.01], "upper_quantiles": [0.99]}
    assert QuantileConfig().model_dump() == {"name": "quantile", **shared, **levels, **dict.fromkeys(QUANTILES)}
    assert NoNormConfig().model_dump() == {"name": "none"}


@pytest.mark.parametrize("kind", [MeanStdConfig, MinMaxConfig, QuantileConfig, NoNormConfig])
def test_the_kind_is_chosen_by_its_name(kind):
    name = kind.model_fields["name"].default
    assert DataConfig(**GIVEN, normalization={"name": name}).normalization == kind()


def test_a_wrong_kind_is_told_the_right_ones():
    expected = "expected 'name' to be one of 'mean_std', 'min_max', 'quantile', 'none', got {'name': 'zscore'}."
    assert refusals(lambda: DataConfig(**GIVEN, normalization={"name": "zscore"})) == [f"normalization: {expected}"]


@KINDS
def test_a_plain_number_is_that_of_one_channel(kind, names):
    config = kind(**{names[0]: 0, names[1]: np.float32(255)})
    assert (getattr(config, names[0]), getattr(config, names[1])) == ([0.0], [255.0])


@KINDS
@given(data=st.data())
def test_both_ends_are_set_together_and_from_arrays(kind, names, data):
    lower, upper = data.draw(ranges(3, alike=False))
    config = kind()
    for side, (setter, fields) in enumerate(zip(kind.ranges, (names[:2], names[2:]), strict=True)):
        getattr(config, setter[2])(np.array(lower), (value for value in upper))
        assert [getattr(config, field) for field in fields] == [lower, upper]
        assert side == 1 or getattr(config, names[2]) is None


@KINDS
def test_one_end_alone_is_refused(kind, names):
    config = kind()
    with pytest.raises(ValidationError, match=r"Set them together, with set_input_"):
        setattr(config, names[0], [1.0])
    assert config == kind()
    for field in names:
        (line,) = refusals(lambda field=field: kind(**{field: [1.0]}))
        assert line.startswith((f"{names[0]}: expected as many", f"{names[2]}: expected as many"))


@KINDS
@given(value=finite, other=finite)
def test_the_upper_end_is_above_the_lower_one(kind, names, value, other):
    low, high = sorted((value, other))
    (line,) = refusals(lambda: kind(**{names[0]: [-1.0, high], names[1]: [1.0, low]}))
    assert line.startswith(f"{names[1]}: expected more than {high}, the value of {names[0]}[1], got {low}.")


@KINDS
def test_all_channels_are_normalised_alike_where_they_are_not_apart(kind, names):
    kind(per_channel=False, **{names[0]: [1.0, 1.0], names[1]: [2.0, 2.0]})
    lines = refusals(lambda: kind(per_channel=False, **{names[0]: [1.0, 0.0], names[1]: [2.0, 3.0]}))
    assert [line.split(":")[0] for line in lines] == list(names[:2])
    assert all(line.endswith("Repeat one value, or set per_channel=True.") for line in lines)


@KINDS
def test_targets_that_are_skipped_have_no_values(kind, names):
    (line,) = refusals(lambda: kind(skip_target=True, **{names[2]: [1.0], names[3]: [2.0]}))
    assert line.startswith(f"{names[2]}: expected None, because skip_target is True")
    with pytest.raises(ValidationError):
        getattr(kind(skip_target=True), kind.ranges[1][2])([1.0], [2.0])


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        ({"lower_quantiles": -0.1}, "lower_quantiles[0]: expected at least 0, got -0.1."),
        ({"upper_quantiles": [0.5, 1.1]}, "upper_quantiles[1]: expected at most 1, got 1.1."),
        ({"lower_quantiles": 0.99}, "upper_quantiles: expected more than 0.99, the value of lower_quantiles[0]"),
        ({"lower_quantiles": [0.1, 0.2]}, "lower_quantiles: expected as many values as in upper_quantiles"),
        ({"lower_quantiles": [], "upper_quantiles": []}, "lower_quantiles: expected as many values"),
        (
            {"per_channel": False, "lower_quantiles": [0.1, 0.2], "upper_quantiles": [0.8, 0.9]},
            "lower_quantiles: expected one level, because per_channel is False",
        ),
        (
            {
                "lower_quantiles": [0.1, 0.2],
                "upper_quantiles": [0.8, 0.9],
                "input_lower_quantile_values": [0, 0, 0],
                "input_upper_quantile_values": [1, 1, 1],
            },
            "lower_quantiles: expected one level, or one for each of the 3 channels of input_lower_quantile_values",
        ),
    ],
)
def test_levels_that_do_not_fit_are_refused(levels, line):
    (found,) = refusals(lambda: QuantileConfig(**levels))
    assert found.startswith(line)


def test_means_are_for_one_kind_only():
    means = {"image_means": [1.0], "image_stds": [2.0], "target_means": [3.0], "target_stds": [4.0]}
    lines = refusals(lambda: DataConfig(**GIVEN, **means, normalization=MinMaxConfig()))
    assert [line.split(",")[0] for line in lines] == ["image_means: expected None", "target_means: expected None"]
    config = DataConfig(**GIVEN, **means)
    config.set_means_and_stds(None, None)
    config.normalization = NoNormConfig()
    with pytest.raises(ValidationError, match="or normalise by mean_std"):
        config.set_means_and_stds([1.0], [2.0])


def test_means_of_channels_that_are_not_apart_are_equal():
    alike = MeanStdConfig(per_channel=False)
    DataConfig(**GIVEN, normalization=alike, image_means=[1, 1], image_stds=[2, 2])
    (line,) = refusals(lambda: DataConfig(**GIVEN, normalization=alike, image_means=[1, 2], image_stds=[2, 2]))
    assert line.startswith("image_means: expected the same value for every channel")


def test_means_of_targets_that_are_skipped_are_refused():
    means = {"image_means": [1], "image_stds": [2], "target_means": [3], "target_stds": [4]}
    (line,) = refusals(lambda: DataConfig(**GIVEN, **means, normalization=MeanStdConfig(skip_target=True)))
    assert line.startswith("target_means: expected None, because skip_target is True")
