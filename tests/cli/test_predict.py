"""patchmill predict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill import CAREamist
from patchmill.config import create_n2v_configuration
from patchmill.models import create_model
from patchmill.sources import read_tiff
from patchmill.training import save_checkpoint
from tests.cli.running import BAD, IMAGE, configure, names, patchmill


def checkpoint(axes: str = "YX") -> str:
    """Save a network that has seen nothing, and return the name of the file."""
    patch_size = [8, 16, 16] if "Z" in axes else [32, 32]
    config = create_n2v_configuration(
        "test", "tiff", axes, patch_size, 4, seed=1, model_params={"num_channels_init": 8}
    )
    config.data_config.set_means_and_stds([IMAGE.mean()], [IMAGE.std()])
    model = create_model(config.algorithm_config.model)
    save_checkpoint("best.safetensors", configuration=config, model=model, epoch=1)
    return "best.safetensors"


@pytest.fixture
def calls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Take note of what would be predicted, and predict nothing."""
    calls: dict[str, Any] = {}

    def predict_to_disk(_careamist: CAREamist, source: Any, **how: Any) -> list[Path]:
        calls.update(source=source, **how)
        return [Path.cwd() / how["prediction_dir"] / "in.tif", Path("/else/where.tif")]

    monkeypatch.setattr(CAREamist, "predict_to_disk", predict_to_disk, raising=False)
    return calls


def test_predict_takes_tiles_and_says_where_the_files_are(calls: dict[str, Any]) -> None:
    result = patchmill("predict", checkpoint(), "in.tif", "--device", "cpu")
    assert (result.exit_code, result.stderr) == (0, "")
    written = [Path("predictions", "in.tif"), Path("/else/where.tif")]
    assert result.stdout.splitlines() == [f"predicted: {path}" for path in written]
    assert calls == {
        "source": [Path("in.tif")],
        "data_type": "tiff",
        "axes": "YX",
        "tile_size": (40, 44),
        "tile_overlap": (0, 0),
        "batch_size": 4,
        "tta_transforms": False,
        "blend": None,
        "prediction_dir": Path("predictions"),
        "overwrite": False,
        "reflect_borders": True,
    }


def test_every_option_reaches_the_prediction(calls: dict[str, Any]) -> None:
    tifffile.imwrite("other.tif", IMAGE)
    tiles = ["--tile-size", "64,32", "--tile-overlap", "8", "--batch-size", "7"]
    options = ["--tta", "--blend", "gaussian", "--axes", "XY", "-o", "there", "--overwrite"]
    result = patchmill("predict", checkpoint(), "in.tif", "other.tif", *tiles, *options)
    assert result.exit_code == 0, result.output
    assert calls["source"] == [Path("in.tif"), Path("other.tif")]
    assert (calls["tile_size"], calls["tile_overlap"], calls["batch_size"]) == ((64, 32), (8, 8), 7)
    assert (calls["tta_transforms"], calls["blend"], calls["overwrite"]) == (True, "gaussian", True)
    assert (calls["axes"], calls["prediction_dir"]) == ("XY", Path("there"))


def test_tiles_are_as_large_as_the_largest_image_needs_them(calls: dict[str, Any]) -> None:
    tifffile.imwrite("wide.tif", np.zeros((42, 300), "u1"))
    assert patchmill("predict", checkpoint(), "in.tif", "wide.tif").exit_code == 0
    assert (calls["tile_size"], calls["tile_overlap"]) == ((44, 256), (0, 48))
    tifffile.imwrite("large.tif", np.zeros((300, 300), "u1"))
    assert patchmill("predict", checkpoint(), "in.tif", "large.tif").exit_code == 0
    assert (calls["tile_size"], calls["tile_overlap"]) == ((256, 256), (48, 48))
    assert patchmill("predict", checkpoint(), "large.tif", "--tile-size", "32").exit_code == 0
    assert (calls["tile_size"], calls["tile_overlap"]) == ((32, 32), (16, 16))


def test_volumes_have_tiles_of_their_own(calls: dict[str, Any]) -> None:
    tifffile.imwrite("in.tif", np.zeros((40, 130, 20), "u1"), imagej=True, metadata={"axes": "TYX"})
    assert patchmill("predict", checkpoint("ZYX"), "in.tif").exit_code == 0
    assert (calls["tile_size"], calls["tile_overlap"], calls["batch_size"]) == ((32, 128, 20), (8, 48, 0), 1)
    assert calls["axes"] == "ZYX", "as many axes as those of the training are those"


def test_images_with_more_axes_than_those_of_the_training_say_which(calls: dict[str, Any]) -> None:
    tifffile.imwrite("in.tif", np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "TYX"})
    assert patchmill("predict", checkpoint(), "in.tif").exit_code == 0
    assert calls["axes"] == "TYX"
    BAD["pages.tif"]()
    result = patchmill("predict", checkpoint(), "pages.tif")
    assert result.exit_code == 1
    assert re.match(r"Error: pages\.tif: expected the axes .*Give .*\(--axes\)", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("none.safetensors in.tif", r"none\.safetensors: expected a checkpoint, got no file"),
        ("in.tif in.tif", r"in\.tif: expected a checkpoint, got a damaged file, or another kind"),
        ("best.safetensors none.tif", r"none\.tif: expected a file or a folder, got nothing of that name"),
        ("config.yml in.tif", r"config\.yml: expected a checkpoint, got a configuration.*Give a \.safetensors file of"),
        ("run/Config.YAML in.tif", r"run/Config\.YAML: .*Give run/checkpoints/best\.safetensors\."),
        ("best.safetensors volume.tif", r"volume\.tif, axis Z: .*Give the axes with S in the place of Z \(--axes\) to"),
        (
            "best.safetensors restored -o restored/deep",
            r"restored: expected images beside the predictions in restored/d",
        ),
        ("best.safetensors in.tif --device tpu", r"Device: expected one of"),
    ],
)
def test_what_cannot_be_predicted_is_one_line_and_leaves_nothing(folder: Path, arguments: str, message: str) -> None:
    checkpoint()
    configure("config.yml")
    Path("run", "checkpoints").mkdir(parents=True)
    Path("run", "checkpoints", "best.safetensors").touch()
    Path("restored", "deep").mkdir(parents=True)
    tifffile.imwrite("restored/deep/in.tif", IMAGE)
    tifffile.imwrite("volume.tif", np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "ZYX"})
    before = names(folder)
    result = patchmill("predict", *arguments.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(f"Error: {message}", result.stderr.splitlines()[-1])
    assert names(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("best.safetensors", "Missing argument 'DATA...'"),
        ("best.safetensors in.tif --tile-size 64x64", "--tile-size"),
        ("best.safetensors in.tif --tile-overlap 8x8", "--tile-overlap"),
        ("best.safetensors in.tif --blend cubic", "--blend"),
        ("best.safetensors in.tif --batch-size 0", "--batch-size"),
    ],
)
def test_a_command_that_is_not_one_exits_with_2_and_says_why(folder: Path, arguments: str, message: str) -> None:
    result = patchmill("predict", *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_folder_is_predicted_into_another(folder: Path) -> None:
    (folder / "images" / "deep").mkdir(parents=True)
    (folder / "in.tif").rename(folder / "images" / "a.tif")
    tifffile.imwrite(folder / "images" / "deep" / "b.tif", IMAGE[:32])
    options = ["--tile-size", "32", "--tile-overlap", "8", "-o", "there", "--device", "cpu"]
    result = patchmill("predict", checkpoint(), "images", *options)
    assert result.exit_code == 0, result.output
    written = [Path("there", "a.tiff"), Path("there", "deep", "b.tiff")]
    assert result.stdout.splitlines() == [f"predicted: {path}" for path in written]
    assert [read_tiff(path).shape for path in written] == [IMAGE.shape, (32, 44)]
    again = patchmill("predict", checkpoint(), "images", *options)
    assert again.exit_code == 1
    assert "a.tif" in again.stderr


@pytest.mark.parametrize("place", ["top", "deep"])
@pytest.mark.parametrize("output", ["predictions", "restored", "restored/far"])
def test_predictions_among_the_images_are_not_predicted_again(folder: Path, output: str, place: str) -> None:
    images = folder / "images"
    image = images / ("a.tif" if place == "top" else "deep/a.tif")
    image.parent.mkdir(parents=True)
    (folder / "in.tif").rename(image)
    command = ["predict", checkpoint(), "images", "-o", f"images/{output}", "--device", "cpu", "--overwrite"]
    first, second = (patchmill(*command) for _ in range(2))
    assert first.exit_code == second.exit_code == 0, second.output
    assert first.stdout == second.stdout
    written = images / output / image.relative_to(images).with_suffix(".tiff")
    assert sorted(path for path in images.rglob("*.tif*") if path.is_file()) == sorted([image, written])


def test_predictions_that_are_named_are_images_as_others(folder: Path) -> None:
    (folder / "predictions").mkdir()
    (folder / "in.tif").rename(folder / "predictions" / "in.tiff")
    result = patchmill("predict", checkpoint(), "predictions", "--device", "cpu", "--overwrite")
    assert result.exit_code == 1
    assert "predictions/in.tiff: expected a file for the output, got one of the images" in result.stderr
    assert patchmill("predict", checkpoint(), "predictions", "-o", "twice", "--device", "cpu").exit_code == 0


def test_channels_are_not_taken_for_anything_else(calls: dict[str, Any]) -> None:
    name = checkpoint("TYX")
    tifffile.imwrite("in.ome.tif", np.stack([IMAGE] * 3), metadata={"axes": "CYX"})
    result = patchmill("predict", name, "in.ome.tif")
    assert result.exit_code == 1
    assert "in.ome.tif: expected the axes TYX, as the network was trained with, got CYX. Give the axes" in result.stderr
    assert not calls
    assert patchmill("predict", name, "in.ome.tif", "--axes", "TYX").exit_code == 0
    tifffile.imwrite("in.ome.tif", np.stack([IMAGE] * 3), metadata={"axes": "ZYX"})
    assert patchmill("predict", name, "in.ome.tif").exit_code == 0
    assert calls["reflect_borders"] is True
