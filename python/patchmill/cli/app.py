"""The command line: each command parses its arguments and makes one call."""

from __future__ import annotations

from typing import Annotated

import typer

from patchmill._core import __version__
from patchmill.cli.bench import bench
from patchmill.cli.config import config
from patchmill.cli.demo import demo
from patchmill.cli.denoise import denoise
from patchmill.cli.friendly import State, open_streams
from patchmill.cli.info import info
from patchmill.cli.predict import predict
from patchmill.cli.preview import preview
from patchmill.cli.train import train

__all__ = ["app", "main"]

app = typer.Typer(
    help="Training patches for microscopy image restoration, milled by Rust threads.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

for command in (denoise, train, predict, config, info, preview, bench, demo):
    app.command()(command)


@app.callback(invoke_without_command=True)
def _options(
    *,
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")] = False,
) -> None:
    if version:
        typer.echo(f"patchmill {__version__}")
        raise typer.Exit
    State.debug = debug


def main() -> None:
    """Run the command line."""
    open_streams()
    app()
