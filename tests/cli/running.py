"""Running the command line, on images that are good, and on others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from patchmill.cli import app
from patchmill.config import create_care_configuration, create_n2v_configuration, save_configuration
from patchmill.samples import simulate_fluorescence

QUICK = ["--epochs", "1", "--patch-size", "16", "--device", "cpu", "--seed", "1"]
PLANES = (
    r", axis Z: expected at least 8 planes for patches in 3D, got 5\. "
    r"Give the axes with S in the place of Z \(--axes; to `patchmill config`"
)
"""What is said of a stack that is no volume."""

IMAGE = simulate_fluorescence((40, 44), seed=2).noisy


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


def configure(path: str, **options: object) -> str:
    """Write a configuration, and return its name."""
    is_masked = options.pop("n2v", True)
    create = create_n2v_configuration if is_masked else create_care_configuration
    masking = {"masked_pixel_percentage": 1} if is_masked else {}
    usual = {"data_type": "tiff", "axes": "YX", "patch_size": [16, 16], "batch_size": 4, "num_epochs": 1, "seed": 1}
    save_configuration(create(experiment_name="test", **{**usual, **masking, **options}), path)
    return path
