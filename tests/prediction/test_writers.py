"""TIFF files of results say what the files said that they were made from."""

from __future__ import annotations

import dataclasses
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.errors import AxesError, DtypeError, OutputError, OutputExistsError, PatchmillError, ShapeError
from patchmill.prediction import writers
from patchmill.prediction.writers import check_writable, write_tiff
from patchmill.sources import read_metadata, read_tiff
from patchmill.sources.image import PIXEL_DTYPES

RNG = np.random.default_rng(3)
UM = {"PhysicalSizeX": 0.065, "PhysicalSizeY": 0.07, "PhysicalSizeZ": 0.3}
IMAGEJ_UM = {"unit": "um", "spacing": 0.3}
RESOLUTION = (1 / 0.065, 1 / 0.07)


def noise(shape: tuple[int, ...], dtype: str = "u2") -> np.ndarray:
    return RNG.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


# Each: an image, the options that tifffile wrote it with, and its kind when it comes back as float32.
FILES: dict[str, tuple[np.ndarray, dict[str, Any], str]] = {
    "ome zyx": (noise((3, 20, 24)), {"ome": True, "metadata": {"axes": "ZYX", **UM}}, "ome"),
    "ome tczyx": (noise((2, 3, 4, 20, 24)), {"ome": True, "metadata": {"axes": "TCZYX", **UM}}, "ome"),
    "ome zctyx": (noise((2, 3, 4, 20, 24)), {"ome": True, "metadata": {"axes": "ZCTYX", **UM}}, "ome"),
    "ome yx": (noise((20, 24)), {"ome": True, "metadata": UM}, "ome"),
    "ome rgb": (noise((20, 24, 3), "u1"), {"ome": True, "photometric": "rgb", "metadata": UM}, "ome"),
    "ome rgb planar": (
        noise((3, 20, 24), "u1"),
        {"ome": True, "photometric": "rgb", "planarconfig": "separate", "metadata": UM},
        "ome",
    ),
    "ome bool": (noise((20, 24), "?"), {"ome": True}, "ome"),
    "ome float": (noise((3, 20, 24), "f8"), {"ome": True, "metadata": {"axes": "CYX"}}, "ome"),
    "imagej tzcyx": (
        noise((2, 3, 4, 20, 24)),
        {"imagej": True, "resolution": RESOLUTION, "metadata": {"axes": "TZCYX", **IMAGEJ_UM}},
        "imagej",
    ),
    "imagej cyx, big-endian": (
        noise((4, 20, 24), "f4"),
        {"imagej": True, "resolution": RESOLUTION, "metadata": {"axes": "CYX", **IMAGEJ_UM}, "byteorder": ">"},
        "imagej",
    ),
    "imagej yx": (noise((20, 24), "u1"), {"imagej": True}, "imagej"),
    "imagej rgb": (noise((20, 24, 3), "u1"), {"imagej": True, "photometric": "rgb"}, "ome"),
    "shaped zyx": (noise((3, 20, 24)), {"metadata": {"axes": "ZYX", **UM}}, "shaped"),
    "shaped ztyx": (noise((1, 3, 20, 24)), {"metadata": {"axes": "ZTYX"}}, "shaped"),
    "shaped stack of rgb": (
        noise((2, 20, 24, 3), "u1"),
        {"photometric": "rgb", "metadata": {"axes": "TYXS"}},
        "shaped",
    ),
    "shaped samples": (noise((5, 20, 24)), {"metadata": {"axes": "SYX"}}, "shaped"),
    "plain": (
        noise((20, 24)),
        {"metadata": None, "description": "cells, day 3", "resolution": (5, 5), "resolutionunit": "CENTIMETER"},
        "plain",
    ),
    "plain rgb": (noise((20, 24, 3), "u1"), {"metadata": None, "photometric": "rgb"}, "plain"),
    "plain rgb planar": (
        noise((3, 20, 24), "u1"),
        {"metadata": None, "photometric": "rgb", "planarconfig": "separate"},
        "plain",
    ),
    "plain rgba": (noise((20, 24, 4), "u1"), {"metadata": None, "photometric": "rgb"}, "plain"),
    "plain 5 samples": (noise((20, 24, 5)), {"metadata": None, "planarconfig": "contig"}, "plain"),
    "plain half floats": (noise((20, 24), "f2"), {"metadata": None}, "plain"),
}


def original(path: Path, kind: str) -> np.ndarray:
    array, options, _ = FILES[kind]
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return array


@pytest.mark.parametrize("keep_dtype", [False, True])
@pytest.mark.parametrize("kind", FILES)
def test_results_come_back_with_the_shape_axes_kind_and_sizes_of_their_file(
    tmp_path: Path, kind: str, keep_dtype: bool
) -> None:
    array = original(tmp_path / "in.tif", kind)
    before = read_metadata(tmp_path / "in.tif")
    result = array if keep_dtype else array.astype(np.float32) / 3
    path = tmp_path / "out.tif"
    write_tiff(path, result, before.require_axes(), metadata=before)
    np.testing.assert_array_equal(tifffile.imread(path), result)
    np.testing.assert_array_equal(read_tiff(path), result)
    after = read_metadata(path)
    assert after.dtype.newbyteorder("=") == result.dtype
    assert after.kind == (before.kind if keep_dtype else FILES[kind][2])
    assert after.axes == before.axes
    assert after.samples == before.samples
    assert after.pixel_size_um == tuple(
        None if size is None else pytest.approx(size, rel=1e-6) for size in before.pixel_size_um
    )
    if before.kind == "plain":
        assert after.description == before.description
    assert list(tmp_path.glob(".*")) == []


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    more = draw(st.lists(st.sampled_from("STCZ"), unique=True))
    axes = "".join(draw(st.permutations([*more, "Y", "X"])))
    shape = tuple(draw(st.integers(1, 5)) for _ in axes)
    return noise(shape, draw(st.sampled_from(PIXEL_DTYPES))), axes


@settings(max_examples=150, deadline=None)
@given(images(), st.sampled_from([None, *FILES]))
def test_any_image_is_written_whatever_the_file_it_was_made_from(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[np.ndarray, str], kind: str | None
) -> None:
    array, axes = case
    folder = tmp_path_factory.mktemp("out")
    metadata = None
    if kind is not None:
        original(folder / "in.tif", kind)
        metadata = read_metadata(folder / "in.tif")
    write_tiff(folder / "out.tif", array, axes, metadata=metadata)
    read = tifffile.imread(folder / "out.tif")
    after = read_metadata(folder / "out.tif")
    if after.kind == "shaped":
        assert after.axes == axes
        np.testing.assert_array_equal(read, array)
    else:
        # tifffile drops axes of size 1 from the others, which call S by another letter.
        kept = [at for at, axis in enumerate(axes) if array.shape[at] > 1 or axis in "YX"]
        np.testing.assert_array_equal(read, array.reshape([array.shape[at] for at in kept]))
        assert after.axes is not None
        assert all(axes[at] in (axis, "S") for at, axis in zip(kept, after.axes, strict=True))


@pytest.mark.parametrize("options", [{"metadata": None}, {"imagej": True}, {"ome": True}, {}], ids=str)
def test_what_is_shown_as_white_stays_so(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((20, 24))
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="miniswhite", **options)
    metadata = read_metadata(tmp_path / "in.tif")
    write_tiff(tmp_path / "out.tif", array.astype(np.float32), axes="YX", metadata=metadata)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    np.testing.assert_array_equal(read_tiff(tmp_path / "out.tif"), array)


def test_ome_xml_of_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.ome.tif"
    channels = {"Name": ["GFP", "DAPI"], "EmissionWavelength": [510, 460]}
    positions = {"PositionX": [1.0] * 4, "PositionXUnit": ["µm"] * 4}
    image = noise((2, 2, 20, 24))
    tifffile.imwrite(path, image, metadata={"axes": "TCYX", "Channel": channels, "Plane": positions, **UM})
    write_tiff(tmp_path / "out.tif", image.astype(np.float32), "TCYX", metadata=read_metadata(path))
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        xml = file.ome_metadata
    assert xml is not None
    for text in ('Name="GFP"', 'Name="DAPI"', 'EmissionWavelength="510"', 'PositionX="1.0"', 'Type="float"'):
        assert text in xml


def test_imagej_items_are_kept_as_far_as_they_stay_true(tmp_path: Path) -> None:
    image = noise((3, 20, 24))
    items = {
        "axes": "TYX",
        "unit": "\\u00B5m",
        "finterval": 2.5,
        "Info": "Größe",
        "Labels": ["a", "b", "c"],
        "cf": 0,
        "c0": -32768.0,
        "c1": 1.0,
    }
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, image, imagej=True, resolution=RESOLUTION, metadata=items)
    before = read_metadata(path)
    micro = dataclasses.replace(before, items={**before.items, "unit": "µm"})
    write_tiff(tmp_path / "float.tif", image.astype(np.float32), "TYX", metadata=micro)
    kept = read_metadata(tmp_path / "float.tif").items
    assert {key: kept[key] for key in ("unit", "finterval", "Info", "Labels")} == {
        key: items[key] for key in ("unit", "finterval", "Info", "Labels")
    }
    assert not {"cf", "c0", "c1"} & set(kept)
    write_tiff(tmp_path / "same.tif", image, "TYX", metadata=before)
    assert read_metadata(tmp_path / "same.tif").items["c0"] == -32768.0
    write_tiff(tmp_path / "channels.tif", np.stack([image, image], 1), "TCYX", metadata=before)
    assert "Labels" not in read_metadata(tmp_path / "channels.tif").items


@pytest.mark.parametrize("kind", ["imagej tzcyx", "ome tczyx"])
def test_axes_that_the_user_gave_stand_above_those_of_the_file(tmp_path: Path, kind: str) -> None:
    array = original(tmp_path / "in.tif", kind)[0]
    metadata = read_metadata(tmp_path / "in.tif")
    write_tiff(tmp_path / "out.tif", array, "CTYX" if kind.startswith("ome") else "TCYX", metadata=metadata)
    after = read_metadata(tmp_path / "out.tif")
    assert after.kind == metadata.kind
    assert after.axes == ("CTYX" if kind.startswith("ome") else "TCYX")


def test_imagej_gives_way_where_its_format_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = original(tmp_path / "in.tif", "imagej tzcyx")
    metadata = read_metadata(tmp_path / "in.tif")
    path = tmp_path / "out.tif"
    kinds = []
    for axes, image in (("TZCYX", array.astype("f8")), ("CZTYX", array), ("TZCXY", array), ("TZCYX", array)):
        write_tiff(path, image, axes, metadata=metadata, overwrite=True)
        kinds.append((read_metadata(path).kind, read_metadata(path).axes))
    assert kinds == [("ome", "TZCYX"), ("ome", "CZTYX"), ("shaped", "TZCXY"), ("imagej", "TZCYX")]
    monkeypatch.setattr(writers, "_CLASSIC_BYTES", array.nbytes)
    write_tiff(path, array, "TZCYX", metadata=metadata, overwrite=True)
    assert read_metadata(path).kind == "ome"
    assert read_metadata(path).pixel_size_um == pytest.approx((0.3, 0.07, 0.065))


BAD_OUTPUTS: dict[str, tuple[str, Any, str, type[PatchmillError], str]] = {
    "no folder": ("nothing/out.tif", None, "YX", OutputError, "expected a folder for the output, got .*nothing"),
    "folder is a file": ("file.tif/out.tif", None, "YX", OutputError, "expected a folder for the output"),
    "path is a folder": ("folder.tif", None, "YX", OutputError, "got a folder"),
    "other type": ("out.png", None, "YX", OutputError, r"expected the name of a TIFF.*got 'out\.png'"),
    "there already": ("file.tif", None, "YX", OutputExistsError, "expected no file of that name"),
    "name too long": (f"{'x' * 300}.tif", None, "YX", OutputError, "expected"),
    "complex": ("out.tif", np.zeros((4, 4), complex), "YX", DtypeError, "complex128"),
    "no pixels": ("out.tif", np.zeros((0, 4)), "YX", ShapeError, r"\(0, 4\)"),
    "axes": ("out.tif", np.zeros((4, 4)), "ZYX", AxesError, r"\(4, 4\).*'ZYX'"),
}


@pytest.mark.parametrize("case", BAD_OUTPUTS)
def test_bad_outputs_give_one_clear_error_and_leave_nothing(tmp_path: Path, case: str) -> None:
    name, image, axes, error, message = BAD_OUTPUTS[case]
    (tmp_path / "file.tif").write_bytes(b"mine")
    (tmp_path / "folder.tif").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=message):
        write_tiff(tmp_path / name, np.zeros((4, 4)) if image is None else image, axes)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file.tif").read_bytes() == b"mine"


def test_outputs_can_be_checked_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "out.tif"
    check_writable(path)
    path.write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"out\.tif"):
        check_writable(path)
    check_writable(path, overwrite=True)
    assert path.read_bytes() == b"mine"
    with pytest.raises(OutputError):
        check_writable(tmp_path / "no" / "out.tif", overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is a folder that takes no files")
def test_folders_that_take_no_files_are_refused() -> None:
    with pytest.raises(OutputError, match=r"/proc/out\.tif: expected a file that can be written, got: "):
        check_writable("/proc/out.tif")


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), ValueError("odd"), KeyboardInterrupt()])
@pytest.mark.parametrize("is_there", [False, True])
def test_writing_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, is_there: bool
) -> None:
    path = tmp_path / "out.tif"
    if is_there:
        path.write_bytes(b"mine")

    def fail(file: Path, *_: object, **__: object) -> None:
        file.write_bytes(b"half")
        raise failure

    monkeypatch.setattr(tifffile, "imwrite", fail)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputError
    with pytest.raises(expected, match=r"No space left|odd|^$"):
        write_tiff(path, np.zeros((4, 4)), "YX", overwrite=True)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([b"mine"] if is_there else [])


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.tif"
    write = tifffile.imwrite

    def slow(*args: Any, **options: Any) -> None:
        write(*args, **options)
        path.write_bytes(b"mine")

    monkeypatch.setattr(tifffile, "imwrite", slow)
    with pytest.raises(OutputExistsError):
        write_tiff(path, np.zeros((4, 4)), "YX")
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_replaced_while_it_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    array = original(path, "ome zyx")
    mapped = read_tiff(path)
    write_tiff(path, mapped + np.uint16(1), "ZYX", metadata=read_metadata(path), overwrite=True)
    np.testing.assert_array_equal(mapped, array)
    np.testing.assert_array_equal(read_tiff(path), array + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and permissions of POSIX")
def test_links_stay_links_and_files_get_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "out.tif").symlink_to(tmp_path / "store" / "real.tif")
    write_tiff(tmp_path / "out.tif", np.zeros((4, 4)), "YX")
    assert (tmp_path / "out.tif").is_symlink()
    (tmp_path / "ordinary").touch()
    expected = stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "store" / "real.tif").stat().st_mode) == expected
