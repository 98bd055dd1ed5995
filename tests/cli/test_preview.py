"""patchmill preview."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from matplotlib.image import imread

from tests.cli.running import BAD, IMAGE, PLANES, configure, names, patchmill


@pytest.mark.parametrize("data_type", ["tiff", "array"])
@pytest.mark.parametrize("suffix", ["yml", "json"])
def test_preview_writes_a_picture_and_says_where(folder: Path, data_type: str, suffix: str) -> None:
    config = configure(f"config.{suffix}", data_type=data_type)
    result = patchmill("preview", config, "in.tif")
    assert (result.exit_code, result.stdout) == (0, "preview: preview.png\n")
    assert imread(folder / "preview.png").shape[2] == 4
    assert names(folder) == [config, "in.tif", "preview.png"]


def test_the_picture_of_an_earlier_preview_is_replaced(folder: Path) -> None:
    config = configure("config.yml")
    for items in ("1", "2"):
        result = patchmill("preview", config, "in.tif", "--items", items, "-o", "Other.PNG")
        assert result.exit_code == 0, result.output
    assert names(folder) == ["Other.PNG", "config.yml", "in.tif"]


def test_preview_takes_targets_and_another_name(folder: Path) -> None:
    config = configure("care.yml", n2v=False)
    tifffile.imwrite(folder / "target.tif", IMAGE)
    result = patchmill("preview", config, "in.tif", "--target", "target.tif", "-o", "care.png", "--items", "1")
    assert (result.exit_code, result.stdout) == (0, "preview: care.png\n")
    assert (folder / "care.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("none.yml in.tif", r"none\.yml: expected a configuration file, got none"),
        ("in.tif in.tif", r"in\.tif: expected a name that ends in \.yml, \.yaml or \.json"),
        ("text.yml in.tif", r"text\.yml: expected the fields of a configuration, got str"),
        ("config.yml none.tif", r"none\.tif: expected a file or a folder, got nothing of that name"),
        ("config.yml nan.tif", r"nan\.tif, sample 0, channel 0, pixel \(z=0, y=5, x=7\): expected a finite number"),
        ("config.yml narrow.tif", r"narrow\.tif, axis X: expected at least 16 pixels for a patch, got 6"),
        ("config.yml in.tif --target in.tif", r"targets: expected none for Noise2Void, got some"),
        ("config.yml in.tif --mask in.tif", r"--mask: expected none"),
        ("config.yml in.tif -o no/preview.png", r"no/preview\.png: expected a file that can be written"),
        ("config.yml in.tif -o in.tif", r"in\.tif: expected a name that ends in \.png for the picture, got 'in\.tif'"),
        ("config.yml in.tif -o config.yml", r"config\.yml: expected a name that ends in \.png for the picture"),
        ("config.yml image.png -o image.png", r"image\.png: expected no file of that name, or a PNG, got something"),
        ("volume.yml stack.tif", f"stack\\.tif{PLANES}"),
        ("custom.yml in.tif", r"custom\.yml: expected the data type 'tiff' or 'array', got 'custom'"),
    ],
)
def test_what_cannot_be_previewed_is_one_line_and_leaves_nothing(arguments: str, message: str, folder: Path) -> None:
    configure("config.yml")
    configure("custom.yml", data_type="custom")
    configure("volume.yml", axes="ZYX", patch_size=[8, 16, 16])
    tifffile.imwrite("stack.tif", np.stack([IMAGE] * 5))
    tifffile.imwrite("image.png", IMAGE)
    Path("text.yml").write_text("no configuration")
    for name in BAD.keys() & set(arguments.split()):
        BAD[name]()
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = patchmill("preview", *arguments.split())
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert re.match(f"Error: {message}", result.stderr.splitlines()[-1])
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
