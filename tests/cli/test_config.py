"""patchmill config."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.config import Configuration, load_configuration
from tests.cli.running import IMAGE, names, patchmill


def written(*arguments: str) -> Configuration:
    """Write a configuration, and read it."""
    result = patchmill("config", *arguments, "--overwrite")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout == f"configuration: {arguments[1]}\n"
    return load_configuration(arguments[1])


@pytest.mark.parametrize("algorithm", ["n2v", "n2v2", "care", "n2n"])
@pytest.mark.parametrize("name", ["config.yml", "config.json"])
def test_each_algorithm_has_a_configuration_that_can_be_read(folder: Path, algorithm: str, name: str) -> None:
    config = written(algorithm, name, "--seed", "7", "--name", "my cells")
    found = config.algorithm_config
    assert found.algorithm == algorithm.replace("v2", "v")
    assert found.model.n2v2 == (algorithm == "n2v2")
    data = config.data_config
    assert (data.axes, data.patch_size, data.batch_size, data.seed) == ("YX", [64, 64], 16, 7)
    assert (data.data_type, config.experiment_name) == ("tiff", "my cells")
    assert config.training_config.num_epochs == 100


def test_every_field_has_a_comment(folder: Path) -> None:
    written("n2v2", "config.yml")
    *_, before, _ = lines = Path("config.yml").read_text().splitlines()
    assert before.lstrip().startswith("#")
    fields = [number for number, line in enumerate(lines) if re.match(r" *\w+:", line)]
    # What torch takes, and the loaders, is said above all of it together.
    told = {"lr", "shuffle"}
    bare = [lines[n] for n in fields if not lines[n - 1].lstrip(" -").startswith("#")]
    assert {line.split(":")[0].strip() for line in bare} <= told
    assert len(fields) > 50
    assert max(map(len, lines)) <= 100


SETTINGS: dict[str, tuple[list[str], Any]] = {
    "axes": (["--axes", "TYX"], lambda c: c.data_config.axes == "TYX"),
    "volumes": (
        ["--axes", "ZYX"],
        lambda c: (
            (c.data_config.patch_size, c.data_config.batch_size) == ([16, 64, 64], 4)
            and c.algorithm_config.model.conv_dims == 3
        ),
    ),
    "channels": (["--axes", "CYX", "--n-channels", "3"], lambda c: c.algorithm_config.model.in_channels == 3),
    "patch size": (["--patch-size", "32"], lambda c: c.data_config.patch_size == [32, 32]),
    "patch sizes": (["--patch-size", "32,48"], lambda c: c.data_config.patch_size == [32, 48]),
    "batch size": (["--batch-size", "5"], lambda c: c.data_config.batch_size == 5),
    "epochs": (["--epochs", "3"], lambda c: c.training_config.num_epochs == 3),
    "steps": (["--steps", "9"], lambda c: c.training_config.num_steps == 9),
    "lr": (["--lr", "0.01"], lambda c: c.algorithm_config.optimizer.parameters["lr"] == 0.01),
    "struct": (
        ["--struct-axis", "cross"],
        lambda c: c.data_config.transforms[-1].struct_mask_axis == "cross",
    ),
    "data": (["--data", "in.tif"], lambda c: c.data_config.patch_size == [20, 20]),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_option_reaches_the_configuration(folder: Path, setting: str) -> None:
    options, holds = SETTINGS[setting]
    assert not holds(written("n2v", "config.yml"))
    assert holds(written("n2v", "config.yml", *options))


def test_images_tell_their_axes_and_channels(folder: Path) -> None:
    tifffile.imwrite("in.tif", np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite("target.tif", np.stack([IMAGE] * 2), imagej=True, metadata={"axes": "CYX"})
    config = written("care", "config.yml", "--data", "in.tif", "--target", "target.tif")
    model = config.algorithm_config.model
    assert config.data_config.axes == "CYX"
    assert (model.in_channels, model.num_classes, model.independent_channels) == (3, 2, False)
    assert written("n2v", "config.yml", "--data", "in.tif").algorithm_config.model.independent_channels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("n2v config.txt", r"config\.txt: expected a name that ends in \.yml, \.yaml or \.json"),
        ("n2v in.tif", r"in\.tif: expected no file of that name, got one"),
        ("n2v config.yml --axes CYX", r"n_channels: expected the number of channels, because axes 'CYX' hold C"),
        ("n2v config.yml --patch-size 30", r"patch_size: expected multiples of 4"),
        ("n2v config.yml --data none.tif", r"none\.tif: expected a file or a folder, got nothing of that name"),
        ("n2v config.yml --lr -1", r"optimizer_params\.lr: expected more than 0"),
    ],
)
def test_what_makes_no_configuration_is_one_line_and_leaves_nothing(folder: Path, arguments: str, message: str) -> None:
    result = patchmill("config", *arguments.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(f"Error: {message}", result.stderr)
    assert names(folder) == ["in.tif"]


@pytest.mark.parametrize(
    "arguments", ["n2v", "sharpen config.yml", "care config.yml --struct-axis cross", "care c.yml --target in.tif"]
)
def test_a_command_that_is_not_one_exits_with_2(folder: Path, arguments: str) -> None:
    assert patchmill("config", *arguments.split()).exit_code == 2
    assert names(folder) == ["in.tif"]
