"""The data and its patches."""

import inspect

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.config.data import LOADER_PARAMETERS

GIVEN = {"data_type": "array", "axes": "YX", "patch_size": [64, 64]}


def test_defaults_are_those_of_careamics():
    config = DataConfig(**GIVEN)
    assert config.batch_size == 1
    assert config.transforms == [XYFlipConfig(), XYRandomRotate90Config()]
    assert config.train_dataloader_params == {"shuffle": True}
    assert config.val_dataloader_params == {}
    assert config.image_means is config.image_stds is config.target_means is config.target_stds is None


def test_a_seed_is_drawn_once_and_kept():
    config, other = DataConfig(**GIVEN), DataConfig(**GIVEN, seed=None)
    assert config.seed != other.seed
    assert 0 <= config.seed < 2**63
    assert config.checked_copy().seed == config.seed


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
