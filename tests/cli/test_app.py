"""What all commands have in common."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from patchmill import __version__
from patchmill.cli import app
from patchmill.cli.friendly import in_options
from tests.cli.running import patchmill


def test_the_version_is_that_of_the_package() -> None:
    result = patchmill("--version")
    assert (result.exit_code, result.output) == (0, f"patchmill {__version__}\n")


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("command", ["", "denoise", "train", "predict", "config", "bench", "demo", "info", "preview"])
def test_help_names_every_option_in_any_terminal(command: str, width: int) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= width
    expected = {
        "": "denoise train predict config info preview bench demo --version --debug --install-completion",
        "denoise": "IN OUT --axes --epochs --patch-size --batch-size --seed --device --work-dir -wd "
        "--keep-dtype --overwrite --debug",
        "train": "DATA --target -tt --val -vs --val-target -vt --config -c --algorithm --axes --patch-size "
        "--batch-size --epochs --steps --lr --precision --struct-axis --seed --val-percentage "
        "--in-turn -M --work-dir -wd --resume --overwrite --device --debug",
        "predict": "CHECKPOINT DATA --output -o -pd --axes --tile-size --tile-overlap --batch-size --tta --blend "
        "--overwrite --device --debug",
        "config": "OUT --data --target --axes --n-channels --patch-size --batch-size --epochs --steps --lr --precision "
        "--struct-axis --seed --name --overwrite --debug",
        "bench": "DATA --target --config --axes --seconds --device --debug",
        "demo": "FOLDER --epochs --size --seed --device --debug",
        "info": "PATH --axes --patch-size --no-statistics --json --debug",
        "preview": "CONFIG DATA --target --mask --items --output -o --debug",
    }[command].split()
    assert [name for name in expected if name not in result.output] == []


@pytest.mark.parametrize(
    "arguments", ["--help", "train --help", "predict --help", "config --help", "bench --help", "--version"]
)
def test_what_needs_no_network_does_not_load_torch(arguments: str) -> None:
    code = (
        "import sys\nfrom patchmill.cli import app\n"
        f"app({arguments.split()!r}, standalone_mode=False)\n"
        "loaded = {'torch', 'lightning', 'numpy', 'tifffile', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    result = patchmill("--debug", "denoise", "none.tif", "out.tif")
    assert isinstance(result.exception, FileNotFoundError)
    assert patchmill("denoise", "none.tif", "out.tif").stderr.startswith("Error: none.tif")

    assert isinstance(patchmill("denoise", "none.tif", "out.tif", "--debug").exception, FileNotFoundError)


def test_what_nobody_expected_is_one_line_that_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        msg = "seventeen\nis odd"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr("patchmill.denoise.denoise_tiff", fail)
    result = patchmill("denoise", "in.tif", "out.tif")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ZeroDivisionError: seventeen is odd. Nobody expected this")
    assert isinstance(patchmill("denoise", "in.tif", "out.tif", "--debug").exception, ZeroDivisionError)


def test_python_runs_the_package_as_the_command(folder: Path) -> None:
    command = [sys.executable, "-m", "patchmill", "--version"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == f"patchmill {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "found"), [("patchmill tr", "train"), ("patchmill train --val-p", "--val-percentage")]
)
def test_a_shell_completes_commands_and_options(typed: str, found: str) -> None:
    variables = {"_PATCHMILL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    result = CliRunner().invoke(app, [], prog_name="patchmill", env=variables)
    assert result.stdout.splitlines() == [found]


def test_only_the_first_of_several_processes_talks_but_each_tells_its_errors(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    result = patchmill("config", "n2v", "config.yml", "--data", "in.tif")
    assert (result.exit_code, result.output) == (0, "")
    result = patchmill("config", "n2v", "config.yml", "--data", "in.tif")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Rank 1: Error: config.yml: expected no file of that name")


@pytest.mark.skipif(os.name != "posix", reason="no such shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("arguments", ["info in.tif", "config n2v config.yml --data in.tif"])
def test_a_command_whose_output_is_closed_does_its_work(folder: Path, arguments: str, closed: str) -> None:
    command = f"{sys.executable} -m patchmill {arguments} {closed}"
    done = subprocess.run(command, check=False, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "config.yml").is_file() == arguments.startswith("config")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_a_name_that_cannot_be_printed_is_no_error(folder: Path) -> None:
    command = [sys.executable, "-m", "patchmill", "config", "n2v", b"caf\xe9.yml"]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, check=False, capture_output=True, env=strict)
    assert (done.returncode, done.stdout) == (0, b"configuration: caf\\udce9.yml\n")


@pytest.mark.skipif(os.name != "posix", reason="no such signals")
def test_a_request_to_end_kills_what_is_still_being_imported(folder: Path) -> None:
    """Packages catch what is raised while they are imported."""
    (folder / "foreign.py").write_text(
        "import time\n"
        "try:\n"
        "    print('importing', flush=True)\n"
        "    time.sleep(60)\n"
        "except BaseException as error:\n"
        "    raise RuntimeError('abort') from error\n"
    )
    code = "from patchmill.cli.friendly import friendly\nwith friendly():\n    import foreign"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.terminate()
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("a: use the same, train anew (resume=False), or", "a: use the same, train anew (--overwrite), or"),
        ("resume the training (resume=True).", "resume the training (--resume)."),
        ("read in turn (use_in_memory=False)", "read in turn (--in-turn)"),
        ("train_data_mask: expected masks, got none.", "--mask: expected masks, got none."),
        ("val_data: expected a file or a folder, got nothing", "val_data: expected a file or a folder, got nothing"),
        ("a, axis Z: expected at least 16 pixels, got 9.", "a, axis Z: expected at least 16 pixels, got 9."),
    ],
)
def test_errors_name_options_and_no_arguments_of_python(message: str, said: str) -> None:
    assert in_options(message) == said
