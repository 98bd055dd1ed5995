"""The command line."""

from patchmill.cli.app import app, main

__all__ = ["app", "main"]
