"""Runs scripts, one after the other and each in a process and a folder of its own; they share the import of CAREamics.

Called with the folder, and then for every run the name of a script and a seed: ``n2v_2d_array:1``. The exit codes are
written to ``exit_codes.json``, and what a script says to its ``log.txt``.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path

import careamics.lightning  # noqa: F401 - before the processes part

SCRIPTS = Path(__file__).resolve().parent / "scripts"


def main(root: Path, runs: list[str]) -> None:
    """Run the scripts."""
    codes = {}
    for run in runs:
        process = os.fork()
        if process == 0:
            os._exit(_run(root / run.replace(":", "_"), *run.split(":")))
        codes[run] = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    (root / "exit_codes.json").write_text(json.dumps(codes))


def _run(folder: Path, name: str, seed: str) -> int:
    """Run one, as Python runs a script, and return its exit code."""
    folder.mkdir(parents=True)
    os.chdir(folder)
    log = os.open("log.txt", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    script = str(SCRIPTS / f"{name}.py")
    sys.argv = [script, seed]
    sys.path.insert(0, str(SCRIPTS))
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
