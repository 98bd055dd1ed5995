"""The environment with the newest CAREamics 0.3.x; called with arguments, it creates it and runs its Python with them.

``benches/python/peers/requirements/careamics_0_3.alone.txt`` says which release that is, and how to raise it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benches.python.peers.environment import REQUIREMENTS, create_environment  # noqa: E402 - the path comes first

__all__ = ["RELEASE", "create", "variables"]

NAME = "careamics_0_3"
RELEASE = next(
    line.replace("==", "-")
    for line in (REQUIREMENTS / f"{NAME}.alone.txt").read_text().splitlines()
    if line.startswith("careamics==")
)
"""The release as its source distribution is named: ``"careamics-0.3.5"``."""


def create() -> Path:
    """Create the environment, unless it is there, and return its Python."""
    return create_environment(NAME)


def variables(*paths: Path) -> dict[str, str]:
    """Return the environment variables that its Python needs to find patchmill, and before it what is in some folders.

    One thread for each process: two runs share the cores, and images as small as those of the tests gain nothing.
    """
    searched = [*map(str, paths), str(ROOT / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(searched), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}


if __name__ == "__main__":
    command = [create(), *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, env=variables(), check=False).returncode)
