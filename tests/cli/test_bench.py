"""patchmill bench."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.running import configure, names, patchmill


def test_bench_says_how_fast_data_and_training_are(folder: Path) -> None:
    config = configure("config.yml")
    result = patchmill("bench", "in.tif", "--config", config, "--seconds", "1", "--device", "cpu")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    lines = result.stdout.splitlines()
    said = dict(line.split(":", 1) for line in lines)
    assert list(said) == ["machine", "versions", "data", "network", "loader", "training", "in short"]
    assert said["data"].strip() == "1 file(s), patches of 16 x 16, channels: 1"
    assert said["network"].strip() == "n2v, 32 filters, depth 2, batches of 4"
    assert re.fullmatch(
        r" +[\d,]+ patches/s with \d+ threads?, [\d.]+ GB/s, \d+% of a copy of as many bytes by one thread",
        said["loader"],
    )
    assert re.fullmatch(
        r" +[\d.e+,]+ patches/s on cpu \(median of \d+\), [\d.]+% of the time waiting for data", said["training"]
    )
    assert re.fullmatch(r" the loader makes [\d.,]+ times what the training takes", said["in short"])
    assert names(folder) == [config, "in.tif"]


def test_what_cannot_be_measured_is_one_line(folder: Path) -> None:
    result = patchmill("bench", "none.tif", "--config", configure("config.yml"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: none.tif: expected")
    assert patchmill("bench", "in.tif", "--config", "config.yml", "--axes", "YX").exit_code == 2
    assert patchmill("bench", "--seconds", "0").exit_code == 2
