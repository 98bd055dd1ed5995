"""Writing a configuration to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchmill.cli.friendly import friendly, tell
from patchmill.cli.options import (
    Algorithm,
    Axes,
    BatchSize,
    Debug,
    Epochs,
    LearningRate,
    Overwrite,
    PatchSize,
    Precision,
    Seed,
    Steps,
    StructAxis,
    Target,
    parse_sizes,
)
from patchmill.cli.settings import Settings

__all__ = ["config"]


def config(
    algorithm: Annotated[Algorithm, typer.Argument(metavar="n2v|n2v2|care|n2n", help="What is learnt.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .yml with comments, or .json.")],
    *,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="DATA", help="Images to suit: axes, channels, patch size. May be repeated."),
    ] = None,
    target: Target = None,
    axes: Axes = None,
    n_channels: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of channels, for axes with C and without --data.")
    ] = None,
    patch_size: PatchSize = None,
    batch_size: BatchSize = None,
    epochs: Epochs = None,
    steps: Steps = None,
    lr: LearningRate = None,
    precision: Precision = None,
    struct_n2v_axis: StructAxis = None,
    seed: Seed = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The name of the experiment.")] = "patchmill",
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Write a configuration, with a comment for each field, to be edited and trained with.

    For example:

    - `patchmill config n2v config.yml --data cells.tif`
    - `patchmill config care care.yml --axes ZYX --patch-size 16,64,64 --epochs 50`
    - `patchmill train cells.tif --config config.yml`
    """
    settings = Settings(
        algorithm=algorithm,
        axes=axes,
        patch_size=parse_sizes(patch_size),
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        lr=lr,
        precision=precision,
        struct_n2v_axis=struct_n2v_axis,
        seed=seed,
    )
    if target is not None and data is None:
        msg = "expected --data with it, got none"
        raise typer.BadParameter(msg, param_hint="--target")
    with friendly():
        from patchmill.config import save_configuration
        from patchmill.errors import OutputExistsError

        if out.is_file() and not overwrite:
            msg = f"{out}: expected no file of that name, got one. Choose another name, or ask to overwrite it."
            raise OutputExistsError(msg)
        created = settings.create(data, target, n_channels=n_channels, name=name)
        tell(f"configuration: {save_configuration(created, out, comments=True)}")
