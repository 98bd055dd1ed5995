"""The usual configurations, and what a wrong argument gets."""

import inspect
import re

import pytest

from patchmill.config import (
    CheckpointConfig,
    MaxPatchFilterConfig,
    MinMaxConfig,
    N2VManipulateConfig,
    TrainingConfig,
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


SHARED = [
    "model_params",
    "optimizer",
    "optimizer_params",
    "lr_scheduler",
    "lr_scheduler_params",
    "train_dataloader_params",
    "val_dataloader_params",
    "checkpoint_params",
]
OF_N2V = [
    "independent_channels",
    "use_n2v2",
    "n_channels",
    "roi_size",
    "masked_pixel_percentage",
    "struct_n2v_axis",
    "struct_n2v_span",
    "trainer_params",
    "logger",
    *SHARED,
    "seed",
]
OF_CARE = ["independent_channels", "loss", "n_channels_in", "n_channels_out", "logger", "trainer_params", *SHARED]


@pytest.mark.parametrize(
    ("create", "names"),
    [
        (create_n2v_configuration, OF_N2V),
        (create_care_configuration, OF_CARE),
        (create_n2n_configuration, OF_CARE),
    ],
)
def test_arguments_come_in_the_order_of_careamics_and_ours_by_name(create, names):
    parameters = inspect.signature(create).parameters.values()
    by_position = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    first = ["experiment_name", "data_type", "axes", "patch_size", "batch_size", "num_epochs", "num_steps"]
    assert by_position == [*first, "augmentations", *names]
    ours = {"patching", "normalization", "channels", "patch_filter", "on_error", "n_files_mixed"}
    assert {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} - {"seed"} == ours


@ALL
def test_every_argument_is_documented_in_its_order(create):
    text = inspect.getdoc(create).split("Returns\n")[0]
    documented = [name for names in re.findall(r"^([a-z_0-9, ]+) : ", text, re.MULTILINE) for name in names.split(", ")]
    assert documented == list(inspect.signature(create).parameters)


@ALL
def test_ours_arrive(create):
    kept, normalization = MaxPatchFilterConfig(threshold=3), MinMaxConfig(input_mins=[0, 0], input_maxes=[1, 1])
    config = create(
        **(GIVEN | {"axes": "CYX", "data_type": "custom"}),
        patching="stratified",
        normalization=normalization,
        channels=(4, 2),
        patch_filter=kept,
        on_error="skip",
        n_files_mixed=3,
    )
    data = config.data_config
    assert (data.patching, data.normalization, data.channels) == ("stratified", normalization, [4, 2])
    assert (data.patch_filter, data.on_error, data.n_files_mixed) == (kept, "skip", 3)
    assert (config.algorithm_config.model.in_channels, config.algorithm_config.model.num_classes) == (2, 2)
    assert normalization is not data.normalization
    assert kept is not data.patch_filter


@ALL
def test_arguments_of_lightning_arrive(create):
    config = create(
        **GIVEN,
        num_epochs=5,
        num_steps=6,
        trainer_params={"devices": 2},
        logger="tensorboard",
        checkpoint_params={"save_top_k": 1},
    )
    assert config.training_config == TrainingConfig(
        num_epochs=5,
        num_steps=6,
        lightning_trainer_config={"devices": 2},
        logger="tensorboard",
        checkpoint_callback=CheckpointConfig(save_top_k=1),
    )
    assert config.training_config.lightning_trainer_config["max_epochs"] == 5
    assert create(**GIVEN).training_config == TrainingConfig()


def test_n2v2_is_a_network_and_medians():
    config = create_n2v_configuration(**GIVEN, use_n2v2=True)
    assert config.algorithm_config.model.n2v2
    assert config.data_config.transforms[-1].strategy == "median"
    config = create_n2v_configuration(**GIVEN)
    assert not config.algorithm_config.model.n2v2
    assert config.data_config.transforms[-1].strategy == "uniform"


def test_structn2v_hides_pixels_along_an_axis():
    config = create_n2v_configuration(**GIVEN, struct_n2v_axis="horizontal", struct_n2v_span=7)
    expected = N2VManipulateConfig(struct_mask_axis="horizontal", struct_mask_span=7)
    assert config.data_config.transforms[-1] == expected


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
        ({"data_type": "czi"}, "data_type: expected 'array', 'tiff' or 'custom', got 'czi'."),
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
        (
            {"lr_scheduler": "Cosine"},
            "lr_scheduler: expected 'ReduceLROnPlateau', 'StepLR' or 'WarmupCosine', got 'Cosine'.",
        ),
        ({"lr_scheduler": "StepLR"}, "lr_scheduler_params.step_size: expected a value, got nothing."),
        ({"train_dataloader_params": {"batch_size": 2}}, "train_dataloader_params: expected no batch_size, got 2."),
        ({"seed": -1}, "seed: expected at least 0, got -1."),
        ({"batch_size": None}, "batch_size: expected a whole number, got None."),
        ({"struct_n2v_axis": "x"}, "struct_n2v_axis: expected 'none', 'horizontal', 'vertical', 'cross' or 'square'"),
        ({"struct_n2v_span": 4}, "struct_n2v_span: expected an odd number"),
        ({"model_params": {"n2v2": True}}, "model_params: expected no 'n2v2', because 'use_n2v2' sets it."),
        ({"trainer_params": {"max_epochs": 3}}, "trainer_params.max_epochs: expected 100, as num_epochs says, got 3."),
        ({"trainer_params": {"max_epoch": 3}}, "trainer_params: expected arguments of Lightning's Trainer"),
        ({"logger": "csv"}, "logger: expected 'wandb', 'tensorboard' or 'none', got 'csv'."),
        ({"checkpoint_params": {"save_top_k": -2}}, "checkpoint_params.save_top_k: expected at least -1, got -2."),
        ({"checkpoint_params": {"top_k": 2}}, "checkpoint_params.top_k: expected no field of this name, got 2."),
        ({"normalization": "min_max"}, "normalization: expected a mapping, or a model of the right class"),
        ({"channels": [0]}, "channels: expected None, because axes 'YX' hold no C, got [0]. Add C to the axes."),
        ({"axes": "CYX", "channels": [0], "n_channels": 2}, "channels: expected 2 channels"),
        ({"patch_filter": {"name": "max"}}, "patch_filter.threshold: expected a value, got nothing. Add it."),
        (
            {"patching": "grid"},
            "patching: expected 'sequential', 'random', 'fixed_random' or 'stratified', got 'grid'.",
        ),
        ({"on_error": "warn"}, "on_error: expected 'raise' or 'skip', got 'warn'."),
        ({"n_files_mixed": 0}, "n_files_mixed: expected at least 1, got 0."),
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
