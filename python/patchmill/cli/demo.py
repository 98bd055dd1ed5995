"""The demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchmill.cli.friendly import friendly
from patchmill.cli.options import Debug, Device

__all__ = ["demo"]


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")] = Path("demo"),
    *,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="How often the patches are seen.")] = 20,
    size: Annotated[int, typer.Option(metavar="N", min=128, help="The side of the image in pixels.")] = 512,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Decides the image and every random draw.")] = 0,
    device: Device = None,
    debug: Debug = False,
) -> None:
    """Simulate a fluorescence image, train Noise2Void on it, and compare the result with the truth."""
    with friendly():
        from patchmill.demo import run_demo

        report = run_demo(folder, size=size, num_epochs=epochs, seed=seed, device=device)
        gain = report.psnr_denoised - report.psnr_noisy
        typer.echo(f"patches/s:        {report.training.patches_per_s:.0f}")
        typer.echo(f"waiting for data: {report.training.waiting_share:.1%} of the training time")
        typer.echo(f"PSNR:             {report.psnr_noisy:.1f} dB -> {report.psnr_denoised:.1f} dB ({gain:+.1f} dB)")
        typer.echo(f"time:             {report.seconds:.0f} s in all")
        typer.echo(f"pictures:         {report.folder / 'comparison.png'}, {report.folder / 'losses.png'}")
