"""The command line as its users see it: what it writes and says, and what they get for bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from patchmill import CAREamist, __version__
from patchmill.cli import app
from patchmill.config import create_care_configuration, create_n2v_configuration, save_configuration
from patchmill.samples import simulate_fluorescence
from patchmill.sources import read_tiff

QUICK = ["--epochs", "1", "--patch-size", "16", "--device", "cpu", "--seed", "1"]
IMAGE = simulate_fluorescence((40, 44), seed=2).noisy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one image."""
    tifffile.imwrite(tmp_path / "in.tif", IMAGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def patchmill(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Run the command line in a process of its own."""

    def hear_interrupts() -> None:
        # What runs the tests in the background may have turned them off.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return subprocess.Popen(
        [sys.executable, "-c", "from patchmill.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=hear_interrupts,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(1000):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("waited for too long")


def test_the_version_is_that_of_the_package() -> None:
    result = patchmill("--version")
    assert (result.exit_code, result.output) == (0, f"patchmill {__version__}\n")


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("command", [[], ["denoise"], ["demo"], ["info"], ["preview"]])
def test_help_names_every_option_in_any_terminal(command: list[str], width: int) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= width
    expected = {
        "": "denoise info preview demo --version --debug",
        "denoise": "IN OUT --axes --epochs --patch-size --batch-size --seed --device --work-dir --keep-dtype "
        "--overwrite",
        "demo": "FOLDER --epochs --size --seed --device",
        "info": "PATH --axes --patch-size --no-statistics --json",
        "preview": "CONFIG DATA --target --mask --items --output -o",
    }["".join(command)].split()
    assert [name for name in expected if name not in result.output] == []


@pytest.mark.parametrize("arguments", [["--help"], ["denoise", "--help"], ["preview", "--help"], ["--version"]])
def test_what_needs_no_network_does_not_load_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom patchmill.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        "loaded = {'torch', 'lightning', 'numpy', 'tifffile', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


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


def _pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in np.stack([IMAGE] * 4):
            file.write(page, metadata=None, contiguous=False)


def _with(value: float) -> np.ndarray:
    image = IMAGE.astype("f4")
    image[5, 7] = value
    return image


BAD: dict[str, Callable[[], object]] = {
    "text.tif": lambda: Path("text.tif").write_text("no picture"),
    "empty.tif": lambda: Path("empty.tif").touch(),
    "half.tif": lambda: Path("half.tif").write_bytes(Path("in.tif").read_bytes()[:2000]),
    "folder.tif": lambda: Path("folder.tif").mkdir(),
    "nan.tif": lambda: tifffile.imwrite("nan.tif", _with(np.nan)),
    "inf.tif": lambda: tifffile.imwrite("inf.tif", _with(np.inf)),
    "complex.tif": lambda: tifffile.imwrite("complex.tif", IMAGE.astype("c8")),
    "large.tif": lambda: tifffile.imwrite("large.tif", IMAGE.astype("i8") + 2**60),
    "narrow.tif": lambda: tifffile.imwrite("narrow.tif", IMAGE[:, :6]),
    "pages.tif": lambda: _pages(Path("pages.tif")),
}

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
    ("narrow.tif out.tif", r"narrow\.tif, axis X: expected at least 8 pixels, got 6: the shape is \(40, 6\)"),
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
    ("in.tif in.tif", r"in\.tif: expected no file of that name, got one\. .* ask to overwrite it"),
    ("in.tif out.png", r"out\.png: expected the name of a TIFF file for the output, got 'out\.png'\. End it in \.tif"),
    ("in.tif folder.tif", r"folder\.tif: expected a file name for the output, got a folder"),
    ("in.tif no/out.tif", r"no/out\.tif: expected a folder for the output, got no, which is none\. Create it first"),
    ("in.tif out.tif --work-dir text.tif", r"text\.tif/losses\.csv: expected a file that can be written, got"),
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


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    result = patchmill("--debug", "denoise", "none.tif", "out.tif")
    assert isinstance(result.exception, FileNotFoundError)
    assert patchmill("denoise", "none.tif", "out.tif").stderr.startswith("Error: none.tif")


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
        ("complex.tif", r"Error: complex\.tif: expected bool, integers, or floats"),
    ],
)
def test_what_is_wrong_with_images_is_one_line_of_info(arguments: str, message: str, folder: Path) -> None:
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


def configure(path: str, **options: object) -> str:
    """Write a configuration, and return its name."""
    is_masked = options.pop("n2v", True)
    create = create_n2v_configuration if is_masked else create_care_configuration
    masking = {"masked_pixel_percentage": 1} if is_masked else {}
    usual = {"data_type": "tiff", "axes": "YX", "patch_size": [16, 16], "batch_size": 4, "num_epochs": 1, "seed": 1}
    save_configuration(create(experiment_name="test", **{**usual, **masking, **options}), path)
    return path


@pytest.mark.parametrize("data_type", ["tiff", "array"])
@pytest.mark.parametrize("suffix", ["yml", "json"])
def test_preview_writes_a_picture_and_says_where(folder: Path, data_type: str, suffix: str) -> None:
    config = configure(f"config.{suffix}", data_type=data_type)
    result = patchmill("preview", config, "in.tif")
    assert (result.exit_code, result.stdout) == (0, "preview: preview.png\n")
    assert imread(folder / "preview.png").shape[2] == 4
    assert names(folder) == [config, "in.tif", "preview.png"]


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
        ("config.yml in.tif --mask in.tif", r"train_data_mask: expected none"),
        ("config.yml in.tif -o no/preview.png", r"no/preview\.png: expected a file that can be written"),
        ("custom.yml in.tif", r"custom\.yml: expected the data type 'tiff' or 'array', got 'custom'"),
    ],
)
def test_what_cannot_be_previewed_is_one_line_and_leaves_nothing(arguments: str, message: str, folder: Path) -> None:
    configure("config.yml")
    configure("custom.yml", data_type="custom")
    Path("text.yml").write_text("no configuration")
    for name in BAD.keys() & set(arguments.split()):
        BAD[name]()
    before = names(folder)
    result = patchmill("preview", *arguments.split())
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert re.match(f"Error: {message}", result.stderr.splitlines()[-1])
    assert names(folder) == before


def test_demo_says_what_it_gained(folder: Path) -> None:
    result = patchmill("demo", "shown", "--epochs", "1", "--size", "128", "--device", "cpu")
    assert result.exit_code == 0, result.output
    said = dict(line.split(":", 1) for line in result.stdout.splitlines())
    assert list(said) == ["patches/s", "waiting for data", "PSNR", "time", "pictures"]
    assert re.fullmatch(r" +[\d.]+ dB -> [\d.]+ dB \([+-][\d.]+ dB\)", said["PSNR"])
    assert (folder / "shown" / "comparison.png").is_file()


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
    assert names(folder / "out_patchmill" / "checkpoints") == [
        "best.safetensors",
        "last.safetensors",
        "training_state.safetensors",
    ]
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
