"""A peer's process, from where it is told what to do."""

from __future__ import annotations

import json
import select
import subprocess
from pathlib import Path
from typing import Any

import psutil

from peers.environment import ENVIRONMENTS, create_environment

__all__ = ["PeerError", "PeerProcess", "run_module"]

FOLDER = Path(__file__).parents[1]
TIMEOUT_S = 300
"""For one answer; the longest, an epoch of the slowest peer, takes a tenth of it on an idle machine."""


class PeerError(Exception):
    """A peer could not be installed, or could not do what it was told.

    Parameters
    ----------
    what : str
        What happened.
    output : str, default=""
        What the peer printed, of which the last line is quoted.
    """

    def __init__(self, what: str, output: str = "") -> None:
        super().__init__(": ".join([what, *output.strip().splitlines()[-1:]]))


class PeerProcess:
    """A peer in a process of its own.

    Parameters
    ----------
    name : str
        The name of its module.

    Raises
    ------
    PeerError
        If it cannot be installed or started.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._log = ENVIRONMENTS / f"{name}.log"
        python = _python(name)
        ENVIRONMENTS.mkdir(exist_ok=True)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [python, "-m", "peers.host", name],
                cwd=FOLDER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.description = self.ask("describe")

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        msg = "its process has ended"
        try:
            print(json.dumps({"do": what, **arguments}), file=self._process.stdin, flush=True)
            if select.select([self._process.stdout], [], [], TIMEOUT_S)[0]:
                line = self._process.stdout.readline()
            else:
                msg, line = "it did not answer in time", ""
                self.stop()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(msg, self._log.read_text(errors="replace"))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def cpu_seconds(self) -> float:
        """Return what it and all its workers, past ones too, have used of the processor."""
        process = psutil.Process(self._process.pid)
        return sum(sum(each.cpu_times()[:4]) for each in [process, *process.children(recursive=True)])

    def stop(self) -> None:
        """End the process and its workers."""
        process = psutil.Process(self._process.pid) if self._process.poll() is None else None
        family = [process, *process.children(recursive=True)] if process else []
        for each in family:
            each.kill()
        self._process.wait()


def run_module(name: str, module: str) -> dict[str, Any]:
    """Run a module with a peer's Python, and return the JSON that it prints last."""
    done = subprocess.run([_python(name), "-m", module, name], cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(module, done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _python(name: str) -> Path:
    try:
        return create_environment(name)
    except subprocess.CalledProcessError as error:
        msg = "it cannot be installed"
        raise PeerError(msg, str(error)) from error
