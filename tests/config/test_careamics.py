"""The files that CAREamics v0.1.0 saved, and its names."""

import copy
import importlib
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml

from patchmill import config as patchmill_config
from patchmill.config import (
    CheckpointConfig,
    DataConfig,
    EarlyStoppingConfig,
    LrSchedulerConfig,
    N2VAlgorithm,
    N2VManipulateConfig,
    NormalizeConfig,
    OptimizerConfig,
    TrainingConfig,
    UNetConfig,
    XYFlipConfig,
    XYRandomRotate90Config,
    algorithm_factory,
    load_configuration,
    save_configuration,
    support,
    unsupported_options,
)
from patchmill.config.careamics import from_careamics
from patchmill.config.normalization import Normalization
from patchmill.errors import ConfigError

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("careamics_0_1_0_*.yml"))


def load(name):
    return load_configuration(DATA / f"careamics_0_1_0_{name}.yml")


def test_noise2void_is_read():
    config = load("n2v")
    assert config.experiment_name == "n2v"
    assert config.data_config.transforms == [XYFlipConfig(), XYRandomRotate90Config(), N2VManipulateConfig()]
    assert config.data_config.seed == 42
    assert config.data_config.train_dataloader_params == {"shuffle": True, "num_workers": 2, "pin_memory": False}
    assert config.training_config == TrainingConfig(num_epochs=100)
    assert unsupported_options(config.training_config) == []


def test_n2v2_is_read_with_all_that_can_be_set():
    config = load("n2v2")
    assert config.algorithm_config.model == UNetConfig(
        conv_dims=3,
        in_channels=2,
        num_classes=2,
        depth=3,
        num_channels_init=16,
        independent_channels=False,
        n2v2=True,
    )
    assert config.algorithm_config.optimizer == OptimizerConfig(name="SGD", parameters={"lr": 0.01, "momentum": 0.9})
    assert config.algorithm_config.lr_scheduler == LrSchedulerConfig(name="StepLR", parameters={"step_size": 3})
    assert config.data_config.transforms == [
        XYFlipConfig(flip_x=False),
        N2VManipulateConfig(roi_size=5, masked_pixel_percentage=1.5, strategy="median"),
    ]
    assert (config.data_config.axes, config.data_config.patch_size) == ("CZYX", [16, 32, 32])
    assert (config.data_config.image_means, config.data_config.image_stds) == ([1.0, 234.56789], [1e-3, 12345679.0])
    assert config.training_config == TrainingConfig(
        num_epochs=7,
        num_steps=20,
        lightning_trainer_config={"accelerator": "cpu", "precision": "16-mixed"},
        logger="wandb",
        checkpoint_callback=CheckpointConfig(save_top_k=-1, every_n_epochs=2),
    )


def test_structn2v_is_read():
    assert load("structn2v").data_config.transforms == [
        N2VManipulateConfig(struct_mask_axis="vertical", struct_mask_span=7)
    ]


def test_supervised_training_is_read():
    care, n2n = load("care"), load("n2n")
    assert (care.algorithm_config.algorithm, care.algorithm_config.loss) == ("care", "mse")
    assert (care.data_config.data_type, care.data_config.target_stds) == ("custom", [1.0, 2.0, 3.0, 4.0])
    assert care.training_config.early_stopping_callback == EarlyStoppingConfig(patience=5)
    assert (n2n.algorithm_config.algorithm, n2n.training_config.num_epochs) == ("n2n", 2)
    assert n2n.data_config.transforms == [XYFlipConfig(), XYRandomRotate90Config()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_read_is_saved_as_patchmills(tmp_path, path):
    config = load_configuration(path)
    assert load_configuration(save_configuration(config, tmp_path / "config.yml")) == config


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_content_of_a_file_stays_as_it_is(path):
    content = yaml.safe_load(path.read_text())
    before = copy.deepcopy(content)
    from_careamics(content)
    assert content == before


@pytest.mark.parametrize(
    ("part", "change", "line"),
    [
        (
            "data_config",
            {"data_type": "czi"},
            "data_config.data_type: expected 'array', 'tiff' or 'custom', got 'czi'.",
        ),
        ("algorithm_config", {"monitor_metric": "train_loss"}, "algorithm_config.monitor_metric: expected no field"),
        ("algorithm_config", {"n2v_config": 3}, "algorithm_config.n2v_config: expected no field"),
        ("algorithm_config", {"algorithm": "hdn"}, "algorithm_config: expected 'algorithm' to be one of 'n2v'"),
        (
            "data_config",
            {"transforms": [{"name": "XYFlip", "seed": 3}]},
            "data_config.transforms[0].seed: expected none",
        ),
        ("data_config", {"transforms": 3}, "data_config.transforms: expected a list, got 3."),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, part, change, line):
    content = yaml.safe_load((DATA / "careamics_0_1_0_n2v.yml").read_text())
    content[part].update(change)
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as error:
        load_configuration(path)
    assert line in str(error.value)


def test_augmentations_that_are_not_in_the_file_are_the_usual_ones(tmp_path):
    content = yaml.safe_load((DATA / "careamics_0_1_0_n2v.yml").read_text())
    del content["data_config"]["transforms"]
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(content))
    assert load_configuration(path) == load("n2v")


def test_the_former_model_names_are_aliases():
    names = {
        "Checkpoint": CheckpointConfig,
        "Data": DataConfig,
        "EarlyStopping": EarlyStoppingConfig,
        "Inference": patchmill_config.InferenceConfig,
        "LrScheduler": LrSchedulerConfig,
        "N2VManipulate": N2VManipulateConfig,
        "Normalize": NormalizeConfig,
        "Optimizer": OptimizerConfig,
        "Training": TrainingConfig,
        "UNet": UNetConfig,
        "XYFlip": XYFlipConfig,
        "XYRandomRotate90": XYRandomRotate90Config,
    }
    assert all(getattr(patchmill_config, f"{name}Model") is model for name, model in names.items())


@pytest.mark.parametrize("module", ["augmentations", "transformations"])
def test_transforms_are_where_careamics_has_them(module):
    found = importlib.import_module(f"patchmill.config.{module}")
    assert found.XYFlipConfig is XYFlipConfig
    assert all(getattr(found, name) is getattr(patchmill_config, name) for name in found.__all__)


@pytest.mark.parametrize(
    ("enumeration", "model", "field"),
    [
        ("Activation", UNetConfig, "final_activation"),
        ("Architecture", UNetConfig, "architecture"),
        ("Data", DataConfig, "data_type"),
        ("Logger", TrainingConfig, "logger"),
        ("Optimizer", OptimizerConfig, "name"),
        ("PixelManipulation", N2VManipulateConfig, "strategy"),
        ("Scheduler", LrSchedulerConfig, "name"),
        ("StructAxis", N2VManipulateConfig, "struct_mask_axis"),
    ],
)
def test_an_enumeration_has_what_the_field_takes(enumeration, model, field):
    annotation = model.model_fields[field].annotation
    literal = annotation if get_origin(annotation) is Literal else get_args(annotation)[0]
    assert {member.value for member in getattr(support, f"Supported{enumeration}")} == set(get_args(literal))


def test_the_enumerations_of_names_are_complete():
    normalizations = {model.model_fields["name"].default for model in get_args(get_args(Normalization)[0])}
    assert {member.value for member in support.SupportedNormalization} == normalizations
    transforms = (XYFlipConfig, XYRandomRotate90Config, N2VManipulateConfig, NormalizeConfig)
    assert {member.value for member in support.SupportedTransform} == {
        model.model_fields["name"].default for model in transforms
    }
    algorithms = {kind.model_fields["algorithm"].default for kind in (N2VAlgorithm, *SUPERVISED)}
    assert {member.value for member in support.SupportedAlgorithm} == algorithms
    losses = {loss for kind in (N2VAlgorithm, *SUPERVISED) for loss in get_args(kind.model_fields["loss"].annotation)}
    assert {member.value for member in support.SupportedLoss} == losses


SUPERVISED = (patchmill_config.CAREAlgorithm, patchmill_config.N2NAlgorithm)


def test_a_member_of_an_enumeration_is_a_plain_string_in_a_configuration():
    config = DataConfig(data_type=support.SupportedData.TIFF, axes="YX", patch_size=[64, 64])
    assert type(config.data_type) is str


def test_an_algorithm_is_made_from_its_fields():
    algorithm = algorithm_factory({"algorithm": "n2v", "model": {"depth": 3}})
    assert algorithm == N2VAlgorithm(model=UNetConfig(depth=3))
    with pytest.raises(ConfigError, match=r"^model\.depth: expected at least 1, got 0\.$"):
        algorithm_factory({"algorithm": "care", "model": {"depth": 0}})
    with pytest.raises(ConfigError, match="expected 'algorithm' to be one of 'n2v', 'care', 'n2n'"):
        algorithm_factory({"algorithm": "pn2v"})
