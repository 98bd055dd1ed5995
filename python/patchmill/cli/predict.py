"""Restoring files with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from patchmill.cli.friendly import friendly, tell
from patchmill.cli.options import Axes, Data, Debug, Device, Overwrite, parse_sizes

__all__ = ["predict"]


def predict(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="The trained network: a .safetensors file of patchmill.")
    ],
    data: Data,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", "-pd", metavar="FOLDER", help="Where the predictions go.")
    ] = Path("predictions"),
    axes: Axes = None,
    tile_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES",
            help="Pixels along (Z,)Y,X, or one for all axes. 256,256 or 32,128,128 by default, or less.",
        ),
    ] = None,
    tile_overlap: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="How far tiles overlap, likewise. 48,48 or 8,48,48 by default, or less."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tiles in a batch. 4 by default, 1 in 3D.")
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", metavar="", help="Average over flips and turns: a little better, 8 times slower.")
    ] = False,
    blend: Annotated[
        Literal["linear", "gaussian"] | None,
        typer.Option(
            metavar="NAME",
            help="linear or gaussian: fade tiles into each other where they overlap. Cut in the middle by default.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = None,
    debug: Debug = False,
) -> None:
    """Restore images with a trained network, and write them as float32 TIFF, with their shapes and names.

    For example:

    - `patchmill predict cells_patchmill/checkpoints/best.safetensors cells.tif`
    - `patchmill predict best.safetensors folder other.tif -o restored --tta --blend gaussian`
    """
    size, overlap = parse_sizes(tile_size, "--tile-size"), parse_sizes(tile_overlap, "--tile-overlap")
    with friendly():
        from patchmill.careamist import CAREamist
        from patchmill.sources import ImageFiles, list_files
        from patchmill.usual import PLANES, VOLUMES, fitting_tiles

        careamist = CAREamist(checkpoint, device=device)
        config = careamist.config
        usual = VOLUMES if config.algorithm_config.model.conv_dims == 3 else PLANES
        paths = list_files(data, "tiff")
        letters = axes or _axes(paths[0], config.data_config.axes)
        files = ImageFiles(paths, "tiff", letters)
        headers = (files.header(number) for number in range(len(files)))
        tiles, overlaps = fitting_tiles(headers, usual, factor=2**config.algorithm_config.model.depth)
        if size is not None:
            tiles = _of_each_axis(size, usual.n_dims)
            overlaps = tuple(min(most, tile // 4 * 2) for most, tile in zip(usual.tile_overlap, tiles, strict=False))
        if overlap is not None:
            overlaps = _of_each_axis(overlap, usual.n_dims)
        written = careamist.predict_to_disk(
            data,
            data_type="tiff",
            axes=letters,
            tile_size=tiles,
            tile_overlap=overlaps,
            batch_size=usual.tiles_per_batch if batch_size is None else batch_size,
            tta_transforms=tta,
            blend=blend,
            prediction_dir=output,
            overwrite=overwrite,
        )
        for path in written:
            tell(f"predicted: {_shown(path)}")


def _of_each_axis(sizes: Sequence[int], n_dims: int) -> tuple[int, ...]:
    return tuple(sizes) * n_dims if len(sizes) == 1 else tuple(sizes)


def _axes(path: Path, trained: str) -> str:
    """Find the axes of the images: those of the training or, of an image with more or fewer, those that it states."""
    from patchmill.sources import read_metadata

    metadata = read_metadata(path)
    return trained if len(metadata.shape) == len(trained) else metadata.require_axes()


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
