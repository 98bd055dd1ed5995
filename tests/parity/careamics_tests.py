"""Runs the tests that CAREamics 0.1.0 has of its data side, with their imports changed to patchmill.

They are downloaded with its source distribution, and none is kept here. Those that fail must be the ones that are
expected to, each for a reason of ``expected_failures.py``.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benches.python.peers.environment import ENVIRONMENTS  # noqa: E402 - the path comes first

from tests.parity.expected_failures import EXPECTED_FAILURES, FILES, MAY_FAIL  # noqa: E402
from tests.parity.names import places  # noqa: E402
from tests.released_tests import match, read_outcomes, unpack  # noqa: E402

RELEASE = "careamics-0.1.0"


def main() -> int:
    """Run the tests and say which fail that should not, and which should and do not."""
    with tempfile.TemporaryDirectory() as folder:
        tests = _unpack(Path(folder))
        outcomes = _run(tests)
    failures = {name: text for name, text in outcomes.items() if text is not None and not match(name, MAY_FAIL)}
    expected = {name for name in outcomes if match(name, EXPECTED_FAILURES)}
    surprises = sorted(failures.keys() - expected)
    passed_after_all = sorted(expected - failures.keys())
    unused = [pattern for pattern in EXPECTED_FAILURES if not fnmatch.filter(outcomes, pattern)]
    lines = [
        *(f"FAILED {name}: {failures[name]}" for name in surprises),
        *(f"PASSED {name}, but: {match(name, EXPECTED_FAILURES)}" for name in passed_after_all),
        *(f"NO TEST has a name like {pattern}" for pattern in unused),
        f"{len(outcomes) - len(failures)} passed, {len(surprises)} failed, "
        f"{len(failures) - len(surprises)} failed as they are expected to",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return bool(surprises or passed_after_all or unused)


def _unpack(folder: Path) -> Path:
    """Unpack the tests, and leave those of the data side alone."""
    tests = unpack(RELEASE, folder) / "tests"
    wanted = {tests / "conftest.py", *(path for pattern in FILES for path in tests.glob(pattern))}
    for path in set(tests.rglob("*.py")) - wanted:
        path.unlink()
    shutil.copy(Path(__file__).with_name("imports_changed.py"), tests)
    return tests


def _run(tests: Path) -> dict[str, str | None]:
    """Run tests; return for each why it failed, or None."""
    report = tests / "report.xml"
    known = "\n".join(f"{name} {place}" for name, place in places(with_other_arguments=False).items())
    environment = {**os.environ, "PATCHMILL_PLACES": known}
    options = [
        "-q",
        "--tb=short",
        "-p",
        "imports_changed",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tests,
        "-c",
        os.devnull,
    ]
    settings = [
        "--junitxml",
        report,
        "--import-mode=importlib",
        "--continue-on-collection-errors",
        "-o",
        "junit_family=xunit1",
        "-W",
        "ignore",
    ]
    environment["PYTHONPATH"] = os.pathsep.join([str(tests), *filter(None, [environment.get("PYTHONPATH")])])
    with (ENVIRONMENTS / f"{RELEASE}.tests.log").open("w") as log:
        command = [sys.executable, "-m", "pytest", *options, *settings, tests]
        subprocess.run(command, cwd=tests, env=environment, stdout=log, stderr=log, check=False)
    return read_outcomes(report)


if __name__ == "__main__":
    sys.exit(main())
