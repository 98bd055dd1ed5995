"""Flips, quarter turns, masked pixels."""

import pytest
from pydantic import ValidationError

from patchmill import config
from patchmill.config import N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config


def test_defaults_are_those_of_careamics():
    assert XYFlipConfig().model_dump() == {"name": "XYFlip", "flip_x": True, "flip_y": True, "p": 0.5}
    assert XYRandomRotate90Config().model_dump() == {"name": "XYRandomRotate90", "p": 0.5}
    assert N2VManipulateConfig().model_dump() == {
        "name": "N2VManipulate",
        "roi_size": 11,
        "masked_pixel_percentage": 0.2,
        "strategy": "uniform",
    }


def test_the_model_names_of_careamics_are_aliases():
    assert config.XYFlipModel is XYFlipConfig
    assert config.XYRandomRotate90Model is XYRandomRotate90Config
    assert config.N2VManipulateModel is N2VManipulateConfig


@pytest.mark.parametrize("probability", [-0.1, 1.1])
@pytest.mark.parametrize("transform", [XYFlipConfig, XYRandomRotate90Config])
def test_a_probability_lies_between_0_and_1(transform, probability):
    with pytest.raises(ValidationError):
        transform(p=probability)


def test_a_flip_needs_an_axis():
    assert XYFlipConfig(flip_x=False).flip_y
    with pytest.raises(ValidationError, match="Leave XYFlipConfig out to flip nothing"):
        XYFlipConfig(flip_x=False, flip_y=False)


def test_the_region_of_interest_is_odd_and_from_3_to_21():
    accepted = []
    for size in range(30):
        try:
            accepted.append(N2VManipulateConfig(roi_size=size).roi_size)
        except ValidationError:
            continue
    assert accepted == list(range(3, 22, 2))


def test_an_even_region_of_interest_is_told_its_odd_neighbours():
    with pytest.raises(ValidationError, match=r"got 10\. Use 9 or 11"):
        N2VManipulateConfig(roi_size=10)


@pytest.mark.parametrize(
    "wrong", [{"masked_pixel_percentage": 0.04}, {"masked_pixel_percentage": 11}, {"strategy": "mean"}]
)
def test_masking_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        N2VManipulateConfig(**wrong)
