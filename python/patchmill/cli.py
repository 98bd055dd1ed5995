"""The command line: each command parses its arguments and makes one call."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from patchmill._core import __version__
from patchmill.errors import PatchmillError, PatchmillWarning

__all__ = ["app", "main"]

app = typer.Typer(
    help="Training patches for microscopy image restoration, milled by Rust threads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1 or mps. The best one there is by default.")
]


@app.callback(invoke_without_command=True)
def _options(
    *,
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")] = False,
) -> None:
    if version:
        typer.echo(f"patchmill {__version__}")
        raise typer.Exit
    _State.debug = debug


@app.command()
def denoise(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The TIFF file: 2D, 3D or a stack, of any data type.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The TIFF file to write.")],
    *,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="AXES", help="The axes of IN in their order, such as TYX, if it does not say them itself."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="How often the patches are seen. 20 by default, more in a small image."),
    ] = None,
    patch_size: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="Pixels along (Z,)Y,X: 64,64 or 16,64,64, or one for all axes."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Patches in a batch. 16 by default, 4 in 3D.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Decides every random draw.")] = None,
    device: Device = None,
    work_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where losses and checkpoints go. OUT_patchmill by default."),
    ] = None,
    keep_dtype: Annotated[
        bool, typer.Option("--keep-dtype", metavar="", help="Write the data type of IN, not float32.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace OUT if it is there.")] = False,
) -> None:
    """Train Noise2Void on IN alone, and write it denoised to OUT, with its shape, axes and metadata.

    For example:

    - `patchmill denoise cells.tif cells_denoised.tif`
    - `patchmill denoise movie.tif out.tif --axes TYX --epochs 50 --keep-dtype`
    """
    sizes = _sizes(patch_size)
    with _friendly():
        from patchmill.denoise import denoise_tiff

        report = denoise_tiff(
            source,
            target,
            axes=axes,
            num_epochs=epochs,
            patch_size=sizes,
            batch_size=batch_size,
            seed=seed,
            device=device,
            work_dir=work_dir,
            keep_dtype=keep_dtype,
            overwrite=overwrite,
        )
        typer.echo(f"{report.patches_per_s:.0f} patches/s, {report.waiting_share:.1%} of the time waiting for data")
        typer.echo(f"checkpoint: {report.last}")
        typer.echo(f"denoised:   {target}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")] = Path("demo"),
    *,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="How often the patches are seen.")] = 20,
    size: Annotated[int, typer.Option(metavar="N", min=128, help="The side of the image in pixels.")] = 512,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Decides the image and every random draw.")] = 0,
    device: Device = None,
) -> None:
    """Simulate a fluorescence image, train Noise2Void on it, and compare the result with the truth."""
    with _friendly():
        from patchmill.demo import run_demo

        report = run_demo(folder, size=size, num_epochs=epochs, seed=seed, device=device)
        gain = report.psnr_denoised - report.psnr_noisy
        typer.echo(f"patches/s:        {report.training.patches_per_s:.0f}")
        typer.echo(f"waiting for data: {report.training.waiting_share:.1%} of the training time")
        typer.echo(f"PSNR:             {report.psnr_noisy:.1f} dB -> {report.psnr_denoised:.1f} dB ({gain:+.1f} dB)")
        typer.echo(f"time:             {report.seconds:.0f} s in all")
        typer.echo(f"pictures:         {report.folder / 'comparison.png'}, {report.folder / 'losses.png'}")


def main() -> None:
    """Run the command line."""
    app()


class _State:
    """What all commands have in common."""

    debug = False


@contextlib.contextmanager
def _friendly() -> Iterator[None]:
    """Say what goes wrong in one line and exit; show warnings and the log as lines, too."""
    with _log_lines(), warnings.catch_warnings():
        warnings.simplefilter("default", PatchmillWarning)
        warnings.showwarning = lambda message, *_args, **_kwargs: _say(f"Warning: {message}")
        try:
            yield
        except KeyboardInterrupt:
            _say("Interrupted.")
            raise typer.Exit(130) from None
        except (PatchmillError, OSError, MemoryError) as error:
            if _State.debug:
                raise
            _say(f"Error: {str(error) or type(error).__name__}")
            raise typer.Exit(1) from None


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    """Show what patchmill logs, meanwhile."""
    logger, handler = logging.getLogger("patchmill"), _LineHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _LineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _say(record.getMessage())


def _say(line: str) -> None:
    """Write a line on standard error: above the progress bar, if one stands in for it."""
    sys.stderr.write(f"{line}\n")


def _sizes(text: str | None) -> list[int] | None:
    """Read sizes such as ``64``, ``64,64`` or ``16,64,64``."""
    if text is None:
        return None
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        msg = f"expected sizes in pixels such as 64 or 16,64,64, got {text!r}"
        raise typer.BadParameter(msg, param_hint="--patch-size") from None
