"""The main job on an image of our own, whose truth is known."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patchmill.careamist import CAREamist
from patchmill.config import create_n2v_configuration
from patchmill.plotting import check_matplotlib, plot_comparison
from patchmill.prediction import write_tiff
from patchmill.samples import simulate_fluorescence
from patchmill.training import TrainingReport

__all__ = ["DemoReport", "run_demo"]


@dataclass(frozen=True)
class DemoReport:
    """What the demo came to.

    Parameters
    ----------
    training : TrainingReport
        Losses and speed.
    psnr_noisy, psnr_denoised : float
        Peak signal-to-noise ratio against the truth, in dB.
    seconds : float
        The time of everything.
    folder : Path
        Where the files are.
    """

    training: TrainingReport
    psnr_noisy: float
    psnr_denoised: float
    seconds: float
    folder: Path


def run_demo(
    folder: str | os.PathLike[str],
    *,
    size: int = 512,
    num_epochs: int = 20,
    seed: int = 0,
    device: str | None = None,
    progress: bool | None = None,
) -> DemoReport:
    """Simulate a fluorescence image, train Noise2Void on it, and denoise it.

    Writes ``noisy.tif``, ``truth.tif``, ``denoised.tif``, ``losses.csv``, ``losses.png``, ``comparison.png`` and the
    checkpoints; those of an earlier demo are replaced.

    Parameters
    ----------
    folder : path
        Where the files go; it is made if it is not there.
    size : int, default=512
        The side of the image in pixels.
    num_epochs : int, default=20
        How often as many patches are drawn as would cover the image.
    seed : int, default=0
        Decides the image and every random draw.
    device : str, optional
        Name of the device; the best one there is if None.
    progress : bool, optional
        Whether a progress bar is drawn. If None: where standard output is a terminal.

    Returns
    -------
    DemoReport
        Speed and quality.

    Raises
    ------
    PatchmillError
        If matplotlib is not installed, or the folder cannot be written.
    """
    started = time.perf_counter()
    check_matplotlib()
    folder = Path(folder)
    sample = simulate_fluorescence((size, size), seed=seed)
    config = create_n2v_configuration(
        experiment_name="demo",
        data_type="array",
        axes="YX",
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=num_epochs,
        model_params={"num_channels_init": 16},
        optimizer_params={"lr": 1e-3},
        patching="random",
        checkpoint_params={"save_top_k": 1},
        seed=seed,
    )
    careamist = CAREamist(config, folder, device=device, enable_progress_bar=progress)
    training = careamist.train(train_source=sample.noisy)
    (denoised,) = careamist.predict(sample.noisy, tile_size=(256, 256), tile_overlap=(48, 48))

    for name, image in (("noisy", sample.noisy), ("truth", sample.truth), ("denoised", denoised)):
        write_tiff(folder / f"{name}.tif", image, "YX", overwrite=True)
    psnr_noisy, psnr_denoised = sample.psnr(sample.noisy), sample.psnr(denoised)
    plot_comparison(
        {"Noisy": sample.noisy.astype(np.float32), "Denoised": denoised, "Truth": sample.truth},
        folder / "comparison.png",
        captions={"Noisy": f"{psnr_noisy:.1f} dB", "Denoised": f"{psnr_denoised:.1f} dB"},
    )
    return DemoReport(training, psnr_noisy, psnr_denoised, time.perf_counter() - started, folder)
