"""The memory that this process may use, in control groups of either version, and whether images fit."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from patchmill.sources import ImageHeader, fits_in_memory, memory, usable_memory

GIB = 2**30


def make_group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)


def left(root: Path, groups: str) -> list[int]:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    return list(memory._left_in_groups(root))


def test_version_2_counts_every_limit_on_the_way_up_and_not_what_can_be_given_back(tmp_path: Path) -> None:
    mount = tmp_path / "sys/fs/cgroup"
    make_group(mount / "jobs", max="4000\n", current="1500\n", stat="anon 5\ninactive_file 500\nactive_file 300\n")
    make_group(mount / "jobs/one", max="max\n", current="700\n", stat="inactive_file 100\n", high="900\n")
    make_group(mount / "jobs/two", max="1\n", current="1\n")
    assert left(tmp_path, "0::/jobs/one\n") == [900 - 600, 4000 - 1000]


@pytest.mark.parametrize("group", ["/", "/docker/abc", "/../../elsewhere"])
def test_version_2_in_a_container_has_its_limit_where_it_is_mounted(tmp_path: Path, group: str) -> None:
    make_group(tmp_path / "sys/fs/cgroup", max="1000", current="400", stat="inactive_file 100")
    assert left(tmp_path, f"0::{group}\n") == [700]


def test_version_1_counts_every_limit_on_the_way_up(tmp_path: Path) -> None:
    mount = tmp_path / "sys/fs/cgroup/memory"
    unlimited = "9223372036854771712"
    make_group(mount, limit_in_bytes=unlimited, usage_in_bytes="9000", stat="total_inactive_file 8000")
    make_group(
        mount / "slurm/job",
        limit_in_bytes="5000",
        usage_in_bytes="1300",
        stat="inactive_file 1\ntotal_inactive_file 300\n",
    )
    groups = "5:cpu,cpuacct:/elsewhere\n4:hugetlb,memory:/slurm/job\n1:name=systemd:/memory\n0::/\n"
    assert left(tmp_path, groups) == [5000 - 1000, int(unlimited) - 1000]


def test_without_groups_or_with_ones_that_say_nothing_there_is_no_limit(tmp_path: Path) -> None:
    assert list(memory._left_in_groups(tmp_path)) == []
    mount = tmp_path / "sys/fs/cgroup"
    make_group(mount, max="100")  # Nothing says how much of it is in use.
    make_group(mount / "odd", max="many", current="7", stat="inactive_file\nnonsense here too\n\xff")
    assert left(tmp_path, "0::/odd\nnonsense\n::\n") == []


def test_usable_memory_is_the_least_of_all_and_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    for groups, expected in (([], 1000), ([2000, 700], 700), ([4000], 1000), ([-5], 0)):
        monkeypatch.setattr(memory, "_left_in_groups", lambda _root, groups=groups: iter(groups))
        assert usable_memory() == expected


def test_usable_memory_of_this_process_is_some_of_what_the_machine_has() -> None:
    assert 0 < usable_memory() <= psutil.virtual_memory().total


def header(nbytes: int, *, is_mapped: bool = False) -> ImageHeader:
    return ImageHeader("a.tif", 1, 1, (1, 8, 8), np.dtype("u1"), nbytes, is_mapped)


def test_images_fit_into_80_percent_of_it_and_mapped_ones_need_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert fits_in_memory([header(5 * GIB), header(3 * GIB), header(100 * GIB, is_mapped=True)], 10 * GIB)
    assert "images: 3, of which 1 are mapped; the others take 8.00 GiB decoded, and 10.00 GiB" in caplog.text
    assert "all are kept in memory" in caplog.text
    assert not fits_in_memory(iter([header(5 * GIB), header(3 * GIB + 1)]), 10 * GIB)
    assert "read in turn, as they take more than 80% of it" in caplog.text
