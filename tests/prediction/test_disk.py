"""Predictions go to the disk as they are made: what is written is what `predict` gives, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from patchmill.errors import ConfigError, OutputError, OutputExistsError, PatchmillError, ReadError
from patchmill.prediction import ImageReader, Predictor, Writing, canvas, predict_to_files, tiff_canvas
from patchmill.prediction.tiff_canvas import create_tiff
from patchmill.sources import Normalization, read_metadata
from tests.images import AXES
from tests.prediction.test_predict import Identity, network
from tests.prediction.test_writers import FILES, noise, original

TILES = {2: {"tile_size": (8, 16), "tile_overlap": (2, 4)}, 3: {"tile_size": (2, 8, 16), "tile_overlap": (0, 2, 4)}}


def predictor(n_dims: int = 2, n_channels: int = 1, n_out: int | None = None, **options: Any) -> Predictor:
    n_out = n_channels if n_out is None else n_out
    return Predictor(
        model=network(n_dims, in_channels=n_channels, num_classes=n_out, independent_channels=False),
        normalization=Normalization.by_mean_and_std([3.0] * n_channels, [2.0] * n_channels),
        target_normalization=Normalization.by_mean_and_std([3.0] * n_out, [2.0] * n_out),
        **{**TILES[n_dims], "batch_size": 3, **options},
    )


def writing(folder: Path, **options: Any) -> Writing:
    return Writing(folder=folder, **options)


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


ARRAYS = {"YX": (19, 33), "XY": (19, 33), "SYX": (3, 9, 20), "CYX": (2, 19, 20), "YXC": (12, 17, 2)}
ARRAYS |= {"ZYX": (5, 19, 20), "TCZYX": (2, 2, 3, 9, 17), "CSTZYX": (2, 2, 3, 3, 9, 11), "ZSYX": (3, 2, 9, 17)}


@pytest.mark.parametrize("blend", [None, "linear", "gaussian"])
@pytest.mark.parametrize("axes", ARRAYS)
def test_files_hold_what_predict_gives(tmp_path: Path, axes: str, blend: Any) -> None:
    array = np.random.default_rng(1).normal(3, 2, ARRAYS[axes]).astype("f4")
    how = predictor(3 if "Z" in axes else 2, 2 if "C" in axes else 1, blend=blend)
    (expected,) = how.predict(ImageReader.of(array, "array", axes))
    (path,) = predict_to_files(how, ImageReader.of(array, "array", axes), writing(tmp_path / "out"))
    assert path == tmp_path / "out" / "array_0.tiff"
    got = tifffile.imread(path)
    assert got.dtype == np.float32
    assert got.tobytes() == expected.tobytes()
    assert read_metadata(path).axes == axes
    assert written(tmp_path) == ["out/array_0.tiff"]


@given(
    axes=st.sampled_from(AXES),
    sizes=st.fixed_dictionaries(
        {axis: st.integers(1, 3) for axis in "STC"}
        | {"Z": st.integers(1, 7)}
        | {axis: st.integers(1, 19) for axis in "YX"}
    ),
    halves=st.tuples(*(st.tuples(st.integers(1, 4), st.integers(0, 3)) for _ in "ZYX")),
    blend=st.sampled_from([None, "linear", "gaussian"]),
    batch_size=st.integers(1, 9),
)
def test_files_of_any_axes_and_tiles_hold_what_predict_gives(
    tmp_path_factory: pytest.TempPathFactory,
    axes: str,
    sizes: dict[str, int],
    halves: tuple[tuple[int, int], ...],
    blend: Any,
    batch_size: int,
) -> None:
    n_dims = 3 if "Z" in axes else 2
    array = np.random.default_rng(1).normal(3, 2, [sizes[axis] for axis in axes]).astype("f4")
    n_channels = sizes["C"] if "C" in axes else 1
    plain = Normalization.by_mean_and_std([3.0] * n_channels, [2.0] * n_channels)
    how = Predictor(
        model=Identity(n_dims, n_channels),
        normalization=plain,
        target_normalization=plain,
        tile_size=[2 * tile for tile, _ in halves][-n_dims:],
        tile_overlap=[2 * min(overlap, tile - 1) for tile, overlap in halves][-n_dims:],
        batch_size=batch_size,
        blend=blend,
    )
    (expected,) = how.predict(ImageReader.of(array, "array", axes))
    folder = tmp_path_factory.mktemp("out")
    (path,) = predict_to_files(how, ImageReader.of(array, "array", axes), writing(folder))
    assert tifffile.imread(path).tobytes() == np.ascontiguousarray(expected).tobytes()
    np.testing.assert_allclose(expected, array, atol=1e-4)


@pytest.mark.parametrize(("axes", "n_out", "axes_out"), [("SYX", 3, "SCYX"), ("SCYX", 1, "SCYX")])
def test_channels_may_be_more_or_fewer_in_the_file(tmp_path: Path, axes: str, n_out: int, axes_out: str) -> None:
    shape = {"SYX": (2, 9, 20), "SCYX": (2, 2, 9, 20)}[axes]
    array = np.random.default_rng(1).normal(3, 2, shape).astype("f4")
    how = predictor(2, 2 if "C" in axes else 1, n_out)
    (expected,) = how.predict(ImageReader.of(array, "array", axes))
    (path,) = predict_to_files(how, ImageReader.of(array, "array", axes), writing(tmp_path))
    assert tifffile.imread(path).tobytes() == expected.tobytes()
    assert read_metadata(path).axes == axes_out


KINDS = [kind for kind, (array, _, _) in FILES.items() if array.dtype != bool]


@pytest.mark.parametrize("kind", KINDS)
def test_files_say_what_the_files_said_that_they_were_made_from(tmp_path: Path, kind: str) -> None:
    original(tmp_path / "in.tif", kind)
    before = read_metadata(tmp_path / "in.tif")
    axes = before.require_axes()
    n_channels = before.shape[axes.index("C")] if "C" in axes else 1
    how = predictor(3 if "Z" in axes else 2, n_channels)
    (expected,) = how.predict(ImageReader.of(tmp_path / "in.tif", "tiff", axes))
    (path,) = predict_to_files(how, ImageReader.of(tmp_path / "in.tif", "tiff", axes), writing(tmp_path / "out"))
    np.testing.assert_array_equal(tifffile.imread(path), expected)
    after = read_metadata(path)
    assert (after.kind, after.axes, after.dtype) == (FILES[kind][2], before.axes, np.dtype("<f4"))
    assert after.pixel_size_um == tuple(
        None if size is None else pytest.approx(size, rel=1e-6) for size in before.pixel_size_um
    )


def test_names_keep_the_folders_below_the_common_one(tmp_path: Path) -> None:
    for name in ("in/a.tif", "in/sub/a.ome.tif", "in/sub/deep/b.TIFF"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / name, noise((9, 17)))
    paths = predict_to_files(predictor(), ImageReader.of(tmp_path / "in", "tiff", "YX"), writing(tmp_path / "out"))
    names = ["a.tiff", "sub/a.ome.tiff", "sub/deep/b.tiff"]
    assert paths == [tmp_path / "out" / name for name in names]
    assert written(tmp_path / "out") == names


def files(folder: Path, n_files: int = 3) -> Path:
    folder.mkdir()
    for number in range(n_files):
        tifffile.imwrite(folder / f"{number}.tif", noise((9, 17)))
    return folder


def test_nothing_is_overwritten_unless_asked_and_nothing_begun_before_that_is_known(tmp_path: Path) -> None:
    source, out = files(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    (out / "2.tiff").write_bytes(b"precious")
    how = predictor()
    how.model.register_forward_hook(lambda *_: pytest.fail("the network has run"))
    with pytest.raises(OutputExistsError, match=r"2\.tiff: expected no file of that name, got one"):
        predict_to_files(how, ImageReader.of(source, "tiff", "YX"), writing(out))
    assert written(out) == ["2.tiff"]
    paths = predict_to_files(predictor(), ImageReader.of(source, "tiff", "YX"), writing(out, overwrite=True))
    assert [tifffile.imread(path).shape for path in paths] == [(9, 17)] * 3


def test_images_are_never_written_over(tmp_path: Path) -> None:
    files(tmp_path / "in")
    tifffile.imwrite(tmp_path / "in" / "3.tiff", noise((9, 17)))
    with pytest.raises(OutputError, match=r"3\.tiff: expected a file for the output, got one of the images"):
        reader = ImageReader.of(tmp_path / "in", "tiff", "YX")
        predict_to_files(predictor(), reader, writing(tmp_path / "in", overwrite=True))
    tifffile.imwrite(tmp_path / "in" / "2.tiff", noise((9, 17)))
    with pytest.raises(OutputError, match=r"2\.tiff: expected one image to be written there, got 2\.tif, 2\.tiff"):
        predict_to_files(predictor(), ImageReader.of(tmp_path / "in", "tiff", "YX"), writing(tmp_path / "out"))


@pytest.mark.parametrize("batch_size", [1, 100])
def test_finished_files_stay_when_a_later_one_fails_and_the_error_names_them(tmp_path: Path, batch_size: int) -> None:
    source, out = files(tmp_path / "in"), tmp_path / "out"

    def read(path: Path, *_: Any) -> np.ndarray:
        if path.name == "2.tif":
            msg = f"{path}: damaged"
            raise OSError(msg)
        return tifffile.imread(path)

    reader = ImageReader.of(source, "custom", "YX", read_source_func=read, extension_filter="*.tif")
    with pytest.raises(ReadError, match=r"damaged.* Done before, and kept: 2 of 3 files, .*0\.tiff, .*1\.tiff\.$"):
        predict_to_files(predictor(batch_size=batch_size), reader, writing(out))
    assert written(out) == ["0.tiff", "1.tiff"]


def test_files_of_one_batch_are_done_one_after_the_other(tmp_path: Path) -> None:
    def write(path: Path, image: np.ndarray) -> None:
        if path.name == "array_2.npy":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        np.save(path, image)

    reader = ImageReader.of([np.ones((8, 8), "f4")] * 4, "array", "YX")
    how = writing(tmp_path, write_type="custom", write_func=write, write_extension="npy")
    with pytest.raises(
        OutputError, match=r"array_2\.npy: .* No space left .* kept: 2 of 4 files, .*_0\.npy, .*_1\.npy"
    ):
        predict_to_files(predictor(batch_size=100), reader, how)
    assert written(tmp_path) == ["array_0.npy", "array_1.npy"]


def test_other_errors_name_what_is_done_too(tmp_path: Path) -> None:
    how, calls = predictor(batch_size=100, tile_size=None), []

    def fail(*_: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    how.model.register_forward_hook(fail)
    arrays = [np.ones((8, 8), "f4"), np.ones((8, 10), "f4")]
    with pytest.raises(KeyboardInterrupt) as caught:
        predict_to_files(how, ImageReader.of(arrays, "array", "YX"), writing(tmp_path))
    (note,) = caught.value.__notes__
    assert note.startswith("Done before, and kept: 1 of 2 files, ")
    assert written(tmp_path) == ["array_0.tiff"]


def test_a_file_of_more_than_4_gib_is_a_bigtiff(tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    with probe.open("wb") as file:
        file.truncate(2**30)
    if probe.stat().st_blocks > 8:
        pytest.skip("files of zeros take their whole size here")
    shape = (3, 20_000, 20_000)
    offset = create_tiff(tmp_path / "big.tif", shape, "SYX")
    with tifffile.TiffFile(tmp_path / "big.tif") as big:
        assert big.is_bigtiff
        assert (big.series[0].shape, big.series[0].dataoffset) == (shape, offset)
    assert (tmp_path / "big.tif").stat().st_size >= offset + 4 * 3 * 20_000**2


class FullDisk:
    """A file on a disk that takes some bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self.file = file
        self.room = room

    def write(self, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)
        return int(self.file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1000])
def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    begin = tiff_canvas.TiffCanvas.__init__

    def on_full_disk(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self._file = FullDisk(self._file, room)

    monkeypatch.setattr(tiff_canvas.TiffCanvas, "__init__", on_full_disk)
    reader = ImageReader.of(np.ones((40, 40), "f4"), "array", "YX")
    with pytest.raises(OutputError, match=r"array_0\.tiff: expected a file that can be written, got: No space left"):
        predict_to_files(predictor(), reader, writing(tmp_path / "out"))
    assert written(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve room for a file")
def test_a_disk_that_has_no_room_is_known_before_the_network_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"array_0\.tiff: .* got: No space left on device"):
        predict_to_files(predictor(), ImageReader.of(np.ones((9, 9), "f4"), "array", "YX"), writing(tmp_path / "out"))
    assert written(tmp_path) == []


def test_a_network_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    how = predictor()
    calls = []

    def fail(*_: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            msg = "broken"
            raise RuntimeError(msg)

    how.model.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="broken"):
        predict_to_files(how, ImageReader.of(np.ones((40, 40), "f4"), "array", "YX"), writing(tmp_path / "out"))
    assert written(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    reader = ImageReader.of(np.ones((9, 9), "f4"), "array", "YX")
    with pytest.raises(OutputError, match=r"out: expected a file that can be written, got: File exists"):
        predict_to_files(predictor(), reader, writing(tmp_path / "out"))


def save(path: Path, image: np.ndarray, *, scale: float = 1.0) -> None:
    np.save(path, scale * image)


def test_a_function_may_write_the_files(tmp_path: Path) -> None:
    arrays = [np.random.default_rng(n).normal(3, 2, (2, 9, 17)).astype("f4") for n in range(2)]
    how = predictor()
    expected = how.predict(ImageReader.of(arrays, "array", "SYX"))
    options = {"write_func": save, "write_extension": "npy", "write_func_kwargs": {"scale": 2.0}}
    paths = predict_to_files(
        how, ImageReader.of(arrays, "array", "SYX"), writing(tmp_path, write_type="custom", **options)
    )
    assert written(tmp_path) == ["array_0.npy", "array_1.npy"]
    for path, image in zip(paths, expected, strict=True):
        np.testing.assert_array_equal(np.load(path), 2 * image)


def _writes_half(path: Path, _image: np.ndarray) -> None:
    path.write_bytes(b"half")
    msg = "no more"
    raise ValueError(msg)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_writes_half, r"array_0\.npy: .* got: no more"),
        (lambda *_: None, r"array_0\.npy: expected write_func to write"),
    ],
)
def test_a_function_that_fails_leaves_no_half_file(tmp_path: Path, write: Any, message: str) -> None:
    reader = ImageReader.of(np.ones((9, 9), "f4"), "array", "YX")
    how = writing(tmp_path, write_type="custom", write_func=write, write_extension=".npy")
    with pytest.raises(OutputError, match=message):
        predict_to_files(predictor(), reader, how)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"write_type": "png"}, "write_type: expected 'tiff' or 'custom', got 'png'"),
        (
            {"write_type": "custom", "write_extension": ".npy"},
            "write_func: expected a function for write_type='custom'",
        ),
        ({"write_func": save}, "write_func: expected none with write_type='tiff', got one. Set write_type='custom'"),
        ({"write_type": "custom", "write_func": save}, "write_extension: expected what files end in .*, got None"),
        ({"write_type": "custom", "write_func": save, "write_extension": "."}, r"write_extension: .*, got '\.'"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        writing(tmp_path, **options)


def test_an_output_that_memory_has_no_room_for_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: Any) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(canvas.np, "zeros", short)
    reader = ImageReader.of(np.ones((9, 9), "f4"), "array", "YX")
    with pytest.raises(PatchmillError, match=r"array: expected memory for its prediction, .*Predict it to disk"):
        predictor().predict(reader)
