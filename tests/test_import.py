"""What importing loads: as little as it can."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "lightning", "pytorch_lightning"}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a new process."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=True)
    return set(done.stdout.split())


def test_importing_patchmill_loads_neither_torch_nor_lightning_nor_readers() -> None:
    loaded = loaded_by("import patchmill")
    assert "patchmill" in loaded
    assert not loaded & (HEAVY | {"tifffile", "pydantic", "matplotlib", "rich", "typer"})


@pytest.mark.parametrize("name", ["config", "sources", "patching", "transforms", "samples", "errors"])
def test_the_lower_packages_do_without_torch(name: str) -> None:
    assert not loaded_by(f"import patchmill.{name}") & HEAVY


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import patchmill

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = patchmill.nothing
    assert {"PatchLoader", "TrainDataModule", "__version__"} <= set(dir(patchmill))
