"""Agreement with CAREamics: run by ``make test-parity``, which installs it, and not with the other tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from benches.python.peers.environment import create_environment

from tests.parity.peer import Peer

HERE = Path(__file__).parent

PEERS = ("careamics_0_1_0", "careamics_0_3_5")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave all of it out, unless it is asked for by its path."""
    asked = (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)
    return None if any(path.resolve().is_relative_to(HERE) for path in asked) else True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install CAREamics, which takes longer than a test may."""
    if any(item.path.is_relative_to(HERE) for item in session.items):
        for name in PEERS:
            create_environment(name)


def _start(name: str) -> Iterator[Peer]:
    peer = Peer(name)
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def v01() -> Iterator[Peer]:
    """CAREamics 0.1.0."""
    yield from _start(PEERS[0])


@pytest.fixture(scope="session")
def v03() -> Iterator[Peer]:
    """CAREamics 0.3.5."""
    yield from _start(PEERS[1])
