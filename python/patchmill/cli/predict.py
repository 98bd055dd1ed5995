"""Restoring files with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from patchmill.cli.friendly import friendly, tell
from patchmill.cli.options import Axes, Data, Debug, Device, Overwrite, parse_sizes

if TYPE_CHECKING:
    from patchmill.config import Configuration

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
        typer.Option(metavar="SIZES", help="Pixels along (Z,)Y,X, or one for all axes. 256,256 or 32,128,128 if none."),
    ] = None,
    tile_overlap: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="How far tiles overlap, likewise. 48,48 or 8,48,48 by default."),
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
        from patchmill.usual import PLANES, VOLUMES

        careamist: Any = CAREamist(checkpoint, device=device)
        usual = VOLUMES if careamist.config.algorithm_config.model.conv_dims == 3 else PLANES
        letters = axes or _stated_axes(data, careamist.config)
        written = careamist.predict_to_disk(
            data,
            data_type="tiff",
            axes=letters,
            tile_size=_sizes(size, usual.tile_size),
            tile_overlap=_sizes(overlap, usual.tile_overlap),
            batch_size=usual.tiles_per_batch if batch_size is None else batch_size,
            tta_transforms=tta,
            blend=blend,
            prediction_dir=output,
            overwrite=overwrite,
        )
        for path in written:
            tell(f"predicted: {_shown(path)}")


def _sizes(given: Sequence[int] | None, usual: Sequence[int]) -> tuple[int, ...]:
    if given is None:
        return tuple(usual)
    return tuple(given) * len(usual) if len(given) == 1 else tuple(given)


def _stated_axes(data: Sequence[Path], config: Configuration) -> str | None:
    """Find the axes of images that cannot have those of the training, because they have more or fewer of them."""
    from patchmill.sources import list_files, read_metadata

    metadata = read_metadata(list_files(data, "tiff")[0])
    return metadata.require_axes() if len(metadata.shape) != len(config.data_config.axes) else None


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
