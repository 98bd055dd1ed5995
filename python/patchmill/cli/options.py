"""Options that several commands have: the same noun is the same flag everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from patchmill.cli.friendly import State

__all__ = [
    "Algorithm",
    "Axes",
    "BatchSize",
    "Config",
    "Data",
    "Debug",
    "Device",
    "Epochs",
    "LearningRate",
    "Overwrite",
    "PatchSize",
    "Precision",
    "Seed",
    "Steps",
    "StructAxis",
    "Target",
    "parse_sizes",
]

Algorithm = Literal["n2v", "n2v2", "care", "n2n"]

Data = Annotated[list[Path], typer.Argument(metavar="DATA...", help="The images: TIFF files, or folders of them.")]

Axes = Annotated[
    str | None,
    typer.Option(metavar="AXES", help="The axes of the images in their order, such as TYX, if they do not say them."),
]

BatchSize = Annotated[int | None, typer.Option(metavar="N", min=1, help="Patches in a batch. 16 by default, 4 in 3D.")]


Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML or JSON. Options change it."),
]


def _set_debug(value: bool) -> None:  # noqa: FBT001 - as typer calls it
    State.debug = State.debug or value


Debug = Annotated[
    bool,
    typer.Option("--debug", metavar="", help="Show the traceback of an error.", callback=_set_debug),
]

Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1 or mps. The best one there is by default.")
]

Epochs = Annotated[int | None, typer.Option(metavar="N", min=1, help="Number of epochs. 100 by default.")]

LearningRate = Annotated[
    float | None, typer.Option("--lr", metavar="RATE", help="The first learning rate. 0.001 by default.")
]

Overwrite = Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace what is there.")]

PatchSize = Annotated[
    str | None, typer.Option(metavar="SIZES", help="Pixels along (Z,)Y,X: 64,64 or 16,64,64, or one for all axes.")
]

Precision = Annotated[
    Literal["32-true", "bf16-mixed", "16-mixed"] | None,
    typer.Option(metavar="NAME", help="What the network computes with: 32-true by default, bf16-mixed or 16-mixed."),
]

Seed = Annotated[int | None, typer.Option(metavar="N", min=0, help="Decides every random draw.")]

Steps = Annotated[int | None, typer.Option(metavar="N", min=1, help="Most batches of an epoch. All by default.")]

StructAxis = Annotated[
    Literal["none", "horizontal", "vertical", "cross", "square"] | None,
    typer.Option(
        "--struct-axis",
        metavar="AXIS",
        help="structN2V, against noise that is correlated along lines: horizontal, vertical, cross or square.",
    ),
]

Target = Annotated[
    list[Path] | None,
    typer.Option(
        "--target", "-tt", metavar="DATA", help="The targets, for CARE and Noise2Noise: as DATA. May be repeated."
    ),
]


def parse_sizes(text: str | None, flag: str = "--patch-size") -> list[int] | None:
    """Read sizes such as ``64``, ``64,64`` or ``16,64,64``."""
    if text is None:
        return None
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        msg = f"expected sizes in pixels such as 64 or 16,64,64, got {text!r}"
        raise typer.BadParameter(msg, param_hint=flag) from None
