"""A file is whole, or it is what it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchmill.errors import OutputError, ShapeError
from patchmill.files import check_folder, replacing


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with replacing(path) as part:
        part.write_text("all of it")
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]
    assert path.read_text() == "all of it"


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")
    with (
        pytest.raises(OutputError, match=r"out\.txt: expected a file that can be written, got: no room"),
        replacing(path) as part,
    ):
        part.write_text("half")
        reason = "no room"
        raise OSError(reason)
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]
    assert path.read_text() == "before"


@pytest.mark.parametrize("error", [ShapeError("mine"), KeyboardInterrupt()])
def test_other_errors_pass_and_leave_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), replacing(tmp_path / "out.txt") as part:
        part.write_text("half")
        raise error
    assert not list(tmp_path.iterdir())


def test_the_file_behind_a_symbolic_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "real.txt", tmp_path / "link.txt"
    target.write_text("before")
    link.symlink_to(target)
    with replacing(link) as part:
        part.write_text("after")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_a_folder_that_can_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "folder")
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(
            OutputError, match=r"file.*: expected a folder that can be written to, got: Not a directory"
        ):
            check_folder(path)
