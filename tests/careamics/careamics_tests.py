"""Runs the tests and the guides of CAREamics 0.3.x as installed, and with ``patchmill.careamics.accelerate()``.

What passes without it must pass with it, but for what ``expected_failures.py`` lists, each with its reason. Tests and
guides come with the source distribution of CAREamics, and none is kept here. The two runs share the cores.

Left out of both: tests of parts of CAREamics that have no data side of ours (``LEFT_OUT``), and its notebooks in
``demos``, which are written for an earlier API and run with no 0.3.x. What guides download is simulated
(``plugins/pooch.py``). ``--faithful`` accelerates with ``faithful=True``.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benches.python.peers.environment import ENVIRONMENTS  # noqa: E402 - the path comes first

from tests.careamics.environment import RELEASE, create, variables  # noqa: E402
from tests.careamics.expected_failures import EXPECTED_FAILURES, LEFT_OUT  # noqa: E402
from tests.released_tests import match, read_outcomes, unpack  # noqa: E402

PLUGINS = Path(__file__).parent / "plugins"
LIMIT_S = 300
"""For one test; the longest, a guide that trains for 60 epochs, takes a fifth of it on an idle machine."""

Outcomes = dict[str, str | None]


def main() -> int:
    """Run both, and say what fails that should not, and what should and does not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faithful", action="store_true", help="accelerate with faithful=True")
    parser.add_argument("tests", nargs="*", default=["tests", "docs"], help="which of them, as pytest names them")
    arguments = parser.parse_args()
    python = create()
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            Run(python, Path(folder) / "plain", arguments.tests),
            Run(python, Path(folder) / "accelerated", arguments.tests, faithful=arguments.faithful),
        ]
        plain, accelerated = (run.outcomes() for run in runs)
    lines, is_bad = _compare(plain, accelerated, is_whole=arguments.tests == parser.get_default("tests"))
    sys.stdout.write("\n".join(lines) + "\n")
    return is_bad


class Run:
    """One run of the tests, in a process of its own.

    Parameters
    ----------
    python : Path
        The Python of the environment.
    folder : Path
        Where to unpack the tests and run them. Its name is that of the log.
    tests : list of str
        Which tests.
    faithful : bool, optional
        Accelerate, and with what.
    """

    def __init__(self, python: Path, folder: Path, tests: list[str], *, faithful: bool | None = None) -> None:
        root = unpack(RELEASE, folder)
        shutil.rmtree(root / "src")  # what is installed is tested
        self._report = folder / "report.xml"
        settings = ["-q", "--tb=short", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-W", "ignore"]
        places = [f"--basetemp={folder / 'files'}", f"--junitxml={self._report}", "-o", "junit_family=xunit1"]
        plugin = [] if faithful is None else ["-p", "accelerated"]
        ignored = [f"--ignore-glob={pattern}" for pattern in LEFT_OUT]
        command = [python, "-m", "pytest", *settings, *places, *ignored, f"--timeout={LIMIT_S}", *plugin, *tests]
        environment = variables(PLUGINS) | {"PATCHMILL_FAITHFUL": str(faithful)}
        self._log = ENVIRONMENTS / f"{RELEASE}.{folder.name}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)

    def outcomes(self) -> Outcomes:
        """Wait for the end, and return for each test why it failed, or None."""
        self._process.wait()
        if not self._report.exists():
            sys.exit(f"pytest did not come to its end: {self._log} says why")
        return read_outcomes(self._report)


def _compare(plain: Outcomes, accelerated: Outcomes, *, is_whole: bool) -> tuple[list[str], bool]:
    """Return what to say, and whether it is bad."""
    passed = {name for name, why in plain.items() if why is None}
    failures = {name: accelerated.get(name, "it was not run") for name in passed}
    failures = {name: why for name, why in failures.items() if why is not None}
    expected = {name for name in passed if match(name, EXPECTED_FAILURES)}
    surprises = sorted(failures.keys() - expected)
    passed_after_all = sorted(expected - failures.keys())
    unused = [pattern for pattern in EXPECTED_FAILURES if is_whole and not fnmatch.filter(passed, pattern)]
    lines = [
        *(f"FAILED {name}: {failures[name]}" for name in surprises),
        *(f"PASSED {name}, but: {match(name, EXPECTED_FAILURES)}" for name in passed_after_all),
        *(f"NO TEST has a name like {pattern}" for pattern in unused),
        f"{len(plain)} tests of {RELEASE}: {sum(why is not None for why in plain.values())} fail as it is; "
        f"of those that pass, {len(passed) - len(failures)} pass with patchmill, {len(surprises)} fail, "
        f"{len(failures) - len(surprises)} fail as they are expected to",
    ]
    return lines, bool(surprises or passed_after_all or unused)


if __name__ == "__main__":
    sys.exit(main())
