"""Which patches are worth training on."""

import pytest

from patchmill.config import (
    DataConfig,
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    ShannonPatchFilterConfig,
)
from tests.config.refusals import refusals

GIVEN = {"data_type": "array", "axes": "CYX", "patch_size": [64, 64]}
FILTERS = [
    MaxPatchFilterConfig(threshold=3),
    MeanStdPatchFilterConfig(mean_threshold=3),
    ShannonPatchFilterConfig(threshold=3),
    MaskPatchFilterConfig(),
]


def test_by_default_nothing_is_left_out():
    assert DataConfig(**GIVEN).patch_filter is None


@pytest.mark.parametrize("kept", FILTERS)
def test_the_filter_is_chosen_by_its_name(kept):
    assert DataConfig(**GIVEN, patch_filter=kept.model_dump()).patch_filter == kept


def test_defaults():
    assert MaxPatchFilterConfig(threshold=1).model_dump(exclude={"name"}) == {
        "threshold": 1.0,
        "coverage": None,
        "ref_channel": 0,
    }
    assert MeanStdPatchFilterConfig(mean_threshold=1).model_dump(exclude={"name"}) == {
        "mean_threshold": 1.0,
        "std_threshold": None,
        "ref_channel": 0,
    }
    assert ShannonPatchFilterConfig(threshold=1).model_dump(exclude={"name"}) == {"threshold": 1.0, "ref_channel": 0}
    assert MaskPatchFilterConfig().model_dump(exclude={"name"}) == {"coverage": None}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"name": "max"}, "patch_filter.threshold: expected a value, got nothing. Add it."),
        ({"name": "max", "threshold": 1, "coverage": 0}, "patch_filter.coverage: expected more than 0, got 0."),
        ({"name": "mask", "coverage": 1.5}, "patch_filter.coverage: expected at most 1, got 1.5."),
        ({"name": "mask", "threshold": 1}, "patch_filter.threshold: expected no field of this name, got 1."),
        (
            {"name": "mean_std", "mean_threshold": 1, "std_threshold": -1},
            "patch_filter.std_threshold: expected at least",
        ),
        ({"name": "shannon", "threshold": -1}, "patch_filter.threshold: expected at least 0, got -1."),
        ({"name": "shannon", "threshold": 1, "ref_channel": -1}, "patch_filter.ref_channel: expected at least 0"),
        ({"name": "maximum"}, "patch_filter: expected 'name' to be one of 'max', 'mean_std', 'shannon', 'mask'"),
    ],
)
def test_a_wrong_filter_gets_one_line(wrong, line):
    (found,) = refusals(lambda: DataConfig(**GIVEN, patch_filter=wrong))
    assert found.startswith(line)


@pytest.mark.parametrize("kept", FILTERS[:3])
def test_the_channel_that_is_looked_at_is_one_of_those_picked(kept):
    def data(n, **fields):
        return DataConfig(**(GIVEN | fields), patch_filter=kept.model_copy(update={"ref_channel": n}))

    assert data(99)
    assert data(1, channels=[4, 7])
    for create in (lambda: data(2, channels=[4, 7]), lambda: data(1, axes="YX")):
        (line,) = refusals(create)
        assert line.startswith("patch_filter.ref_channel: expected less than ")
