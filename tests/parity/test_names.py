"""``docs/careamics.md`` names every public name of the data side of CAREamics 0.1.0, and patchmill has what it says."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from typing import Any

import pytest

from tests.parity.names import NOT_THERE, SAME, places, tables
from tests.parity.peer import Peer

TABLES = tables()
CLASSES = [about for about in TABLES if not about.rpartition(".")[2].islower() or "create_" in about]
MODULES = [about for about in TABLES if about not in CLASSES]


def test_every_class_of_the_data_side_that_patchmill_has_has_a_table_of_its_members() -> None:
    packages = ("careamics.dataset", "careamics.lightning", "careamics.transforms", "careamics.config.augmentations")
    there = {name for name in places() if name.rpartition(".")[0] in packages}
    assert there - set(CLASSES) == {"careamics.transforms.get_all_transforms"}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_of_a_module_is_in_its_table(v01: Peer, module: str) -> None:
    (public,) = v01.call("public_names", modules=[module]).values()
    assert sorted(name for row in TABLES[module] for name in row.names) == public


@pytest.mark.parametrize("name", CLASSES)
def test_every_member_of_a_class_is_in_its_table(v01: Peer, name: str) -> None:
    (members,) = v01.call("public_members", names=[name]).values()
    assert sorted(member for row in TABLES[name] for member in row.names) == members


@pytest.mark.parametrize(("name", "place"), places().items())
def test_patchmill_has_a_name_where_the_table_says(name: str, place: str) -> None:
    module, _, attribute = place.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize("name", CLASSES)
def test_patchmill_has_the_members_that_the_table_says(name: str) -> None:
    module, _, attribute = places()[name].rpartition(".")
    members = _members(getattr(importlib.import_module(module), attribute))
    said = {row_name: row.place for row in TABLES[name] for row_name in row.names}
    assert [member for member, place in said.items() if place == SAME and member not in members] == []
    assert [member for member, place in said.items() if place == NOT_THERE and member in members] == []


def _members(thing: Any) -> set[str]:
    """Return the parameters of a function, and the parameters, methods, fields and attributes of a class."""
    members = set(inspect.signature(thing).parameters)
    for base in thing.__mro__ if inspect.isclass(thing) else ():
        if not base.__module__.startswith("patchmill"):
            continue
        members |= {*vars(base), *vars(base).get("__annotations__", {})}
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                members.add(node.attr)
    return members
