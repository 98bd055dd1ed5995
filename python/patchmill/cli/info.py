"""What image files hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from patchmill.cli.friendly import friendly, in_options, say
from patchmill.cli.options import Debug, parse_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from patchmill.info import FileInfo, ImagesInfo

__all__ = ["info"]

MOST_ROWS = 10

LEFT = {"file", "shape", "axes", "type", ""}

DATASETS = {"in memory": "opens all files together", "in turn": "reads the files in turn"}


def info(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A TIFF file, or a folder of them.")],
    *,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="AXES", help="The axes of the images in their order, such as TYX, if they do not say them."
        ),
    ] = None,
    patch_size: Annotated[
        str | None,
        typer.Option(metavar="SIZES", help="Pixels along (Z,)Y,X, or one for all axes. By default those of train."),
    ] = None,
    statistics: Annotated[
        bool, typer.Option("--statistics/--no-statistics", help="Whether to read all pixels, for their statistics.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, for machines.")] = False,
    debug: Debug = False,
) -> None:
    """Print what images are like: shapes, types, axes, sizes, statistics, and what training on them comes to.

    For example:

    - `patchmill info cells.tif`
    - `patchmill info folder --axes TYX --patch-size 128,128 --no-statistics`
    """
    sizes = parse_sizes(patch_size)
    with friendly():
        from patchmill.info import collect_info

        found = collect_info(path, axes=axes, patch_size=sizes, with_statistics=statistics)
        if as_json:
            import json

            typer.echo(json.dumps(_as_json(found), indent=2))
        else:
            _print(found)
        for _, error in found.unreadable:
            say(f"Error: {error}")
        for problem in found.problems:
            say(f"Problem: {in_options(problem)}")
        if found.unreadable or found.problems:
            raise typer.Exit(1)


def _as_json(info: ImagesInfo) -> dict[str, Any]:
    statistics = info.statistics
    return {
        "files": [_file_as_json(file) for file in info.files],
        "unreadable": [{"path": str(path), "error": error} for path, error in info.unreadable],
        "problems": info.problems,
        "axes": info.axes,
        "statistics": None
        if statistics is None
        else {
            "means": statistics.means,
            "stds": statistics.stds,
            "minima": statistics.minima,
            "maxima": statistics.maxima,
        },
        "memory": {
            "usable_bytes": info.usable_bytes,
            "decoded_bytes": info.decoded_bytes,
            "mapped_bytes": info.mapped_bytes,
        },
        "dataset": info.dataset,
        "patch_size": info.patch_size,
        "patches_per_epoch": info.patches,
    }


def _file_as_json(file: FileInfo) -> dict[str, Any]:
    header = file.header
    return {
        "path": str(file.path),
        "shape": file.shape,
        "axes": file.axes,
        "tifffile_axes": file.tifffile_axes,
        "dtype": file.dtype.name,
        "n_samples": None if header is None else header.n_samples,
        "n_channels": None if header is None else header.n_channels,
        "size_zyx": None if header is None else header.size_zyx,
        "bytes": file.nbytes,
        "is_mapped": None if header is None else header.is_mapped,
    }


def _print(info: ImagesInfo) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for table in _tables(info):
        if table.row_count:
            console.print(table)
    for name, text in _summary(info):
        typer.echo(f"{name + ':':<9} {text}")


def _tables(info: ImagesInfo) -> Iterator[Table]:
    """List the files, how many there are of each kind if they are many, and the statistics."""
    files = _table("file", "shape", "axes", "type", "size", "")
    for file in info.files[:MOST_ROWS]:
        header = file.header
        how = "" if header is None else "mapped" if header.is_mapped else "decoded"
        axes = file.axes or f"{file.tifffile_axes}?"
        files.add_row(str(file.path), _shape(file.shape), axes, file.dtype.name, _bytes(file.nbytes), how)
    yield files
    kinds = _table("files", "shape", "axes", "type")
    if len(info.files) > MOST_ROWS:
        for (shape, letters, dtype), n_files in info.formats.most_common(MOST_ROWS):
            kinds.add_row(f"{n_files:,}", _shape(shape), letters, dtype)
    yield kinds
    channels = _table("channel", "mean", "std", "least", "greatest")
    found = info.statistics
    if found is not None:
        columns = zip(found.means, found.stds, found.minima, found.maxima, strict=True)
        for channel, values in enumerate(columns):
            channels.add_row(str(channel), *(f"{value:.6g}" for value in values))
    yield channels


def _table(*names: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        justify: Literal["left", "right"] = "left" if name in LEFT else "right"
        table.add_column(name, overflow="fold", no_wrap=name != "file", justify=justify)
    return table


def _summary(info: ImagesInfo) -> Iterator[tuple[str, str]]:
    """Say what the files come to, in lines of a name and a text."""
    more = f", of which {MOST_ROWS} are listed" if len(info.files) > MOST_ROWS else ""
    unreadable = f"; {len(info.unreadable):,} cannot be read" if info.unreadable else ""
    yield "files", f"{len(info.files):,}{more}{unreadable}"
    if info.axes is not None:
        yield "axes", info.axes
    else:
        if not info.problems and info.files:
            yield "axes", "not stated: give them (--axes)"
        return
    channels = sorted({header.n_channels for header in info.headers})
    samples = sum(header.n_samples for header in info.headers)
    yield "samples", f"{samples:,}, channels: {', '.join(map(str, channels))}"
    yield "pixels", f"{_bytes(info.decoded_bytes)} to decode, {_bytes(info.mapped_bytes)} mapped"
    yield "memory", f"{_bytes(info.usable_bytes)} usable, so that training {DATASETS[info.dataset or '']}"
    if info.patch_size:
        kinds = {number: [kind for kind, n in info.patches.items() if n == number] for number in info.patches.values()}
        counts = ", ".join(f"{number:,} ({', '.join(names)})" for number, names in kinds.items())
        yield "patches", f"{counts or 'none'} of {_shape(info.patch_size)} in an epoch"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _bytes(number: int) -> str:
    """Write a number of bytes with three digits."""
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.3g} {unit}"
