"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Device", "parse_sizes"]

Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1 or mps. The best one there is by default.")
]


def parse_sizes(text: str | None) -> list[int] | None:
    """Read sizes such as ``64``, ``64,64`` or ``16,64,64``."""
    if text is None:
        return None
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        msg = f"expected sizes in pixels such as 64 or 16,64,64, got {text!r}"
        raise typer.BadParameter(msg, param_hint="--patch-size") from None
