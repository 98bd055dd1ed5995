"""A release of CAREamics, in an environment and a process of its own."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path
from typing import Any

from benches.python.peers.environment import ENVIRONMENTS, create_environment

__all__ = ["Peer", "PeerError"]

THEIRS = Path(__file__).parent / "theirs"


class PeerError(Exception):
    """What CAREamics raised: the name of the exception and its message."""


class Peer:
    """A release of CAREamics.

    Parameters
    ----------
    name : str
        The name of its environment and of the module of ``theirs`` with the functions that can be called.
    """

    def __init__(self, name: str) -> None:
        python = create_environment(name)
        self._log = (ENVIRONMENTS / f"{name}.parity.log").open("w")
        self._process = subprocess.Popen(
            [python, "host.py", name],
            cwd=THEIRS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of the module.

        Raises
        ------
        PeerError
            If it raised an exception.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((function, arguments), self._process.stdin)
        self._process.stdin.flush()
        is_well, answer = pickle.load(self._process.stdout)
        if not is_well:
            raise PeerError(answer)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()
        self._log.close()
