"""A virtual environment for each peer, which shares the torch of the one that runs this.

Peers want other versions of each other's dependencies, so that each has an environment of its own. Torch is gigabytes:
the distributions that it is made of are linked into one folder, which every environment lists on its path, and where
its pip finds them installed.
"""

import re
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["ENVIRONMENTS", "create_environment"]

ENVIRONMENTS = Path(__file__).parents[3] / ".bench"
REQUIREMENTS = Path(__file__).parent / "requirements"
TORCH = ENVIRONMENTS / "torch"
TORCH_VERSION = metadata.version("torch").partition("+")[0]


def create_environment(peer: str) -> Path:
    """Create the environment of a peer, unless it is there and its requirements are the same.

    Parameters
    ----------
    peer : str
        Its name. It requires what the file of that name lists, and what ``.alone.txt`` lists without what that asks
        for in its turn. Without a file, it needs no environment of its own.

    Returns
    -------
    Path
        Its Python.

    Raises
    ------
    subprocess.CalledProcessError
        If something cannot be installed; its output is shown.
    """
    requirements, alone = REQUIREMENTS / f"{peer}.txt", REQUIREMENTS / f"{peer}.alone.txt"
    if not requirements.exists():
        return Path(sys.executable)
    folder = ENVIRONMENTS / peer
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "".join(
        [f"torch=={TORCH_VERSION}\n", *(file.read_text() for file in (requirements, alone) if file.exists())]
    )
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"{peer}: installing its environment into {folder}", flush=True)
    _link_torch()
    venv.create(folder, clear=True, with_pip=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "torch.pth").write_text(f"{TORCH}\n")
    constraints = folder / "constraints.txt"
    constraints.write_text(f"torch=={TORCH_VERSION}\n")
    install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", constraints, "--requirement", requirements], check=True)
    if alone.exists():
        subprocess.run([*install, "--no-deps", "--requirement", alone], check=True)
    stamp.write_text(wanted)
    return python


def _link_torch() -> None:
    """Link all that torch is made of and needs into a folder, as if it were installed there alone."""
    TORCH.mkdir(parents=True, exist_ok=True)
    for distribution in _with_requirements("torch"):
        names = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        for name in names:
            link, target = TORCH / name, Path(str(distribution.locate_file(name)))
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def _with_requirements(name: str) -> list[metadata.Distribution]:
    """Return an installed distribution and all that it requires."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [Requirement(name)]
    seen = set()
    while wanted:
        requirement = wanted.pop()
        key = (re.sub(r"[-_.]+", "-", requirement.name).lower(), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = metadata.distribution(requirement.name)
        found[key[0]] = distribution
        for line in distribution.requires or ():
            needed = Requirement(line)
            environments = [{"extra": extra} for extra in ("", *requirement.extras)]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                wanted.append(needed)
    return list(found.values())
