"""Denoising a file in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchmill.cli.friendly import friendly
from patchmill.cli.options import Debug, Device, parse_sizes
from patchmill.cli.work_folder import check_work_dir

__all__ = ["denoise"]


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
        typer.Option(
            "--work-dir", "-wd", metavar="FOLDER", help="Where losses and checkpoints go. OUT_patchmill by default."
        ),
    ] = None,
    keep_dtype: Annotated[
        bool, typer.Option("--keep-dtype", metavar="", help="Write the data type of IN, not float32.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace OUT, and the training in the work folder.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Train Noise2Void on IN alone, and write it denoised to OUT, with its shape, axes and metadata.

    For example:

    - `patchmill denoise cells.tif cells_denoised.tif`
    - `patchmill denoise movie.tif out.tif --axes TYX --epochs 50 --keep-dtype`
    """
    sizes = parse_sizes(patch_size)
    with friendly():
        from patchmill.denoise import default_work_dir, denoise_tiff

        work_dir = default_work_dir(target) if work_dir is None else work_dir
        check_work_dir(work_dir, overwrite=overwrite, may_resume=False)
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
