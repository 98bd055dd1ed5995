"""A pytest plugin that changes the imports of tests: what they import from CAREamics comes from patchmill.

``docs/careamics.md`` says where each name is; those that it does not name are looked for under the same path. What is
not there can be imported all the same, and fails the test that uses it, instead of all tests of the file.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest

PLACES = dict(line.split(" ") for line in os.environ["PATCHMILL_PLACES"].splitlines())
"""Where patchmill has a name of CAREamics."""


class NotThereError(Exception):
    """A name that patchmill does not have."""


USED: list[str] = []
"""The names that the running test used and patchmill does not have."""


class Missing:
    """Stands for a name that patchmill does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return Missing(f"{self._name}.{attribute}")

    def __call__(self, *_args: Any, **_named: Any) -> Any:
        USED.append(self._name)
        raise NotThereError(self._name)

    def __or__(self, _other: Any) -> Any:
        return object

    __ror__ = __or__

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        return (object,)


class Changed(ModuleType):
    """A module of CAREamics, whose names are those of patchmill."""

    __path__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _find(f"{self.__name__}.{name}")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module of CAREamics."""

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        is_ours = fullname.partition(".")[0] == "careamics"
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if is_ours else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return Changed(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked for when they are asked for."""


def _find(name: str) -> Any:
    """Return a name from where the page says it is, else from the same module or a package that it is in."""
    if name in PLACES:
        module, _, attribute = PLACES[name].rpartition(".")
        return getattr(importlib.import_module(module), attribute)
    _, *modules, attribute = name.split(".")
    for depth in range(len(modules), -1, -1):
        try:
            return getattr(importlib.import_module(".".join(["patchmill", *modules[:depth]])), attribute)
        except (ImportError, AttributeError):
            continue
    return Missing(name)


@pytest.fixture(autouse=True)
def _nothing_missing_is_used() -> Iterator[None]:
    """Fail tests that expect an exception and get that of a missing name."""
    USED.clear()
    yield
    if USED:
        raise NotThereError(", ".join(dict.fromkeys(USED)))


# Before the tests' conftest is imported.
sys.meta_path.insert(0, Finder())
if importlib.util.find_spec("pytorch_lightning") is None:
    from lightning import pytorch

    sys.modules["pytorch_lightning"] = pytorch
    sys.modules["pytorch_lightning.callbacks"] = pytorch.callbacks
