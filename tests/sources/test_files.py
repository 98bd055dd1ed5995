"""Which files a path stands for, and which belong together."""

from __future__ import annotations

import os
import socket
import sys
from fnmatch import fnmatch
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill.errors import ConfigError, DtypeError, MissingFileError, PairError, ReadError
from patchmill.sources import list_files, pair_files
from tests.sources.conftest import ClosedToUs


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


def test_what_lies_beside_tiff_files_under_longer_names_is_not_listed(tmp_path: Path) -> None:
    files = make(tmp_path, "a.tif", "b.btf", "c.TF8", "d.tf2", "e.tiff")
    beside = make(tmp_path, "a.tif.xml", "a.tif.txt", "a.tif.gz", "a.tiff.bak", "a.tifx", "atif")
    assert list_files(tmp_path, "tiff") == files
    assert list_files(beside, "tiff") == beside


def test_predictions_are_not_among_the_images_of_a_folder_unless_they_are_asked_for(tmp_path: Path) -> None:
    images = make(tmp_path, "a.tif", "sub/b.tif")
    predicted = make(tmp_path, "predictions/a.tiff", "sub/predictions/deep/b.tiff")
    assert list_files(tmp_path, "tiff") == images
    assert list_files([tmp_path / "predictions", tmp_path / "sub/predictions"], "tiff") == predicted
    assert list_files(tmp_path, "tiff", "*.tiff") == predicted
    assert list_files(tmp_path, "custom", "*.tiff") == predicted
    make(tmp_path / "only", "predictions/a.tiff")
    with pytest.raises(MissingFileError, match="a sub-folder named 'predictions' is only searched if it is named"):
        list_files(tmp_path / "only", "tiff")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
@pytest.mark.parametrize("data_type", ["tiff", "custom"])
def test_a_name_that_is_not_utf_8_is_refused_with_what_can_be_printed(tmp_path: Path, data_type: str) -> None:
    (file,) = make(tmp_path, os.fsdecode(b"caf\xe9.tif"))
    for data in (file, tmp_path, [file]):
        with pytest.raises(ReadError, match=r"caf\\xe9\.tif: expected a path in UTF-8") as raised:
            list_files(data, data_type)
        assert str(raised.value).isascii()


def test_lists_keep_their_order_and_single_files_their_name(tmp_path: Path) -> None:
    b, a, other = make(tmp_path, "b.tif", "a.tif", "image.lsm")
    assert list_files([b, str(a)], "tiff") == [b, a]
    assert list_files(other, "tiff") == [other]


def test_missing_paths_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing\.tif: expected a file or a folder"):
        list_files(tmp_path / "nothing.tif", "tiff")
    with pytest.raises(FileNotFoundError, match=r"expected files named \*\.tif, .*, \*\.tf2 in this folder"):
        list_files(tmp_path, "tiff")
    with pytest.raises(MissingFileError, match="empty list"):
        list_files([], "tiff")
    with pytest.raises(ReadError, match=r"xxx\.tif: expected a file or a folder that can be read, got: "):
        list_files(tmp_path / f"{'x' * 300}.tif", "tiff")
    with pytest.raises(ConfigError, match="'czi'"):
        list_files(tmp_path, "czi")


def test_what_is_hidden_is_not_listed_unless_it_is_named(tmp_path: Path) -> None:
    hidden = make(tmp_path, ".a.npy", ".cache/b.npy", "sub/.ipynb_checkpoints/c.npy", ".tif")
    (seen,) = make(tmp_path, "sub/d.npy")
    for data_type, pattern in (("custom", ""), ("custom", "*"), ("custom", "**/*.npy"), ("tiff", "*.npy")):
        assert list_files(tmp_path, data_type, pattern) == [seen]
    for file in hidden:
        assert list_files(file, "custom", "*") == [file]
    below_hidden = make(tmp_path / ".data", "sub/e.npy")
    assert list_files(tmp_path / ".data", "custom") == below_hidden


NAMES = ["a.npy", "B.NPY", "c.czi", "raw/a.npy", "raw/x/d.npy", "x/raw/e.npy", "x/a[1].npy", "noext", "x/y/z/f.npy"]
PATTERNS = [
    "",
    "*",
    "*.npy",
    "*.NPY",
    "?.npy",
    "[ab].npy",
    "raw/*.npy",
    "**/*.npy",
    "x/**/*.npy",
    "a*",
    "*/*/*",
    "a.npy",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_those_of_rglob_and_single_files_are_matched_alike(tmp_path: Path, pattern: str) -> None:
    files = sorted(make(tmp_path, *NAMES))
    expected = sorted(file for file in tmp_path.rglob(pattern or "*.*") if file.is_file())
    assert expected
    assert list_files(tmp_path, "custom", pattern) == expected
    for file in files:
        if file in expected or fnmatch(str(file), pattern or "*.*"):
            assert list_files(file, "custom", pattern) == [file]
        else:
            with pytest.raises(ConfigError) as raised:
                list_files(file, "custom", pattern)
            assert str(raised.value).startswith(
                f"{file}: expected a name that matches the pattern {pattern or '*.*'!r}"
            )


@given(st.lists(st.lists(st.sampled_from(["a", "b.npy", "c.tif", "ab.npy"]), min_size=1, max_size=4), unique_by=tuple))
def test_matching_is_that_of_rglob_on_any_tree(tmp_path_factory: pytest.TempPathFactory, tree: list[list[str]]) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in tree:
        path = root.joinpath(*parts)
        if not path.exists() and all(not parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for pattern in ("*.npy", "a/*.npy", "**/a/*", "a/**/*.npy", "*/*.tif"):
        # Python 3.13 and later find some of them twice.
        expected = sorted({file for file in root.rglob(pattern) if file.is_file()})
        if expected:
            assert list_files(root, "custom", pattern) == expected
        else:
            with pytest.raises(MissingFileError):
                list_files(root, "custom", pattern)


def test_two_stars_at_the_end_are_all_files_below(tmp_path: Path) -> None:
    files = make(tmp_path, "x/raw/a.npy", "x/raw/deep/b.npy")
    make(tmp_path, "x/c.npy")
    assert list_files(tmp_path, "custom", "raw/**") == files


def test_zarr_folders_are_files_for_custom_readers_alone(tmp_path: Path) -> None:
    make(tmp_path, "b.zarr/zarr.json", "b.zarr/c/0/0", "sub/a.ome.zarr/.zattrs", "c.npy", "d.zarr/inner.tif")
    stores = [tmp_path / "b.zarr", tmp_path / "d.zarr", tmp_path / "sub/a.ome.zarr"]
    assert list_files(tmp_path, "custom", "*.zarr") == stores
    assert list_files(tmp_path, "custom") == [stores[0], tmp_path / "c.npy", *stores[1:]]
    assert list_files(stores[0], "custom") == [stores[0]]
    assert list_files([stores[0], tmp_path / "sub"], "custom") == [stores[0], stores[2]]
    assert list_files(tmp_path, "tiff") == [tmp_path / "d.zarr/inner.tif"]
    assert pair_files(stores[0], stores[2], "custom") == [(stores[0], stores[2])]
    make(tmp_path / "targets", "b.zarr/zarr.json", "d.zarr/zarr.json")
    targets = [tmp_path / "targets/b.zarr", tmp_path / "targets/d.zarr"]
    assert pair_files(stores[:2], targets[::-1], "custom") == list(zip(stores[:2], targets, strict=True))
    assert pair_files(stores[:2], tmp_path / "targets", "custom", "*.zarr") == list(
        zip(stores[:2], targets, strict=True)
    )


def test_lists_may_mix_files_and_folders_texts_and_paths(tmp_path: Path) -> None:
    a, b, c = make(tmp_path, "x/a.npy", "x/b.npy", "c.npy")
    assert list_files([str(c), tmp_path / "x", a], "custom") == [c, a, b, a]
    assert list_files((c,), "custom", "*.npy") == [c]


def test_links_are_listed_even_if_they_lead_nowhere_but_not_what_would_be_waited_for(tmp_path: Path) -> None:
    (real,) = make(tmp_path, "elsewhere/real.tif")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.tif").symlink_to(real)
    (folder / "broken.tif").symlink_to(tmp_path / "nowhere.tif")
    (folder / "linked").symlink_to(real.parent)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.tif")
    assert list_files(folder, "tiff") == [folder / "broken.tif", folder / "good.tif"]
    with pytest.raises(MissingFileError, match=r"broken\.tif: expected a file or a folder, got nothing"):
        list_files(folder / "broken.tif", "tiff")


def test_an_extension_filter_narrows_tiffs_too(tmp_path: Path) -> None:
    a, b = make(tmp_path, "a_raw.tif", "b_clean.tif")
    assert list_files(tmp_path, "tiff", "*_raw.tif") == [a]
    with pytest.raises(ConfigError, match=r"b_clean\.tif: expected a name that matches the pattern '\*_raw\.tif'"):
        list_files(b, "tiff", "*_raw.tif")


def test_folders_that_may_not_be_looked_into_are_an_error_that_names_them(
    tmp_path: Path, closed_to_us: ClosedToUs
) -> None:
    make(tmp_path, "open/a.tif", "closed/b.tif")
    with closed_to_us(tmp_path / "closed"):
        for data in (tmp_path, tmp_path / "closed", [tmp_path / "open", tmp_path / "closed"]):
            with pytest.raises(ReadError, match=r"closed: expected .* that can be read, got: Permission denied"):
                list_files(data, "tiff")
        with pytest.raises(ReadError, match=r"b\.tif: expected .* that can be read, got: Permission denied"):
            list_files(tmp_path / "closed/b.tif", "tiff")


BAD: dict[str, tuple[Any, str, str, type[Exception], str]] = {
    "nothing": (None, "tiff", "", DtypeError, r"data: expected a path or a list of paths, got builtins\.NoneType"),
    "a number": (3, "custom", "", DtypeError, "got builtins.int"),
    "bytes": (b"a.tif", "tiff", "", DtypeError, "got builtins.bytes"),
    "a list of numbers": (["a.tif", 3], "tiff", "", DtypeError, "got a list of builtins.str and builtins.int"),
    "an array": (np.zeros((4, 4)), "tiff", "", DtypeError, "got numpy.ndarray"),
    "a generator": ((path for path in ["a.tif"]), "tiff", "", DtypeError, "got builtins.generator"),
    "an empty text": ("", "tiff", "", MissingFileError, "data: expected the path of a file or a folder, got ''"),
    "an empty text in a list": (["a.tif", ""], "tiff", "", MissingFileError, "got ''"),
    "an impossible name": ("a\0b.tif", "tiff", "", MissingFileError, r"got 'a\\x00b\.tif'"),
    "an empty list": ([], "custom", "", MissingFileError, "expected at least one path, got an empty list"),
    "an empty tuple": ((), "tiff", "", MissingFileError, "empty list"),
    "no file of that name": ("no.npy", "custom", "", MissingFileError, r"no\.npy: expected .*got nothing of that name"),
    "a file as a folder": (f"{__file__}/a.tif", "tiff", "", MissingFileError, "got nothing of that name"),
    "a type without files": ("a.npy", "array", "", ConfigError, "data_type: expected 'tiff' or 'custom'.*'array'"),
    "several patterns": ("a.npy", "custom", ["*.npy"], ConfigError, r"extension_filter: expected one pattern.*\['"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_list_of_files_is_one_clear_error(case: str) -> None:
    data, data_type, extension_filter, error, message = BAD[case]
    with pytest.raises(error, match=message) as raised:
        list_files(data, data_type, extension_filter)
    assert type(raised.value) is error
    assert str(raised.value).endswith(".")


@pytest.mark.skipif(sys.platform == "win32", reason="there they are paths")
def test_paths_of_windows_are_not_there_elsewhere(tmp_path: Path) -> None:
    (file,) = make(tmp_path, "a.tif")
    for path in (PureWindowsPath(file), r"C:\data\a.tif", r"\\server\share\a.tif"):
        with pytest.raises(MissingFileError, match=r"got nothing of that name\. Check the path"):
            list_files(str(path), "tiff")


def test_folders_without_a_match_say_what_was_looked_for(tmp_path: Path) -> None:
    make(tmp_path, "a.npy", "b.txt")
    with pytest.raises(
        MissingFileError, match=r"expected files named \*\.czi in this folder or below, got none\. Check"
    ):
        list_files(tmp_path, "custom", "*.czi")
    with pytest.raises(MissingFileError, match=r"named \.npy in .*Write extension_filter='\*\.npy' for all names"):
        list_files(tmp_path, "custom", ".npy")
    make(tmp_path, "x.tif/readme.txt")
    with pytest.raises(MissingFileError, match=r"x\.tif: expected files named \*\.tif, .*Check the folder; "):
        list_files(tmp_path / "x.tif", "tiff")


def test_names_that_sockets_have_are_not_listed(tmp_path: Path) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no sockets in folders here")
    (file,) = make(tmp_path, "a.npy")
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(tmp_path / "s.npy"))
        except OSError:
            pytest.skip("the path is too long for a socket")
        assert list_files(tmp_path, "custom") == [file]


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


def test_pairs_can_be_paired_again(tmp_path: Path) -> None:
    make(tmp_path, "noisy/x/1.tif", "noisy/x/2.tif", "clean/x/1.tif", "clean/x/2.tif", "a.tif", "b.tif")
    for pair in (("noisy", "clean"), ("a.tif", "b.tif"), ("noisy/x/1.tif", "clean/x/2.tif")):
        pairs = pair_files(*(tmp_path / data for data in pair))
        assert pair_files([image for image, _ in pairs], [target for _, target in pairs]) == pairs


def test_pairs_are_those_that_match_the_pattern(tmp_path: Path) -> None:
    noisy, clean = make(tmp_path, "noisy/1.npy", "clean/1.npy")
    make(tmp_path, "noisy/1.json", "clean/notes.txt")
    assert pair_files(tmp_path / "noisy", tmp_path / "clean", "custom", "*.npy") == [(noisy, clean)]
    with pytest.raises(PairError, match=r"without a target: 1\.json; 1 without an input: notes\.txt"):
        pair_files(tmp_path / "noisy", tmp_path / "clean", "custom")


def test_a_file_pairs_with_its_namesake_in_a_folder(tmp_path: Path) -> None:
    noisy, clean = make(tmp_path, "noisy/1.tif", "clean/1.tif")
    for inputs, targets in ((noisy, clean.parent), (noisy.parent, clean), ([noisy], clean.parent)):
        assert pair_files(inputs, targets) == [(noisy, clean)]


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
