"""patchmill train."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill import CAREamist
from patchmill.cli.settings import resumed_configuration
from patchmill.config import load_configuration, save_configuration
from patchmill.errors import ConfigError
from patchmill.training import EpochRecord, TrainingReport, load_checkpoint
from tests.cli.running import BAD, IMAGE, PLANES, QUICK, configure, names, patchmill, start, wait_for

CHECKPOINTS = Path("in_patchmill", "checkpoints")


class Calls:
    """What `CAREamist` was made of, and asked to train on."""

    config: Any
    work_dir: Path
    how: dict[str, Any]


@pytest.fixture
def calls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Take note of what would be trained, and train nothing."""
    calls = Calls()

    def train(careamist: CAREamist, **how: Any) -> TrainingReport:
        calls.config, calls.work_dir, calls.how = careamist.config, careamist.work_dir, how
        record = EpochRecord(3, 0.25, 0.5, 1e-3, 2.0, 100.0, 0.015)
        best, last = (careamist.work_dir / "checkpoints" / f"{name}.safetensors" for name in ("best", "last"))
        return TrainingReport((record,), 100.0, 0.015, 2.0, best, last)

    monkeypatch.setattr(CAREamist, "train", train)
    return calls


def test_train_writes_checkpoints_and_says_what_it_came_to(folder: Path) -> None:
    result = patchmill("train", "in.tif", *QUICK)
    assert result.exit_code == 0, result.output
    assert re.search(r"^Epoch 1/1: loss \d", result.stderr, re.MULTILINE)
    said = dict(line.split(":", 1) for line in result.stdout.splitlines())
    assert re.fullmatch(r" +1 in \d+ s", said["epochs"])
    assert re.fullmatch(r" +training [\d.]+, validation [\d.]+", said["loss"])
    assert re.fullmatch(r" +\d+ patches/s, [\d.]+% of the time waiting for data", said["speed"])
    assert said["best"].strip() == str(CHECKPOINTS / "best.safetensors")
    assert said["last"].strip() == str(CHECKPOINTS / "last.safetensors")
    assert said["to predict"].strip() == f"patchmill predict {CHECKPOINTS / 'best.safetensors'} IMAGES"
    assert load_checkpoint(CHECKPOINTS / "last.safetensors").epoch == 1


def test_care_is_trained_on_pairs(folder: Path) -> None:
    tifffile.imwrite("target.tif", IMAGE)
    pairs = ["--target", "target.tif", "--val", "in.tif", "--val-target", "target.tif"]
    result = patchmill("train", "in.tif", *pairs, "--algorithm", "care", "--work-dir", "run", *QUICK)
    assert result.exit_code == 0, result.output
    configuration = load_checkpoint(Path("run", "checkpoints", "best.safetensors")).configuration
    assert configuration.algorithm_config.algorithm == "care"
    assert configuration.data_config.target_means == [pytest.approx(IMAGE.mean())]


def test_axes_and_channels_are_those_of_the_file(calls: Calls) -> None:
    tifffile.imwrite("in.ome.tif", np.stack([IMAGE] * 2), ome=True, metadata={"axes": "CYX"})
    assert patchmill("train", "in.ome.tif").exit_code == 0
    assert (calls.config.data_config.axes, calls.config.data_config.patch_size) == ("CYX", [20, 20])
    assert calls.config.algorithm_config.model.in_channels == 2
    assert calls.config.training_config.num_epochs == 100
    assert calls.work_dir == Path("in_patchmill")


def test_every_source_reaches_the_training(calls: Calls) -> None:
    sources = ["-tt", "t.tif", "-vs", "v.tif", "-vt", "vt.tif"]
    options = ["-M", "--val-percentage", "0.3", "-wd", "run", "--axes", "YX"]
    for name in ("t.tif", "v.tif", "vt.tif", "in2.tif"):
        tifffile.imwrite(name, IMAGE)
    result = patchmill("train", "in.tif", "in2.tif", *sources, *options, "--algorithm", "n2n")
    assert result.exit_code == 0, result.output
    assert calls.how == {
        "train_source": [Path("in.tif"), Path("in2.tif")],
        "train_target": [Path("t.tif")],
        "val_source": [Path("v.tif")],
        "val_target": [Path("vt.tif")],
        "use_in_memory": False,
        "val_percentage": 0.3,
        "resume": False,
    }
    assert calls.work_dir == Path("run")


@pytest.mark.parametrize("name", ["exp_2024.05.01", "exp_2024.05.02", "movies.ome"])
def test_the_work_folder_of_a_folder_has_its_whole_name(calls: Calls, name: str) -> None:
    Path(name).mkdir()
    tifffile.imwrite(Path(name, "a.tif"), IMAGE)
    assert patchmill("train", name).exit_code == 0
    assert calls.work_dir == Path(f"{name}_patchmill")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_a_work_folder_that_no_checkpoint_could_be_read_from_is_refused(calls: Calls) -> None:
    result = patchmill("train", "in.tif", "--work-dir", os.fsdecode(b"caf\xe9"))
    assert result.exit_code == 1
    assert result.stderr == "Error: caf\\xe9: expected a path in UTF-8, got one with other bytes. Rename it.\n"


def test_the_report_is_told_where_there_is_one(calls: Calls) -> None:
    assert "report:" not in patchmill("train", "in.tif").stdout
    Path("run").mkdir()
    Path("run", "report.html").touch()
    result = patchmill("train", "in.tif", "-wd", "run")
    assert f"report:     {Path('run', 'report.html')}" in result.stdout.splitlines()
    assert "loss:       training 0.25, validation 0.5" in result.stdout.splitlines()


def test_options_change_what_a_file_says(calls: Calls) -> None:
    config = configure("config.yml", data_type="array")
    assert patchmill("train", "in.tif", "-c", config).exit_code == 0
    before = calls.config
    assert before.data_config.data_type == "tiff"
    assert before == load_configuration(config).model_copy(update={"data_config": before.data_config})
    options = {"--patch-size": 32, "--batch-size": 2, "--epochs": 7, "--steps": 8, "--lr": 0.5, "--seed": 9}
    changes = [str(word) for option in options.items() for word in option]
    result = patchmill("train", "in.tif", "-c", config, "--axes", "YX", *changes)
    assert result.exit_code == 0, result.output
    data, training = calls.config.data_config, calls.config.training_config
    assert (data.patch_size, data.batch_size, data.seed) == ([32, 32], 2, 9)
    assert (training.num_epochs, training.num_steps) == (7, 8)
    assert calls.config.algorithm_config.optimizer.parameters == {"lr": 0.5}
    assert data.transforms == before.data_config.transforms


def test_the_precision_is_that_of_the_option(calls: Calls) -> None:
    assert patchmill("train", "in.tif", "--precision", "bf16-mixed").exit_code == 0
    assert calls.config.training_config.precision == "bf16-mixed"


def resumable() -> Path:
    """Leave a work folder as a training does."""
    path = Path("run", "config.yml")
    CHECKPOINT.parent.mkdir(parents=True)
    CHECKPOINT.touch()
    configure(str(path), seed=5)
    config = load_configuration(path)
    config.data_config.set_means_and_stds([1.0], [2.0])
    save_configuration(config, path)
    return path


CHECKPOINT = Path("run", "checkpoints", "last.safetensors")


@pytest.mark.parametrize("options", ["", "--epochs 9", "-c config.yml", "-c config.yml --algorithm"])
def test_a_training_goes_on_with_the_configuration_that_it_had(calls: Calls, options: str) -> None:
    stored = load_configuration(resumable())
    configure("config.yml", num_epochs=9)
    options = options.replace("-c config.yml --algorithm", "--algorithm n2v --struct-axis none --seed 5")
    result = patchmill("train", "in.tif", "-wd", "run", "--resume", *options.split())
    assert result.exit_code == 0, result.output
    assert calls.how["resume"] is True
    assert calls.config.data_config == stored.data_config
    assert calls.config.training_config.num_epochs == (9 if "9" in options or "config" in options else 1)


def make_epochs(number: int) -> None:
    """Leave the losses of some epochs in the work folder."""
    Path("run", "losses.csv").write_text("epoch,train_loss\n" + "".join(f"{n + 1},0.5\n" for n in range(number)))


@pytest.mark.parametrize("options", ["", "--epochs 12", "-c config.yml"])
def test_nothing_is_left_to_do_of_a_training_that_is_done(calls: Calls, options: str) -> None:
    configure(str(resumable()), seed=5, num_epochs=12)
    configure("config.yml", seed=5, num_epochs=12)
    make_epochs(12)
    result = patchmill("train", "in.tif", "-wd", "run", "--resume", *options.split())
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "epochs:     12 of 12: nothing is left to do. Name more (--epochs) to train longer\n"
    assert not hasattr(calls, "how")
    assert patchmill("train", "in.tif", "-wd", "run", "--resume", "--epochs", "13").exit_code == 0
    assert calls.config.training_config.num_epochs == 13


@pytest.mark.parametrize(("options", "where"), [("--epochs 5", "--epochs"), ("-c config.yml", "num_epochs")])
def test_a_training_is_not_resumed_for_fewer_epochs_than_it_has_made(calls: Calls, options: str, where: str) -> None:
    configure(str(resumable()), seed=5, num_epochs=20)
    configure("config.yml", seed=5, num_epochs=5)
    make_epochs(14)
    result = patchmill("train", "in.tif", "-wd", "run", "--resume", *options.split())
    assert (result.exit_code, result.stdout) == (1, "")
    expected = f"Error: {where}: expected at least 14, because the training in run has made as many, got 5. "
    assert result.stderr.startswith(expected)
    assert not hasattr(calls, "how")


def test_resuming_with_another_configuration_names_what_differs(folder: Path) -> None:
    path = resumable()
    stored = load_configuration(path)
    other = stored.model_copy(deep=True)
    other.data_config.batch_size, other.data_config.seed = 3, 1
    other.training_config.num_epochs = 70
    other.data_config.set_means_and_stds(None, None)
    with pytest.raises(ConfigError, match=r"--config: .*run/config\.yml, got another one: data_config\.batch_size\. "):
        resumed_configuration(stored, other, path=path)
    other.data_config.batch_size = stored.data_config.batch_size
    found = resumed_configuration(stored, other, path=path)
    assert (found.data_config, found.training_config.num_epochs) == (stored.data_config, 70)


def test_a_training_is_replaced_if_asked_for_and_not_else(calls: Calls) -> None:
    resumable()
    result = patchmill("train", "in.tif", "-wd", "run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: run: expected a folder without a training, got {CHECKPOINT}. ")
    assert "--resume" in result.stderr
    assert patchmill("train", "in.tif", "-wd", "run", "--overwrite").exit_code == 0
    CHECKPOINT.rename(CHECKPOINT.with_name("training_state.safetensors"))
    assert patchmill("train", "in.tif", "-wd", "run").exit_code == 1
    assert calls.how["resume"] is False


ERRORS = [
    ("none.tif", r"none\.tif: expected a file or a folder, got nothing of that name"),
    ("nan.tif --axes YX", r"nan\.tif, sample 0, channel 0, pixel .*expected a finite number"),
    ("narrow.tif", r"narrow\.tif, axis X: expected at least 8 pixels, got 6"),
    ("pages.tif", r"pages\.tif: expected the axes .*Give .*\(--axes\)"),
    ("in.tif --algorithm care", r"--target: expected targets for 'care', got none"),
    ("in.tif --target in.tif --val in.tif --algorithm care", r"--val: expected targets \(--target, --val-target\) for"),
    ("in.tif --val-target in.tif --algorithm care", r"--val-target: expected --val with it, got none"),
    ("stack.tif --axes ZYX", f"stack\\.tif{PLANES}"),
    ("stack.tif --axes ZYX --patch-size 8,16,16", f"stack\\.tif{PLANES}"),
    ("in.tif --target in.tif", r"targets: expected none for Noise2Void, got some"),
    ("in.tif --patch-size 30", r"patch_size: expected multiples of 4"),
    ("in.tif --val-percentage 10", r"val_percentage: expected a share between 0 and 1, got 10\.0"),
    ("in.tif --device tpu", r"Device: expected one of"),
    ("in.tif --config none.yml", r"none\.yml: expected a configuration file, got none"),
    ("in.tif --config config.yml --patch-size 30", r"data_config\.patch_size: expected multiples of 4"),
    ("in.tif --config config.yml --axes ZYX", r"data_config\.patch_size: expected 3 sizes"),
    ("in.tif --config custom.yml", r"custom\.yml: expected the data type 'tiff' or 'array', got 'custom'"),
    ("in.tif --resume --work-dir none", r"none/config\.yml: expected a configuration file, got none"),
    (
        "in.tif --resume --work-dir run --algorithm care",
        r"--algorithm: expected 'n2v', as in run/config\.yml, .*'care'",
    ),
    ("in.tif --resume --work-dir run --struct-axis cross", r"--struct-axis: expected 'none', as in run/config\.yml"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=[arguments for arguments, _ in ERRORS])
def test_what_cannot_be_trained_is_one_line_and_leaves_nothing(folder: Path, arguments: str, message: str) -> None:
    for name in BAD.keys() & set(arguments.split()):
        BAD[name]()
    configure("config.yml")
    configure("custom.yml", data_type="custom")
    tifffile.imwrite("stack.tif", np.stack([IMAGE] * 5))
    resumable()
    before = names(folder)
    result = patchmill("train", *arguments.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(f"Error: {message}", result.stderr.splitlines()[-1])
    assert names(folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "in.tif --epochs 0",
        "in.tif --algorithm magic",
        "in.tif --patch-size 64x64",
        "in.tif --resume --overwrite",
        "in.tif --config config.yml --algorithm n2v",
        "in.tif --config config.yml --struct-axis cross",
        "in.tif --algorithm care --struct-axis cross",
    ],
)
def test_a_command_that_is_not_one_exits_with_2(folder: Path, arguments: str) -> None:
    result = patchmill("train", *arguments.split())
    assert result.exit_code == 2, result.output
    assert names(folder) == ["in.tif"]


def test_a_training_that_was_stopped_goes_on_with_the_same_command(folder: Path) -> None:
    command = ["train", "in.tif", "--patch-size", "16", "--device", "cpu", "--epochs"]
    assert patchmill(*command, "2").exit_code == 0
    first = Path("in_patchmill", "losses.csv").read_text()
    again = patchmill(*command, "3", "--resume")
    assert again.exit_code == 0, again.output
    assert Path("in_patchmill", "losses.csv").read_text().startswith(first)
    whole = patchmill(*command, "3", "--work-dir", "whole", "--config", str(Path("in_patchmill", "config.yml")))
    assert whole.exit_code == 0, whole.output
    weights = [load_checkpoint(Path(at, "checkpoints", "last.safetensors")).weights for at in ("in_patchmill", "whole")]
    for name, values in weights[0].items():
        assert values.equal(weights[1][name]), name


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_a_training_that_is_stopped_leaves_a_checkpoint_and_says_how_to_go_on(
    folder: Path, number: signal.Signals, code: int, word: str
) -> None:
    process = start("train", "in.tif", *QUICK, "--epochs", "100000")
    losses = folder / "in_patchmill" / "losses.csv"
    wait_for(lambda: losses.exists() and losses.read_text().count("\n") > 2, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (code, "")
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1] == f"{word}. Go on with the same command and --resume."
    assert load_checkpoint(CHECKPOINTS / "last.safetensors").epoch >= 1


@pytest.mark.parametrize(
    ("options", "leaves_state", "advice"),
    [
        ("", True, " Go on with the same command and --resume."),
        ("", False, ""),
        ("--overwrite", True, " Go on with the same command and --resume in the place of --overwrite."),
        ("--overwrite", False, ""),
        ("--resume", False, " Go on with the same command."),
    ],
)
def test_an_interrupt_says_how_to_go_on_if_there_is_a_state_to_resume(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: str, leaves_state: bool, advice: str
) -> None:
    state = CHECKPOINT.with_name("training_state.safetensors")
    if options:
        resumable()
        state.touch()
        os.utime(state, (0, 0))

    def train(_careamist: CAREamist, **_how: Any) -> None:
        if leaves_state:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.write_text("new")
        raise KeyboardInterrupt

    monkeypatch.setattr(CAREamist, "train", train)
    result = patchmill("train", "in.tif", "-wd", "run", *options.split())
    assert (result.exit_code, result.stderr) == (130, f"Interrupted.{advice}\n")
