"""Flips, quarter turns, masked pixels, normalization with given statistics."""

import pytest
from pydantic import ValidationError

from patchmill.config import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config


def test_defaults_are_those_of_careamics():
    assert XYFlipConfig().model_dump() == {"name": "XYFlip", "flip_x": True, "flip_y": True, "p": 0.5}
    assert XYRandomRotate90Config().model_dump() == {"name": "XYRandomRotate90", "p": 0.5}
    assert N2VManipulateConfig().model_dump() == {
        "name": "N2VManipulate",
        "roi_size": 11,
        "masked_pixel_percentage": 0.2,
        "strategy": "uniform",
        "struct_mask_axis": "none",
        "struct_mask_span": 5,
    }


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


@pytest.mark.parametrize("axis", ["horizontal", "vertical", "cross", "square"])
def test_pixels_along_an_axis_are_hidden_with_a_masked_one(axis):
    assert N2VManipulateConfig(struct_mask_axis=axis, struct_mask_span=15).struct_mask_span == 15


@pytest.mark.parametrize(
    "wrong",
    [
        {"masked_pixel_percentage": 0.04},
        {"masked_pixel_percentage": 11},
        {"strategy": "mean"},
        {"struct_mask_axis": "diagonal"},
        {"struct_mask_span": 1},
        {"struct_mask_span": 4},
        {"struct_mask_span": 17},
    ],
)
def test_masking_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        N2VManipulateConfig(**wrong)


@pytest.mark.parametrize("transform", [XYFlipConfig, XYRandomRotate90Config, N2VManipulateConfig])
def test_no_transform_has_a_seed_of_its_own(transform):
    assert transform(seed=None) == transform()
    with pytest.raises(ValidationError, match=r"the seed of DataConfig decides every draw, got 42\. Remove it"):
        transform(seed=42)


def test_normalization_with_given_statistics():
    config = NormalizeConfig(image_means=1, image_stds=[2], target_means=[3, 4], target_stds=[5, 6])
    assert config.model_dump() == {
        "name": "Normalize",
        "image_means": [1.0],
        "image_stds": [2.0],
        "target_means": [3.0, 4.0],
        "target_stds": [5.0, 6.0],
    }
    config.assign(target_means=None, target_stds=None)
    assert config == NormalizeConfig(image_means=[1], image_stds=[2])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"image_means": []}, "image_means"),
        ({"image_means": [1, 2]}, "image_means"),
        ({"image_stds": [-1]}, "image_stds"),
        ({"target_means": [1]}, "target_means"),
        ({"target_means": [1], "target_stds": [1, 2]}, "target_means"),
        ({"target_means": [1], "target_stds": [-1]}, "target_stds"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(wrong, field):
    with pytest.raises(ValidationError) as error:
        NormalizeConfig(**({"image_means": [1], "image_stds": [2]} | wrong))
    assert [line["loc"] for line in error.value.errors()] == [(field,)]
