from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from patchmill.errors import MissingPackageError, OutputError, PatchmillError
from patchmill.plotting import Cell, plot_comparison, plot_losses, plot_panel, plot_preview
from patchmill.plotting.style import TINTS
from tests.plotting.pictures import ROWS, batch, noise, overview

DRAWN = [
    pytest.param(lambda path: plot_comparison({"a": noise()}, path, captions={"a": "20.0 dB"}), id="comparison"),
    pytest.param(lambda path: plot_losses(ROWS, path), id="losses"),
    pytest.param(lambda path: plot_preview(batch(), [overview()], path, legend={Cell.TRAINING: "all"}), id="preview"),
    pytest.param(lambda path: plot_panel(batch(), path, title="Epoch 1"), id="panel"),
]


def test_lightness_rises_evenly_with_the_value():
    tints = mpl.colors.LinearSegmentedColormap.from_list("tints", TINTS)(np.linspace(0, 1, 65))[:, :3]
    linear = np.where(tints <= 0.04045, tints / 12.92, ((tints + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    assert (np.diff(lightness) > 0).all()
    np.testing.assert_allclose(lightness, np.linspace(0, 100, 65), atol=5)


@pytest.mark.parametrize("draw", DRAWN)
def test_the_same_picture_is_the_same_bytes_whatever_the_settings_of_matplotlib(tmp_path, draw):
    draw(tmp_path / "first.png")
    settings = {"savefig.bbox": "tight", "font.size": 30, "image.origin": "lower", "axes.grid": True}
    with mpl.rc_context(settings):
        draw(tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_drawing_starts_no_pyplot_and_importing_no_matplotlib(tmp_path):
    code = (
        "import sys, numpy, patchmill.plotting as p; before = 'matplotlib' in sys.modules; "
        f"p.plot_comparison({{'a': numpy.eye(64)}}, {str(tmp_path / 'a.png')!r}); "
        f"p.plot_losses([{{'epoch': 1, 'train_loss': 1}}], {str(tmp_path / 'b.png')!r}); "
        "print(before, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize("draw", DRAWN)
def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'patchmill\[plot\]'") as caught:
        draw(tmp_path / "out.png")
    assert isinstance(caught.value, PatchmillError)
    assert isinstance(caught.value, ImportError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("draw", DRAWN)
def test_a_failure_leaves_the_file_that_was_there(tmp_path, monkeypatch, draw):
    path = tmp_path / "out.png"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"out\.png: expected .* got: No space left on device"):
        draw(path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("draw", DRAWN)
def test_a_folder_that_is_not_there_is_refused(tmp_path, draw):
    with pytest.raises(OutputError, match=r"out\.png: expected a file that can be written, got: No such file"):
        draw(tmp_path / "missing" / "out.png")
