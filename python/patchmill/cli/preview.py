"""A picture of what a configuration makes of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchmill.cli.friendly import friendly
from patchmill.cli.options import Debug
from patchmill.cli.settings import load_for_files

__all__ = ["preview"]

PNG = b"\x89PNG\r\n\x1a\n"
"""What PNG files begin with."""


def preview(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration, a YAML or JSON file.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The images: a TIFF file, or a folder of them.")],
    *,
    target: Annotated[
        Path | None, typer.Option(metavar="DATA", help="The targets, for CARE and Noise2Noise: as DATA.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(metavar="DATA", help="The masks of a mask filter: as DATA.")] = None,
    items: Annotated[int, typer.Option(metavar="N", min=1, help="How many items of the batch are drawn.")] = 4,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The picture; another PNG is replaced.")
    ] = Path("preview.png"),
    debug: Debug = False,
) -> None:
    """Draw the first training batch, which patches are kept, and which are for validation, before anything is trained.

    For example:

    - `patchmill preview config.yml cells.tif`
    - `patchmill preview care.yml noisy --target clean -o care.png`
    """
    with friendly():
        from patchmill.dataset import TrainDataModule
        from patchmill.dataset.preview import draw_preview

        _check_output(output)
        # On the command line all images are files, and are split as `CAREamist.train` splits them.
        data_config = load_for_files(config).data_config
        data_module = TrainDataModule(
            data_config, data, train_data_target=target, train_data_mask=mask, val_minimum_split=1
        )
        typer.echo(f"preview: {draw_preview(data_module, output, n_items=items)}")


def _check_output(path: Path) -> None:
    """Refuse to write what does not look like a picture, or over what is none: it may be an image, and the only one."""
    from patchmill.errors import OutputError, OutputExistsError

    if path.suffix.lower() != ".png":
        msg = f"{path}: expected a name that ends in .png for the picture, got {path.name!r}. Choose such a name."
        raise OutputError(msg)
    if path.is_file():
        with path.open("rb") as file:
            is_png = file.read(len(PNG)) == PNG
        if not is_png:
            msg = f"{path}: expected no file of that name, or a PNG, got something else. Choose another name."
            raise OutputExistsError(msg)
