"""Which files a path stands for, and which belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchmill.errors import ConfigError, MissingFileError, PairError, ReadError
from patchmill.sources import list_files, pair_files


def make(folder: Path, *names: str) -> list[Path]:
    files = [folder / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return files


def test_folders_are_listed_sorted_and_with_their_sub_folders(tmp_path: Path) -> None:
    files = make(tmp_path, "b.tif", "a.TIFF", "sub/c.ome.tif", "sub/deep/d.Tif")
    make(tmp_path, "notes.txt", "._b.tif", ".hidden.tif", "image.png")
    (tmp_path / "folder.tif").mkdir()
    assert list_files(tmp_path, "tiff") == sorted(files)
    assert list_files(str(tmp_path), "tiff") == sorted(files)


def test_lists_keep_their_order_and_single_files_their_name(tmp_path: Path) -> None:
    b, a, other = make(tmp_path, "b.tif", "a.tif", "image.lsm")
    assert list_files([b, str(a)], "tiff") == [b, a]
    assert list_files(other, "tiff") == [other]


def test_missing_paths_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing\.tif: expected a file or a folder"):
        list_files(tmp_path / "nothing.tif", "tiff")
    with pytest.raises(FileNotFoundError, match=r"expected files named \*\.tif\* in this folder"):
        list_files(tmp_path, "tiff")
    with pytest.raises(MissingFileError, match="empty list"):
        list_files([], "tiff")
    with pytest.raises(ReadError, match=r"xxx\.tif: expected a file or a folder that can be read, got: "):
        list_files(tmp_path / f"{'x' * 300}.tif", "tiff")
    with pytest.raises(ConfigError, match="'czi'"):
        list_files(tmp_path, "czi")


def test_files_pair_by_their_path_below_the_folder(tmp_path: Path) -> None:
    names = ["x/1.tif", "y/0.tif", "z.tif"]
    inputs, targets = make(tmp_path / "noisy", *names), make(tmp_path / "clean", *names)
    expected = list(zip(inputs, targets, strict=True))
    assert pair_files(tmp_path / "noisy", tmp_path / "clean") == expected
    assert pair_files(inputs, targets[::-1]) == expected
    assert pair_files(tmp_path / "noisy", targets) == expected


def test_two_single_files_pair_whatever_their_names(tmp_path: Path) -> None:
    noisy, clean = make(tmp_path, "noisy.tif", "clean.tif")
    assert pair_files(noisy, str(clean)) == [(noisy, clean)]


def test_same_names_in_other_folders_do_not_pair(tmp_path: Path) -> None:
    make(tmp_path / "s", "x/1.tif", "y/0.tif")
    make(tmp_path / "t", "x/0.tif", "y/1.tif")
    with pytest.raises(PairError, match=r"2 without a target: x/1\.tif, y/0\.tif; 2 without an input: x/0\.tif, y/1"):
        pair_files(tmp_path / "s", tmp_path / "t")


def test_mismatches_are_listed_but_not_endlessly(tmp_path: Path) -> None:
    make(tmp_path / "s", *(f"{index:02}.tif" for index in range(20)))
    make(tmp_path / "t", "00.tif")
    with pytest.raises(PairError, match=r"20 inputs, 1 targets.*19 without a target: 01\.tif, .*05\.tif and 14 more"):
        pair_files(tmp_path / "s", tmp_path / "t")


def test_files_named_twice_are_refused(tmp_path: Path) -> None:
    (file, other) = make(tmp_path, "a.tif", "b.tif")
    with pytest.raises(PairError, match=r"inputs: expected each name once, got a\.tif"):
        pair_files([file, file], [file, other])
