"""Restoring files with a trained network."""

from __future__ import annotations

import os
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

        _check_checkpoint(checkpoint)
        careamist = CAREamist(checkpoint, device=device)
        config = careamist.config
        usual = VOLUMES if config.algorithm_config.model.conv_dims == 3 else PLANES
        images, output = _images(data, output)
        paths = list_files(images, "tiff")
        letters = axes or _axes(paths, config.data_config.axes)
        files = ImageFiles(paths, "tiff", letters)
        headers = (files.header(number) for number in range(len(files)))
        tiles, overlaps = fitting_tiles(headers, usual, factor=2**config.algorithm_config.model.depth)
        if size is not None:
            tiles = _of_each_axis(size, usual.n_dims)
            overlaps = tuple(min(most, tile // 4 * 2) for most, tile in zip(usual.tile_overlap, tiles, strict=False))
        if overlap is not None:
            overlaps = _of_each_axis(overlap, usual.n_dims)
        written = careamist.predict_to_disk(
            images,
            data_type="tiff",
            axes=letters,
            tile_size=tiles,
            tile_overlap=overlaps,
            batch_size=usual.tiles_per_batch if batch_size is None else batch_size,
            tta_transforms=tta,
            blend=blend,
            prediction_dir=output,
            overwrite=overwrite,
            reflect_borders=True,
        )
        for path in written:
            tell(f"predicted: {_shown(path)}")


def _check_checkpoint(path: Path) -> None:
    """Refuse a configuration: one that a training saved holds statistics, but no weights."""
    from patchmill.errors import CheckpointError

    if path.suffix.lower() in {".yml", ".yaml", ".json"}:
        best = path.parent / "checkpoints" / "best.safetensors"
        advice = f"Give {best}" if best.is_file() else "Give a .safetensors file of the folder checkpoints beside it"
        msg = f"{path}: expected a checkpoint, got a configuration, which holds no trained network. {advice}."
        raise CheckpointError(msg)


def _images(data: list[Path], output: Path) -> tuple[list[Path], Path]:
    """Leave out of the images what was predicted from them, if it lies among them; predictions keep their places."""
    from patchmill.errors import MissingFileError
    from patchmill.sources import list_files

    folder = output.resolve()
    holds_output = [path.resolve() in folder.parents for path in data]
    if not any(holds_output):
        return data, output
    images = [
        file
        for path, holds in zip(data, holds_output, strict=True)
        for file in list_files(path, "tiff")
        if not (holds and file.parent.resolve().is_relative_to(folder))
    ]
    if images == list_files(data, "tiff"):
        return data, output
    if not images:
        msg = f"{data[0]}: expected images beside the predictions in {output}, got none. Check the path."
        raise MissingFileError(msg)
    if len(data) == 1:
        # Of a list, files have their names below the deepest folder that holds them all; of a folder, below that.
        output /= os.path.relpath(os.path.commonpath([image.parent for image in images]), data[0])
    return images, output


def _of_each_axis(sizes: Sequence[int], n_dims: int) -> tuple[int, ...]:
    return tuple(sizes) * n_dims if len(sizes) == 1 else tuple(sizes)


def _axes(paths: Sequence[Path], trained: str) -> str:
    """Find the axes of the images: those of the training or, of an image with more or fewer, those that it states.

    T, Z and S are taken for each other, but channels are never taken for anything else.
    """
    from patchmill.errors import AxesError
    from patchmill.sources import read_metadata
    from patchmill.suggestion import stated_axes

    metadata = read_metadata(paths[0])
    axes = trained if len(metadata.shape) == len(trained) else metadata.require_axes()
    for path, stated in stated_axes(paths):
        if stated is not None and stated.find("C") != axes.find("C"):
            msg = (
                f"{path}: expected the axes {axes}, as the network was trained with, got {stated}. Give the axes of "
                "all images (--axes)."
            )
            raise AxesError(msg)
    return axes


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
