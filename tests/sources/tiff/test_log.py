"""What tifffile logs while patchmill reads."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from patchmill.sources.tiff.log import kept_log

_tifffile = logging.getLogger("tifffile")


def test_messages_are_kept_while_a_file_is_read_and_pass_before_and_after(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        _tifffile.warning("before")
        with kept_log(Path("image.tif")):
            _tifffile.warning("within")
        _tifffile.warning("after")
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("tifffile", "WARNING", "before"),
        ("patchmill.sources.tiff.log", "DEBUG", "image.tif: tifffile: within"),
        ("tifffile", "WARNING", "after"),
    ]


def test_messages_go_to_the_file_whose_thread_they_come_from(caplog: pytest.LogCaptureFixture) -> None:
    meet = threading.Barrier(8, timeout=60)

    def read(number: int) -> None:
        for _ in range(20):
            with kept_log(Path(f"{number}.tif")):
                meet.wait()
                _tifffile.warning("of %d", number)
                meet.wait()

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    with caplog.at_level(logging.DEBUG):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(record.getMessage() for record in caplog.records) == sorted(
        f"{number}.tif: tifffile: of {number}" for number in range(8) for _ in range(20)
    )
    assert not _tifffile.filters


def test_messages_of_other_threads_are_kept_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), kept_log(Path("image.tif")):
        thread = threading.Thread(target=_tifffile.warning, args=("from a decoder",))
        thread.start()
        thread.join()
    assert [record.getMessage() for record in caplog.records] == ["image.tif: tifffile: from a decoder"]


def test_errors_end_the_keeping() -> None:
    with pytest.raises(ValueError, match="x"), kept_log(Path("image.tif")), kept_log(Path("other.tif")):
        int("x")
    assert not _tifffile.filters
