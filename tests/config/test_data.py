"""The data and its patches."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.config.data import LOADER_PARAMETERS
from tests.config.refusals import refusals
from tests.config.strategies import data_configs

GIVEN = {"data_type": "array", "axes": "YX", "patch_size": [64, 64]}


def test_defaults_are_those_of_careamics():
    config = DataConfig(**GIVEN)
    assert config.batch_size == 1
    assert config.patching is config.channels is config.patch_filter is None
    assert (config.on_error, config.n_files_mixed) == ("raise", 1)
    assert config.transforms == [XYFlipConfig(), XYRandomRotate90Config()]
    assert config.train_dataloader_params == {"shuffle": True}
    assert config.val_dataloader_params == {}
    assert config.image_means is config.image_stds is config.target_means is config.target_stds is None


def test_a_seed_is_drawn_once_and_kept():
    config, other = DataConfig(**GIVEN), DataConfig(**GIVEN, seed=None)
    assert config.seed != other.seed
    assert 0 <= config.seed < 2**63
    assert config.checked_copy().seed == config.seed


def test_a_seed_that_was_drawn_is_told_from_one_that_was_given():
    for config in (DataConfig(**GIVEN), DataConfig(**GIVEN, seed=None)):
        assert config.seed_is_drawn
        assert config.checked_copy().seed_is_drawn
        assert config.model_copy(deep=True).seed_is_drawn
        config.seed = 5
        assert not config.seed_is_drawn
    given = DataConfig(**GIVEN, seed=1)
    assert not given.checked_copy().seed_is_drawn
    assert not DataConfig(**DataConfig(**GIVEN).model_dump()).seed_is_drawn


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_a_given_seed_is_kept(seed):
    assert DataConfig(**GIVEN, seed=seed).seed == seed


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, "random"])
def test_a_seed_that_the_generator_cannot_take_is_refused(seed):
    with pytest.raises(ValidationError, match="seed"):
        DataConfig(**GIVEN, seed=seed)


def test_axes_are_upper_case_in_the_order_given():
    assert DataConfig(**(GIVEN | {"axes": "xyts"})).axes == "XYTS"


@pytest.mark.parametrize(("axes", "patch_size"), [("YX", [8, 9]), ("CZYX", (16, 33, 65)), ("TYX", np.array([100, 60]))])
def test_patches_of_any_size_from_8_are_accepted(axes, patch_size):
    config = DataConfig(data_type="tiff", axes=axes, patch_size=patch_size)
    assert config.patch_size == list(patch_size)
    assert all(type(size) is int for size in config.patch_size)


@pytest.mark.parametrize(
    ("axes", "patch_size", "message"),
    [
        ("YX", [64, 7], "at least 8 pixels"),
        ("YX", [64], "2 or 3 sizes"),
        ("YX", [], "2 or 3 sizes"),
        ("YX", [8, 8, 8, 8], "2 or 3 sizes"),
        ("YX", [16, 64, 64], "expected 2 sizes, YX, for axes 'YX'"),
        ("ZYX", [64, 64], "expected 3 sizes, ZYX, for axes 'ZYX'"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(axes, patch_size, message):
    with pytest.raises(ValidationError, match=message):
        DataConfig(data_type="array", axes=axes, patch_size=patch_size)


def test_n2v_comes_last_and_each_transform_once():
    flip, turn, mask = XYFlipConfig(), XYRandomRotate90Config(), N2VManipulateConfig()
    assert DataConfig(**GIVEN, transforms=[turn, flip, mask]).masks_pixels
    assert not DataConfig(**GIVEN, transforms=[turn]).masks_pixels
    assert not DataConfig(**GIVEN, transforms=[]).masks_pixels
    with pytest.raises(ValidationError, match="Move it to the end"):
        DataConfig(**GIVEN, transforms=[flip, mask, turn])
    with pytest.raises(ValidationError, match="at most once, got XYFlip, XYFlip"):
        DataConfig(**GIVEN, transforms=[flip, flip])


def test_statistics_are_set_together_and_from_arrays():
    config = DataConfig(**GIVEN)
    config.set_means_and_stds(np.array([0.1, 0.2], np.float32), [1, 0])
    assert config.image_means == [float(np.float32(0.1)), float(np.float32(0.2))]
    assert config.image_stds == [1.0, 0.0]
    assert config.target_means is None
    config.set_means_and_stds([1.0], [2.0], [3.0], [4.0])
    assert (config.image_means, config.image_stds, config.target_means, config.target_stds) == ([1], [2], [3], [4])
    assert all(type(value) is float for value in config.image_means)


@pytest.mark.parametrize(
    "statistics",
    [
        {"image_means": [1.0]},
        {"image_stds": [1.0]},
        {"image_means": [], "image_stds": []},
        {"image_means": [1.0, 2.0], "image_stds": [1.0]},
        {"image_means": [1.0], "image_stds": [-1.0]},
        {"image_means": [float("nan")], "image_stds": [1.0]},
        {"target_means": [1.0], "target_stds": [1.0]},
    ],
)
def test_statistics_that_do_not_fit_are_refused(statistics):
    with pytest.raises(ValidationError, match=r"_means|_stds"):
        DataConfig(**GIVEN, **statistics)


def test_statistics_are_removed_together():
    config = DataConfig(**GIVEN, image_means=[1.0], image_stds=[2.0], target_means=[3.0], target_stds=[4.0])
    config.set_means_and_stds(None, None)
    assert config.image_means is config.image_stds is config.target_means is config.target_stds is None


def test_statistics_that_are_refused_change_nothing():
    config = DataConfig(**GIVEN, image_means=[1.0], image_stds=[2.0])
    with pytest.raises(ValidationError):
        config.set_means_and_stds([5.0], [1.0, 2.0])
    assert (config.image_means, config.image_stds) == ([1.0], [2.0])


def test_training_is_shuffled_unless_an_order_is_given():
    def training(**parameters):
        return DataConfig(**GIVEN, train_dataloader_params=parameters).train_dataloader_params

    assert training(num_workers=2) == {"shuffle": True, "num_workers": 2}
    assert training(shuffle=False) == {"shuffle": False}
    assert training(sampler=[0, 1]) == {"sampler": [0, 1]}
    assert DataConfig(**GIVEN, val_dataloader_params={"num_workers": 2}).val_dataloader_params == {"num_workers": 2}


@pytest.mark.parametrize("which", ["train_dataloader_params", "val_dataloader_params"])
def test_the_loaders_take_their_own_arguments_only(which):
    with pytest.raises(ValidationError, match="Set the batch_size of the data instead"):
        DataConfig(**GIVEN, **{which: {"batch_size": 2}})
    with pytest.raises(ValidationError, match="Did you mean 'num_workers'"):
        DataConfig(**GIVEN, **{which: {"num_worker": 2}})


def test_every_argument_of_a_torch_loader_is_known():
    of_torch = set(inspect.signature(torch.utils.data.DataLoader).parameters) - {"dataset", "batch_size"}
    assert of_torch <= LOADER_PARAMETERS


@pytest.mark.parametrize("data_type", ["array", "tiff", "custom"])
def test_pixels_are_in_arrays_or_files(data_type):
    assert DataConfig(**(GIVEN | {"data_type": data_type})).data_type == data_type


@pytest.mark.parametrize("data_type", ["czi", "zarr"])
def test_other_files_are_read_by_a_function(data_type):
    (line,) = refusals(lambda: DataConfig(**(GIVEN | {"data_type": data_type})))
    assert line.endswith(f"got {data_type!r}. Use 'custom', with a read_source_func that reads such files.")


@pytest.mark.parametrize("patching", ["sequential", "random", "fixed_random", "stratified", None])
def test_every_kind_of_patching_is_accepted(patching):
    assert DataConfig(**GIVEN, patching=patching).patching == patching


def test_channels_are_picked_in_their_order():
    config = DataConfig(**(GIVEN | {"axes": "YXC"}), channels=np.array([3, 0]))
    assert config.channels == [3, 0]
    assert (config.n_channels, DataConfig(**GIVEN).n_channels) == (2, 1)
    assert DataConfig(**(GIVEN | {"axes": "YXC"})).n_channels is None


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"channels": [0]}, "channels: expected None, because axes 'YX' hold no C, got [0]. Add C to the axes."),
        ({"axes": "CYX", "channels": []}, "channels: expected at least one channel, and each once, got []."),
        ({"axes": "CYX", "channels": [1, 1]}, "channels: expected at least one channel, and each once, got [1, 1]."),
        ({"axes": "CYX", "channels": [0, -1]}, "channels[1]: expected at least 0, got -1."),
        ({"axes": "CYX", "channels": 1}, "channels: expected a list, got 1."),
        (
            {"axes": "CYX", "channels": [0, 5], "image_means": [1.0], "image_stds": [1.0]},
            "image_means: expected one for each of 2 channels (channels), got 1.",
        ),
        (
            {
                "axes": "CYX",
                "channels": [5],
                "normalization": {"name": "min_max", "input_mins": [0, 1], "input_maxes": 2},
            },
            "normalization.input_mins: expected as many values as in input_maxes",
        ),
        (
            {
                "axes": "CYX",
                "channels": [5],
                "normalization": {"name": "min_max", "input_mins": [0, 1], "input_maxes": [2, 2]},
            },
            "normalization.input_mins: expected one for each of 1 channels (channels), got 2.",
        ),
        ({"on_error": "ignore"}, "on_error: expected 'raise' or 'skip', got 'ignore'."),
        ({"n_files_mixed": 0}, "n_files_mixed: expected at least 1, got 0."),
        (
            {"patching": "tiled"},
            "patching: expected 'sequential', 'random', 'fixed_random' or 'stratified', got 'tiled'.",
        ),
        ({"patch_size": [64.5, 64]}, "patch_size[0]: expected a whole number, got 64.5."),
        ({"transforms": [{"name": "XYFlip", "p": 2}]}, "transforms[0].p: expected at most 1, got 2."),
        ({"transforms": [{"name": "Normalize"}]}, "transforms[0]: expected 'name' to be one of 'XYFlip'"),
        ({"patches": 3}, "patches: expected no field of this name, got 3. Check its spelling, or remove it."),
    ],
)
def test_what_is_wrong_gets_one_line_that_names_it(wrong, line):
    (found,) = refusals(lambda: DataConfig(**(GIVEN | wrong)))
    assert found.startswith(line)


def test_targets_keep_all_their_channels():
    fields = {"axes": "CYX", "channels": [5], "target_means": [1, 2], "target_stds": [3, 4]}
    config = DataConfig(**(GIVEN | fields), image_means=[0], image_stds=[1])
    assert (config.n_channels, config.target_means) == (1, [1.0, 2.0])


def test_axes_and_patch_size_change_together():
    config = DataConfig(**GIVEN)
    with pytest.raises(ValidationError, match="set_3D changes both"):
        config.axes = "ZYX"
    config.set_3D("zyx", (16, 32, 32))
    assert (config.axes, config.patch_size) == ("ZYX", [16, 32, 32])
    with pytest.raises(ValidationError, match="expected 2 sizes"):
        config.set_3D("YX", [16, 32, 32])
    assert (config.axes, config.patch_size) == ("ZYX", [16, 32, 32])


WRONG = {
    "data_type": ["hdf5", 3, None],
    "axes": ["XX", "", 5, None],
    "channels": [[-1], "0", [0, 0]],
    "normalization": [3, {"name": "l2"}, {"name": "none", "per_channel": True}],
    "image_stds": [[-1.0], ["x"]],
    "batch_size": [0, "many", None],
    "patch_size": [[4, 4], [64], 64, None],
    "patching": ["grid", 3],
    "patch_filter": [{"name": "max"}, 3],
    "transforms": [3, [{}], [{"name": "XYFlip"}, {"name": "XYFlip"}]],
    "on_error": ["warn", None],
    "n_files_mixed": [0, 1.5],
    "train_dataloader_params": [3, {"batch_size": 2}, {"num_worker": 1}],
    "val_dataloader_params": [None, {"shufle": True}],
    "seed": [-1, 2**63, "x"],
}


@given(config=data_configs(), fields=st.sets(st.sampled_from(sorted(WRONG)), min_size=1, max_size=4), data=st.data())
def test_every_wrong_field_gets_one_line_and_no_other_does(config, fields, data):
    wrong = {field: data.draw(st.sampled_from(WRONG[field])) for field in fields}
    lines = refusals(lambda: DataConfig(**{**config.__dict__, **wrong}))
    assert sorted(line.split(":")[0].split("[")[0].split(".")[0] for line in lines) == sorted(fields)
    before = config.model_copy(deep=True)
    for field, value in wrong.items():
        with pytest.raises(ValidationError):
            setattr(config, field, value)
        assert config == before
