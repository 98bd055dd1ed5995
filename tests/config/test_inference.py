"""Which images are predicted, and in which tiles."""

import pytest
from pydantic import ValidationError

from patchmill.config import InferenceConfig, MeanStdConfig, MinMaxConfig, NoNormConfig, QuantileConfig
from tests.config.refusals import refusals

GIVEN = {"data_type": "array", "axes": "YX", "image_means": [1.0], "image_stds": [2.0]}


def test_defaults_are_those_of_careamics():
    assert InferenceConfig(**GIVEN).model_dump() == {
        **GIVEN,
        "channels": None,
        "normalization": MeanStdConfig().model_dump(),
        "batch_size": 1,
        "tile_size": None,
        "tile_overlap": None,
        "tta_transforms": True,
    }


@pytest.mark.parametrize(
    ("axes", "tile_size", "tile_overlap"),
    [("YX", [64, 64], [48, 48]), ("yx", (100, 8), (0, 6)), ("SCZYX", [8, 64, 64], [2, 16, 0])],
)
def test_tiles_of_any_size_from_8_are_accepted(axes, tile_size, tile_overlap):
    config = InferenceConfig(**(GIVEN | {"axes": axes}), tile_size=tile_size, tile_overlap=tile_overlap)
    assert (config.tile_size, config.tile_overlap) == (list(tile_size), list(tile_overlap))


@pytest.mark.parametrize(
    ("wrong", "lines"),
    [
        ({"tile_size": [64, 64]}, ["tile_overlap: expected tile_size and tile_overlap, or neither"]),
        ({"tile_overlap": [8, 8]}, ["tile_size: expected tile_size and tile_overlap, or neither"]),
        ({"tile_size": [64, 7], "tile_overlap": [2, 2]}, ["tile_size: expected 2 or 3 sizes, (Z)YX, of at least 8"]),
        ({"tile_size": [64], "tile_overlap": [2, 2]}, ["tile_size: expected 2 or 3 sizes, (Z)YX, of at least 8"]),
        ({"tile_size": [64, 64], "tile_overlap": [3, 2]}, ["tile_overlap: expected even numbers of at least 0"]),
        ({"tile_size": [64, 64], "tile_overlap": [-2, 2]}, ["tile_overlap: expected even numbers of at least 0"]),
        ({"tile_size": [64, 64], "tile_overlap": [2, 64]}, ["tile_overlap: expected less than the tile, [64, 64]"]),
        ({"tile_size": [64, 64], "tile_overlap": [2]}, ["tile_overlap: expected 2 sizes, YX, for axes 'YX', got [2]."]),
        (
            {"axes": "ZYX", "tile_size": [64, 64], "tile_overlap": [2, 2]},
            ["tile_size: expected 3 sizes, ZYX", "tile_overlap: expected 3 sizes, ZYX"],
        ),
        (
            {"tile_size": [16, 64, 64], "tile_overlap": [2, 2, 2]},
            ["tile_size: expected 2 sizes, YX", "tile_overlap: expected 2 sizes, YX"],
        ),
        ({"axes": "YXQ"}, ["axes: expected letters of STCZYX"]),
        ({"data_type": "zarr"}, ["data_type: expected 'array', 'tiff' or 'custom', got 'zarr'. Use 'custom'"]),
        ({"batch_size": 0}, ["batch_size: expected at least 1, got 0."]),
        ({"channels": [0]}, ["channels: expected None, because axes 'YX' hold no C"]),
        ({"axes": "CYX", "channels": [0, 2]}, ["image_means: expected one for each of 2 channels (channels), got 1."]),
        ({"image_means": [1, 2]}, ["image_means: expected as many values as in image_stds"]),
        ({"image_stds": [-1]}, ["image_stds: expected standard deviations of at least 0"]),
        ({"image_means": None, "image_stds": None}, ["image_means: expected the means of the training"]),
        ({"target_means": [1]}, ["target_means: expected no field of this name"]),
    ],
)
def test_what_does_not_fit_gets_one_line(wrong, lines):
    found = refusals(lambda: InferenceConfig(**(GIVEN | wrong)))
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


@pytest.mark.parametrize("kind", [MinMaxConfig, QuantileConfig])
def test_the_values_of_the_training_are_needed(kind):
    (line,) = refusals(lambda: InferenceConfig(data_type="array", axes="YX", normalization=kind()))
    lower, upper, _ = kind.ranges[0]
    assert line.startswith(f"normalization.{lower}: expected the values of the training, and {upper}, got None.")
    InferenceConfig(data_type="array", axes="YX", normalization=kind(**{lower: 0, upper: 1}))


def test_what_is_not_normalised_needs_no_values():
    assert InferenceConfig(data_type="array", axes="YX", normalization=NoNormConfig()).image_means is None


def test_axes_and_tiles_change_together():
    config = InferenceConfig(**GIVEN, tile_size=[64, 64], tile_overlap=[8, 8])
    with pytest.raises(ValidationError, match="set_3D changes both"):
        config.axes = "ZYX"
    config.set_3D("ZYX", (8, 64, 64), (2, 8, 8))
    assert (config.axes, config.tile_size, config.tile_overlap) == ("ZYX", [8, 64, 64], [2, 8, 8])
    config.set_3D("YX", None, None)
    assert (config.axes, config.tile_size, config.tile_overlap) == ("YX", None, None)
