"""Tests of ``patchmill.careamics``: run by ``make test-careamics`` where CAREamics is, and not with the other tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave all of it out, unless it is asked for by its path, and say where it can be run."""
    asked = (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)
    if not any(path.resolve().is_relative_to(HERE) for path in asked):
        return True
    if importlib.util.find_spec("careamics") is None:
        msg = "CAREamics is not installed here. Run: python tests/careamics/environment.py -m pytest tests/careamics"
        raise pytest.UsageError(msg)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """CAREamics, Lightning and what they use warn of things that are not ours to change; patchmill must not."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings(r"error:::patchmill(\..*)?"), append=False)
            item.add_marker(pytest.mark.filterwarnings("ignore"), append=False)
