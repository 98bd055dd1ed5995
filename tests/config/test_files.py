"""Configurations as files."""

import json
import struct
import sys
from pathlib import Path

import pytest
import yaml

from patchmill.config import (
    Configuration,
    DataConfig,
    MeanStdConfig,
    TrainingConfig,
    create_n2v_configuration,
    load_configuration,
    save_configuration,
)
from patchmill.errors import ConfigError, MissingFileError, OutputError, ReadError

DATA = Path(__file__).parent / "data"
SUFFIXES = pytest.mark.parametrize("suffix", [".yml", ".yaml", ".json"])


def bits(data: DataConfig) -> list[bytes]:
    statistics = (data.image_means, data.image_stds, data.target_means, data.target_stds)
    return [struct.pack("<d", value) for values in statistics for value in values or []]


@pytest.fixture
def config() -> Configuration:
    return create_n2v_configuration("files", "array", "YX", [64, 64], 8)


@SUFFIXES
def test_noise2void_comes_back(tmp_path, suffix, config):
    assert load_configuration(save_configuration(config, str(tmp_path / f"config{suffix}"))) == config


def test_extreme_floats_come_back(tmp_path, config):
    for value in (sys.float_info.max, sys.float_info.min, 5e-324, 0.1 + 0.2, 1e22, 1e16, -0.0):
        config.data_config.set_means_and_stds([value], [abs(value)])
        for suffix in (".yml", ".json"):
            path = save_configuration(config, tmp_path / f"config{suffix}")
            assert bits(load_configuration(path).data_config) == bits(config.data_config)


@pytest.mark.parametrize("name", ["n2v.yml", "care.json"])
def test_a_file_of_before_the_present_fields_is_read(name):
    config = load_configuration(DATA / f"patchmill_{name}")
    assert config.data_config.patching == "random"
    assert config.data_config.seed == 7
    assert config.data_config.normalization == MeanStdConfig()
    assert config.training_config == TrainingConfig(num_epochs=3, num_steps=4)


def test_yaml_is_plain_and_pleasant_to_edit(tmp_path, config):
    text = save_configuration(config, tmp_path / "config.yml").read_text()
    assert "patch_size: [64, 64]\n" in text
    assert "  - name: XYFlip\n" in text
    assert yaml.safe_load(text)["data_config"]["seed"] == config.data_config.seed


def test_a_number_without_a_point_may_be_written_by_hand(tmp_path, config):
    path = save_configuration(config, tmp_path / "config.yml")
    path.write_text(path.read_text().replace("parameters: {}", "parameters: {lr: 1e-4}", 1))
    assert load_configuration(path).algorithm_config.optimizer.parameters == {"lr": 1e-4}


def test_in_a_folder_the_file_is_config_yml(tmp_path, config):
    assert save_configuration(config, tmp_path) == tmp_path / "config.yml"


def test_folders_on_the_way_are_made_and_nothing_else_is_left(tmp_path, config):
    path = save_configuration(config, tmp_path / "a" / "b" / "config.json")
    save_configuration(config, path)
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path, config, monkeypatch):
    path = save_configuration(config, tmp_path / "config.yml")
    before = path.read_text()
    config.data_config.batch_size = 99

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OutputError, match=r"config\.yml: .*No space left"):
        save_configuration(config, path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path, config):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"config\.yml"):
        save_configuration(config, tmp_path / "file" / "config.yml")


def test_what_no_file_can_hold_is_refused(tmp_path, config):
    config.data_config.train_dataloader_params = {"collate_fn": print}
    with pytest.raises(ConfigError, match=r"config\.yml: expected plain values"):
        save_configuration(config, tmp_path / "config.yml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["config.txt", "config"])
def test_other_suffixes_are_refused(tmp_path, config, name):
    with pytest.raises(ConfigError, match=rf"expected a name that ends in .yml, .yaml or .json, got '{name}'"):
        save_configuration(config, tmp_path / name)
    with pytest.raises(ConfigError, match="ends in"):
        load_configuration(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"nothing\.yml"):
        load_configuration(tmp_path / "nothing.yml")


def test_a_folder_is_no_configuration(tmp_path):
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(ReadError, match=r"folder\.yml"):
        load_configuration(tmp_path / "folder.yml")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yml", b"a: [1,\nb: 2", "expected YAML, got a mistake in line 2"),
        ("a.yml", b"a: \x00", "expected YAML, got a mistake"),
        ("a.yml", b"!!python/object/apply:os.system ['true']", "expected YAML, got a mistake"),
        ("a.yml", b"a: 2020-13-45", "expected YAML, got a mistake: month must be in 1..12"),
        ("a.yml", b"[" * 5000, "expected YAML, got a mistake"),
        ("a.json", b"[" * 200_000, "expected JSON, got a mistake"),
        ("a.json", b"9" * 5000, "expected JSON, got a mistake"),
        ("a.yml", b"\xff\xfe\xff", "expected text in UTF-8, got byte 0"),
        ("a.yml", b"", "expected the fields of a configuration, got NoneType"),
        ("a.json", b"[1, 2]", "expected the fields of a configuration, got list"),
        ("a.json", b'{"a": 1,}', "expected JSON, got a mistake in line 1, column"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_configuration(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_wrong_fields_are_named_with_the_file(tmp_path, config):
    path = save_configuration(config, tmp_path / "config.json")
    content = json.loads(path.read_text())
    content["data_config"]["batch_size"] = 0
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError) as error:
        load_configuration(path)
    assert str(error.value) == f"{path}: data_config.batch_size: expected at least 1, got 0."
    content["algorithm_config"]["model"]["dept"] = 2
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError) as error:
        load_configuration(path)
    assert str(error.value).splitlines() == [
        f"{path}: 2 problems",
        "  algorithm_config.model.dept: expected no field of this name, got 2. Check its spelling, or remove it.",
        "  data_config.batch_size: expected at least 1, got 0.",
    ]


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(ReadError, match=r"config\.yml: .*Permission denied"):
        load_configuration(tmp_path / "config.yml")
