"""What may be imported without what."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "patchmill",
        "patchmill.cli",
        "patchmill.config",
        "patchmill.errors",
        "patchmill.patching",
        "patchmill.plotting",
        "patchmill.samples",
        "patchmill.sources",
    ],
)
def test_what_needs_no_torch_loads_neither_torch_nor_lightning(module: str) -> None:
    code = f"import sys, {module}; print({{'torch', 'lightning', 'pytorch_lightning'}} & set(sys.modules) or 'neither')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "neither"


def test_the_public_names_are_there() -> None:
    import patchmill

    assert list(patchmill.__all__) == sorted(patchmill.__all__)
    for name in patchmill.__all__:
        assert getattr(patchmill, name) is not None
    assert set(patchmill.__all__) <= set(dir(patchmill))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import patchmill

    with pytest.raises(AttributeError, match="Careamist"):
        _ = patchmill.Careamist
