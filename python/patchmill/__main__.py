"""``python -m patchmill``: the command line."""

from __future__ import annotations

from patchmill.cli import main

if __name__ == "__main__":
    main()
