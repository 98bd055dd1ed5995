"""A pytest plugin: CAREamics is accelerated before its tests are collected."""

from __future__ import annotations

import os

import pytest

import patchmill.careamics

patchmill.careamics.accelerate(faithful=os.environ["PATCHMILL_FAITHFUL"] == "True")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was replaced, and what was left to CAREamics."""
    terminalreporter.write_line(str(patchmill.careamics.status()))
