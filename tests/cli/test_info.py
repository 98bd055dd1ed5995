"""patchmill info."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from patchmill.cli import app
from tests.cli.running import BAD, IMAGE, PLANES, patchmill


def test_info_tells_what_a_file_is_like(folder: Path) -> None:
    result = patchmill("info", "in.tif", "--patch-size", "16")
    assert (result.exit_code, result.stderr) == (0, "")
    row = next(line.split() for line in result.stdout.splitlines() if "in.tif" in line)
    assert row == ["in.tif", "40", "x", "44", "YX", "uint16", "3.44", "KiB", "mapped"]
    channel = next(line.split() for line in result.stdout.splitlines() if re.match(r" +0 ", line))
    assert channel[1:] == [f"{value:.6g}" for value in (IMAGE.mean(), IMAGE.std(), IMAGE.min(), IMAGE.max())]
    summary = dict(re.findall(r"^(\w+): +(.*)$", result.stdout, re.MULTILINE))
    assert summary["patches"] == "9 (sequential, stratified), 7 (random, fixed_random) of 16 x 16 in an epoch"
    assert summary["pixels"] == "0 B to decode, 3.44 KiB mapped"
    assert re.fullmatch(r"[\d.]+ [KMGT]iB usable, so that training opens all files together", summary["memory"])


def test_info_for_machines_is_json_and_nothing_else(folder: Path) -> None:
    result = patchmill("info", "in.tif", "--patch-size", "16", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    said = json.loads(result.stdout)
    (file,) = said["files"]
    assert file == {
        "path": "in.tif",
        "shape": [40, 44],
        "axes": "YX",
        "tifffile_axes": "YX",
        "dtype": "uint16",
        "n_samples": 1,
        "n_channels": 1,
        "size_zyx": [1, 40, 44],
        "bytes": IMAGE.nbytes,
        "is_mapped": True,
    }
    assert said["statistics"] == {
        "means": [pytest.approx(IMAGE.mean())],
        "stds": [pytest.approx(IMAGE.std())],
        "minima": [IMAGE.min()],
        "maxima": [IMAGE.max()],
    }
    assert said["patch_size"] == [16, 16]
    assert said["patches_per_epoch"] == {"sequential": 9, "stratified": 9, "random": 7, "fixed_random": 7}
    assert (said["axes"], said["dataset"], said["unreadable"], said["problems"]) == ("YX", "in memory", [], [])
    assert said["memory"].keys() == {"usable_bytes", "decoded_bytes", "mapped_bytes"}


def test_info_of_many_files_lists_the_first_and_counts_them(folder: Path) -> None:
    (folder / "many").mkdir()
    for number in range(25):
        tifffile.imwrite(folder / "many" / f"{number:02}.tif", IMAGE if number % 5 else IMAGE[:32])
    lines = patchmill("info", "many", "--no-statistics").stdout.splitlines()
    assert [line.split()[0] for line in lines if "many/" in line] == [f"many/{number:02}.tif" for number in range(10)]
    counts = [line.split() for line in lines if re.match(r" +\d+ ", line)]
    assert counts == [["20", "40", "x", "44", "YX", "uint16"], ["5", "32", "x", "44", "YX", "uint16"]]
    assert "files:    25, of which 10 are listed" in lines
    assert len(json.loads(patchmill("info", "many", "--no-statistics", "--json").stdout)["files"]) == 25


@pytest.mark.parametrize("width", [60, 80, 160])
def test_info_of_a_file_with_a_long_name_is_whole_in_any_terminal(folder: Path, width: int) -> None:
    name = "".join(f"{number}_" for number in range(50)) + "_tif"
    tifffile.imwrite(folder / name, IMAGE)
    result = CliRunner().invoke(app, ["info", name, "--no-statistics"], env={"COLUMNS": str(width)})
    table, _, _ = result.stdout.partition("files:")
    lines = table.splitlines()
    assert max(map(len, lines)) <= width
    # A name that is too long goes on beneath itself.
    beneath = [line[1:].split(" ")[0] for line in lines if line[1:2] == "_" or line[1:2].isdecimal()]
    assert "".join(beneath) == name
    assert [line.split()[1:] for line in lines if "uint16" in line] == [
        ["40", "x", "44", "YX", "uint16", "3.44", "KiB", "mapped"]
    ]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_info_of_files_of_which_some_cannot_be_read_tells_both_and_exits_with_1(
    folder: Path, options: list[str]
) -> None:
    for name in ("text.tif", "half.tif"):
        BAD[name]()
    result = patchmill("info", ".", *options)
    assert result.exit_code == 1
    assert "in.tif" in result.stdout
    assert [line.split(":")[:2] for line in result.stderr.splitlines()] == [
        ["Error", " half.tif"],
        ["Error", " text.tif"],
    ]
    if options:
        assert [file["path"] for file in json.loads(result.stdout)["unreadable"]] == ["half.tif", "text.tif"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("none.tif", r"Error: none\.tif: expected a file or a folder, got nothing of that name"),
        ("nan.tif", r"Problem: nan\.tif, sample 0, channel 0, pixel \(z=0, y=5, x=7\): expected a finite number"),
        ("in.tif --axes YXQ", r"Error: axes: expected letters of STCZYX"),
        ("in.tif --axes TXY", r"Error: in\.tif: expected 3 axes, as in 'TXY', got 2"),
        ("in.tif --patch-size 64", r"Problem: in\.tif, axis Y: expected at least 64 pixels for a patch, got 40"),
        ("in.tif --patch-size 8,8,8", r"Error: patch_size: expected 2 sizes, YX, for axes 'YX', got \[8, 8, 8\]"),
        ("in.tif --patch-size -1", r"Error: patch_size: expected 2 sizes, YX, for axes 'YX', got \[-1, -1\]"),
        ("stack.tif --axes ZYX", f"Problem: stack\\.tif{PLANES}"),
        ("complex.tif", r"Error: complex\.tif: expected bool, integers, or floats"),
    ],
)
def test_what_is_wrong_with_images_is_one_line_of_info(arguments: str, message: str, folder: Path) -> None:
    tifffile.imwrite("stack.tif", np.stack([IMAGE] * 5))
    for name in BAD.keys() & set(arguments.split()):
        BAD[name]()
    result = patchmill("info", *arguments.split())
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.match(message, line)


def test_info_of_axes_that_are_not_stated_says_how_to_state_them(folder: Path) -> None:
    tifffile.imwrite(folder / "in.tif", np.stack([IMAGE] * 5))
    result = patchmill("info", "in.tif")
    assert result.exit_code == 0
    assert "QYX?" in result.stdout
    assert "axes:     not stated: give them (--axes)" in result.stdout.splitlines()
    assert "axes:     TYX" in patchmill("info", "in.tif", "--axes", "TYX").stdout.splitlines()


def test_info_loads_no_torch(folder: Path) -> None:
    code = "import sys, patchmill.info as info\ninfo.collect_info('in.tif')\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
