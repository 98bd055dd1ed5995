"""patchmill denoise."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from patchmill import CAREamist
from patchmill.cli import app
from patchmill.sources import read_tiff
from patchmill.training import load_checkpoint
from tests.cli.running import BAD, IMAGE, QUICK, names, patchmill, start, wait_for


def test_denoise_writes_the_image_and_says_where(folder: Path) -> None:
    result = patchmill("denoise", "in.tif", "out.tif", *QUICK)
    assert result.exit_code == 0, result.output
    assert names(folder) == ["in.tif", "out.tif", "out_patchmill"]
    speed, checkpoint, denoised = result.stdout.splitlines()
    assert re.fullmatch(r"\d+ patches/s, [\d.]+% of the time waiting for data", speed)
    assert checkpoint == "checkpoint: out_patchmill/checkpoints/last.safetensors"
    assert denoised == "denoised:   out.tif"
    assert read_tiff(folder / "out.tif").dtype == np.float32
    assert re.search(r"^Epoch 1/1: loss \d", result.stderr, re.MULTILINE)


def test_options_reach_the_image(folder: Path) -> None:
    tifffile.imwrite(folder / "in.tif", np.stack([IMAGE] * 3), imagej=True)
    (folder / "out.tif").write_text("old")
    options = ["--axes", "TYX", "--keep-dtype", "--overwrite", "--work-dir", "run", "--batch-size", "4"]
    result = patchmill("denoise", "in.tif", "out.tif", *QUICK, *options, "--patch-size", "16,20")
    assert result.exit_code == 0, result.output
    assert names(folder) == ["in.tif", "out.tif", "run"]
    with tifffile.TiffFile(folder / "out.tif") as file:
        assert (file.series[0].axes, file.series[0].dtype) == ("TYX", IMAGE.dtype)


def test_one_seed_writes_the_same_bytes(folder: Path) -> None:
    for name in ("a.tif", "b.tif"):
        assert patchmill("denoise", "in.tif", name, *QUICK).exit_code == 0
    assert (folder / "a.tif").read_bytes() == (folder / "b.tif").read_bytes()


def test_a_warning_is_a_line_and_denoising_goes_on(folder: Path) -> None:
    tifffile.imwrite(folder / "in.tif", np.full((32, 32), 7, "u1"))
    result = patchmill("denoise", "in.tif", "out.tif", *QUICK)
    assert result.exit_code == 0
    warning, *_ = result.stderr.splitlines()
    assert warning.startswith("Warning: in.tif, channel 0: expected pixels that differ, got 7 everywhere")


# Each: the arguments, and what the one line says.
ERRORS: list[tuple[str, str]] = [
    ("none.tif out.tif", r"none\.tif: expected a TIFF file, got nothing of that name\. Check the path\."),
    ("text.tif out.tif", r"text\.tif: expected a TIFF file, got one that begins with b'no pictu'\. Convert it"),
    ("empty.tif out.tif", r"empty\.tif: expected a TIFF file, got an empty one"),
    ("half.tif out.tif", r"half\.tif: expected \d+ bytes, got 2000 bytes: the file is cut off"),
    ("folder.tif out.tif", r"folder\.tif: expected a TIFF file, got a folder\. Give a file in it"),
    ("nan.tif out.tif", r"nan\.tif, sample 0, channel 0, pixel \(z=0, y=5, x=7\): expected a finite number, got NaN"),
    ("inf.tif out.tif", r"inf\.tif, sample 0, channel 0, pixel \(z=0, y=5, x=7\): expected a finite number, got inf"),
    ("complex.tif out.tif", r"complex\.tif: expected bool, integers, or floats .*, got the data type complex64"),
    ("large.tif out.tif", r"large\.tif, .*expected a magnitude of at most 2\^53, got 1\.15"),
    ("narrow.tif out.tif", r"narrow\.tif, axis X: expected at least 8 pixels, got 6: the size in ZYX is \(1, 40, 6\)"),
    (
        "pages.tif out.tif",
        r"pages\.tif: expected the axes .*, got 'IYX' for the shape \(4, 40, 44\).*Give .*\(--axes\)",
    ),
    ("pages.tif out.tif --axes YX", r"pages\.tif: expected 2 axes, as in 'YX', got 3: the shape is \(4, 40, 44\)"),
    ("in.tif out.tif --axes TXY", r"in\.tif: expected 3 axes, as in 'TXY', got 2: the shape is \(40, 44\), .* 'YX'"),
    ("in.tif out.tif --axes YXQ", r"axes: expected letters of STCZYX, .*, got 'YXQ'\. 'Q' names no axis"),
    ("in.tif out.tif --patch-size 64", r"in\.tif, axis Y: expected at least 64 pixels for a patch, got 40"),
    ("in.tif out.tif --patch-size 32,48", r"in\.tif, axis X: expected at least 48 pixels for a patch, got 44"),
    ("in.tif out.tif --patch-size 30", r"patch_size: expected multiples of 4 .*, got \[30, 30\]\. Use \[28, 28\] or"),
    ("in.tif out.tif --patch-size 4", r"patch_size: expected .* at least 8 pixels each, got \[4, 4\]"),
    ("in.tif out.tif --patch-size 0", r"patch_size: expected .* at least 8 pixels each, got \[0, 0\]"),
    ("in.tif out.tif --patch-size 8,16,16", r"patch_size: expected 2 sizes, YX, for axes 'YX', got \[8, 16, 16\]"),
    ("in.tif out.tif --device tpu", r"Device: expected one of .*cpu.*, got 'tpu'"),
    ("in.tif out.tif --seed 9223372036854775808", r"seed: expected less than 9223372036854775808, got"),
    ("in.tif in.tif --overwrite", r"in\.tif: expected a file for the output, got the image itself\. Choose another"),
    ("in.tif text.tif", r"text\.tif: expected no file of that name, got one\. .* ask to overwrite it"),
    ("in.tif out.png", r"out\.png: expected the name of a TIFF file for the output, got 'out\.png'\. End it in \.tif"),
    ("in.tif folder.tif", r"folder\.tif: expected a file name for the output, got a folder"),
    ("in.tif no/out.tif", r"no/out\.tif: expected a folder for the output, got no, which is none\. Create it first"),
    ("in.tif out.tif --work-dir text.tif", r"text\.tif.*: expected a (file|folder) that can be written.*, got"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=[arguments for arguments, _ in ERRORS])
def test_bad_input_is_one_line_before_training_and_leaves_nothing(arguments: str, message: str, folder: Path) -> None:
    for name in BAD.keys() & set(arguments.split()):
        BAD[name]()
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    result = patchmill("denoise", *arguments.split())
    assert result.exit_code == 1
    assert result.stdout == ""
    # What is logged before an error, such as the number of patches, may stand above it.
    assert "Epoch" not in result.stderr
    assert "Traceback" not in result.stderr
    assert [line.startswith("Error: ") for line in result.stderr.splitlines()].count(True) == 1
    assert re.match(f"Error: {message}", result.stderr.splitlines()[-1])
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert not list(folder.glob("**/*_patchmill"))


@pytest.mark.parametrize("options", [[], ["--work-dir", "run"]])
def test_a_training_in_the_work_folder_is_replaced_if_asked_for_and_not_else(folder: Path, options: list[str]) -> None:
    trained = folder / ("run" if options else "cells_patchmill") / "checkpoints" / "last.safetensors"
    trained.parent.mkdir(parents=True)
    trained.write_text("weeks of work")
    result = patchmill("denoise", "in.tif", "cells.tif", *QUICK, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    expected = r"Error: .*: expected a folder without a training, got .*last\.safetensors\. Replace it \(--overwrite\)"
    assert re.match(expected, line)
    assert "--resume" not in line
    assert trained.read_text() == "weeks of work"
    assert patchmill("denoise", "in.tif", "cells.tif", *QUICK, *options, "--overwrite").exit_code == 0
    assert load_checkpoint(trained).epoch == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files_is_found_before_training(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o500)
    result = patchmill("denoise", "in.tif", "locked/out.tif", *QUICK)
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: locked/out\.tif: expected a file that can be written, got: .*\n", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("in.tif", "Missing argument 'OUT'"),
        ("in.tif out.tif --epochs 0", "--epochs"),
        ("in.tif out.tif --epochs -3", "--epochs"),
        ("in.tif out.tif --epochs many", "--epochs"),
        ("in.tif out.tif --batch-size 0", "--batch-size"),
        ("in.tif out.tif --seed -1", "--seed"),
        ("in.tif out.tif --patch-size 64x64", "64 or 16,64,64, got '64x64'"),
        ("in.tif out.tif --quality 9", "--quality"),
    ],
)
def test_a_command_that_is_not_one_exits_with_2_and_says_why(arguments: str, message: str, folder: Path) -> None:
    result = CliRunner().invoke(app, ["denoise", *arguments.split()], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert message in result.stderr
    assert names(folder) == ["in.tif"]


def test_an_interrupted_run_leaves_a_checkpoint_to_predict_with_and_no_image(folder: Path) -> None:
    process = start("denoise", "in.tif", "out.tif", *QUICK, "--epochs", "100000")
    losses = folder / "out_patchmill" / "losses.csv"
    wait_for(lambda: losses.exists() and losses.read_text().count("\n") > 2, process)  # two epochs have ended
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    *_, where, last = stderr.splitlines()
    assert re.fullmatch(r"Interrupted in epoch \d+; its weights are in .*last\.safetensors\.", where)
    assert last == "Interrupted."
    # Not a terminal: whole lines, neither colours nor a bar.
    assert not re.search(r"[\x1b\r]", stderr)
    assert sum(line.startswith("Epoch ") for line in stderr.splitlines()) >= 1

    assert names(folder) == ["in.tif", "out_patchmill"]
    assert {"best.safetensors", "last.safetensors"} <= set(names(folder / "out_patchmill" / "checkpoints"))
    careamist = CAREamist(folder / "out_patchmill" / "checkpoints" / "last.safetensors", device="cpu")
    (denoised,) = careamist.predict(folder / "in.tif")
    assert denoised.shape == IMAGE.shape
    assert np.isfinite(denoised).all()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_leaves_no_image(folder: Path) -> None:
    process = start("denoise", "in.tif", "out.tif", *QUICK, "--epochs", "100000")
    wait_for((folder / "out_patchmill" / "losses.csv").exists, process)
    process.kill()
    process.communicate(timeout=60)
    assert names(folder) == ["in.tif", "out_patchmill"]
