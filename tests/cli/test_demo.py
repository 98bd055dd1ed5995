"""patchmill demo."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.running import patchmill


def test_demo_says_what_it_gained(folder: Path) -> None:
    result = patchmill("demo", "shown", "--epochs", "1", "--size", "128", "--device", "cpu")
    assert result.exit_code == 0, result.output
    said = dict(line.split(":", 1) for line in result.stdout.splitlines())
    assert list(said) == ["patches/s", "waiting for data", "PSNR", "time", "pictures"]
    assert re.fullmatch(r" +[\d.]+ dB -> [\d.]+ dB \([+-][\d.]+ dB\)", said["PSNR"])
    assert (folder / "shown" / "comparison.png").is_file()
