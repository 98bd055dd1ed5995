"""What is found out about image files before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill import info
from patchmill.config import DataConfig
from patchmill.dataset import IterableDataset, TrainDataModule
from patchmill.errors import AxesError, ConfigError, MissingFileError
from patchmill.info import collect_info
from patchmill.sources import images_from_tiffs
from patchmill.suggestion import suggest_configuration
from tests.sources.test_survey import ome_parts


def noise(*shape: int, dtype: str = "u2", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def write(folder: Path, **images: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        tifffile.imwrite(folder / f"{name}.tif", image)
    return folder


def test_a_file_is_told_with_what_it_states(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    image = noise(3, 2, 70, 80)
    tifffile.imwrite(path, image, imagej=True, byteorder=">", metadata={"axes": "TCYX"})
    found = collect_info(path)
    (file,) = found.files
    assert (file.path, file.shape, file.axes, file.nbytes) == (path, image.shape, "TCYX", image.nbytes)
    assert file.dtype == ">u2"
    assert file.header is not None
    assert (file.header.n_samples, file.header.n_channels, file.header.size_zyx) == (3, 2, (1, 70, 80))
    assert (found.axes, found.unreadable, found.problems) == ("TCYX", [], [])
    assert (found.mapped_bytes, found.decoded_bytes) == (image.nbytes, 0)


def test_statistics_are_those_of_all_pixels_of_all_files(tmp_path: Path) -> None:
    images = [noise(3, 20, 30, seed=seed) * (seed + 1) for seed in range(3)]
    for number, image in enumerate(images):
        compression = "zlib" if number == 1 else None
        tifffile.imwrite(tmp_path / f"{number}.tif", image, compression=compression, photometric="minisblack")
    statistics = collect_info(tmp_path, axes="CYX").statistics
    assert statistics is not None
    pixels = np.concatenate(images, axis=1).astype(np.float64)
    for values, of in (
        (statistics.means, pixels.mean),
        (statistics.stds, pixels.std),
        (statistics.minima, pixels.min),
        (statistics.maxima, pixels.max),
    ):
        np.testing.assert_allclose(values, of(axis=(1, 2)))


def test_without_statistics_no_pixel_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(70, 80), compression="zlib")
    monkeypatch.setattr(info.ImageFiles, "open", lambda *_: pytest.fail("a file was read"))
    found = collect_info(tmp_path, with_statistics=False)
    assert found.statistics is None
    assert found.patches["sequential"] == 6


@pytest.mark.parametrize("patching", ["sequential", "random", "fixed_random", "stratified"])
@pytest.mark.parametrize(("axes", "patch_size"), [("YX", None), ("YX", [32, 48]), ("ZYX", None), ("ZYX", [8, 16, 20])])
def test_patches_are_those_of_an_epoch(tmp_path: Path, patching: Any, axes: str, patch_size: list[int] | None) -> None:
    shapes = [(70, 130), (100, 90)] if axes == "YX" else [(20, 70, 130), (17, 100, 90)]
    write(tmp_path, **{f"i{number}": noise(*shape) for number, shape in enumerate(shapes)})
    found = collect_info(tmp_path, axes=axes, patch_size=patch_size)
    expected = patch_size or {"YX": [32, 64], "ZYX": [16, 32, 64]}[axes]
    assert found.patch_size == tuple(expected)
    assert expected == suggest_configuration("n2v", tmp_path, axes=axes, patch_size=patch_size).data_config.patch_size
    config = DataConfig(data_type="tiff", axes=axes, patch_size=expected, patching=patching)
    module = TrainDataModule(config, tmp_path, tmp_path)
    module.setup()
    assert found.patches[patching] == len(module.train_dataset)


def test_one_size_is_for_all_axes(tmp_path: Path) -> None:
    write(tmp_path, a=noise(20, 70, 80))
    found = collect_info(tmp_path, axes="ZYX", patch_size=[16])
    assert found.patch_size == (16, 16, 16)
    assert found.patches["sequential"] == 2 * 5 * 5


def test_the_dataset_is_that_of_the_data_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(70, 80)
    for number in range(12):
        tifffile.imwrite(tmp_path / f"{number}.tif", image, compression="zlib")
    for usable, expected in ((100 * image.nbytes, "in memory"), (13 * image.nbytes, "in turn")):
        monkeypatch.setattr(info, "usable_memory", lambda usable=usable: usable)
        monkeypatch.setattr("patchmill.dataset.data_module.usable_memory", lambda usable=usable: usable)
        found = collect_info(tmp_path)
        assert (found.dataset, found.usable_bytes) == (expected, usable)
        assert (found.decoded_bytes, found.mapped_bytes) == (12 * image.nbytes, 0)
        module = TrainDataModule(DataConfig(data_type="tiff", axes="YX", patch_size=[16, 16]), tmp_path)
        module.setup()
        assert isinstance(module.train_dataset, IterableDataset) == (expected == "in turn")


def test_formats_are_counted(tmp_path: Path) -> None:
    write(tmp_path, a=noise(70, 80), b=noise(70, 80), c=noise(64, 64))
    assert collect_info(tmp_path).formats == {((70, 80), "YX", "uint16"): 2, ((64, 64), "YX", "uint16"): 1}


def test_files_that_cannot_be_read_are_told_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, good=noise(70, 80), half=noise(70, 80))
    (tmp_path / "half.tif").write_bytes((tmp_path / "half.tif").read_bytes()[:2000])
    (tmp_path / "text.tif").write_text("no picture")
    found = collect_info(tmp_path)
    assert [file.path.name for file in found.files] == ["good.tif"]
    assert [path.name for path, _ in found.unreadable] == ["half.tif", "text.tif"]
    assert "cut off" in found.unreadable[0][1]
    assert found.patches["sequential"] == 6
    assert found.statistics is not None


def damage(path: Path) -> None:
    """Break the pixels of a compressed file, and leave its metadata whole."""
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 20] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize("names", ["b", "ab"])
def test_files_whose_pixels_cannot_be_decoded_are_told_with_the_statistics(tmp_path: Path, names: str) -> None:
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", noise(70, 80), compression="zlib")
    for name in names:
        damage(tmp_path / f"{name}.tif")
    assert collect_info(tmp_path, with_statistics=False).unreadable == []
    found = collect_info(tmp_path)
    assert [path.stem for path, _ in found.unreadable] == list(names)
    assert [file.path.stem for file in found.files] == [name for name in "ab" if name not in names]
    assert found.problems == []
    assert (found.statistics is None) == (names == "ab")
    assert (found.patches == {}) == (names == "ab")


def _nan(folder: Path) -> None:
    image = noise(70, 80, dtype="f4")
    image[3, 5] = np.nan
    write(folder, a=noise(70, 80, dtype="f4"), b=image)


PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "types": (
        lambda folder: write(folder, a=noise(70, 80), b=noise(70, 80, dtype="u1")),
        r"b\.tif: expected the data type uint16 of .*a\.tif, got uint8",
    ),
    "axes": (
        lambda folder: (
            write(folder, a=noise(70, 80)),
            tifffile.imwrite(folder / "b.tif", noise(5, 70, 80), imagej=True, metadata={"axes": "TYX"}),
        ),
        r"b\.tif: expected the axes 'YX' of .*a\.tif, got 'TYX'\. Give the axes",
    ),
    "numbers": (_nan, r"b\.tif, sample 0, channel 0, pixel \(z=0, y=3, x=5\): expected a finite number, got NaN"),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_what_keeps_files_from_being_trained_on_is_told(tmp_path: Path, kind: str) -> None:
    make, message = PROBLEMS[kind]
    make(tmp_path)
    found = collect_info(tmp_path)
    assert len(found.files) == 2
    assert found.statistics is None
    assert found.patches == {}
    (problem,) = found.problems
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem)


def test_axes_that_nobody_states_leave_the_shape(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(6, 70, 80))
    found = collect_info(tmp_path)
    (file,) = found.files
    assert (file.shape, file.axes, file.tifffile_axes, file.header) == ((6, 70, 80), None, "QYX", None)
    assert file.nbytes == 6 * 70 * 80 * 2
    assert (found.axes, found.dataset, found.statistics, found.problems) == (None, None, None, [])
    assert collect_info(tmp_path, axes="TYX").patches["sequential"] == 36


def test_given_axes_win_over_those_of_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(6, 70, 80), imagej=True, metadata={"axes": "ZYX"})
    stated, given = (collect_info(tmp_path, axes=axes, patch_size=[8]) for axes in (None, "TYX"))
    assert (stated.axes, stated.headers[0].n_samples, stated.headers[0].size_zyx) == ("ZYX", 1, (6, 70, 80))
    assert (given.axes, given.headers[0].n_samples, given.headers[0].size_zyx) == ("TYX", 6, (1, 70, 80))
    assert given.files[0].axes == "ZYX"


def test_axes_that_do_not_fit_a_file_are_told_with_it(tmp_path: Path) -> None:
    write(tmp_path, a=noise(70, 80), b=noise(6, 70, 80))
    found = collect_info(tmp_path, axes="TYX")
    found_2d = collect_info(tmp_path, axes="YX")
    assert [file.path.stem for file in found_2d.files] == ["a"]
    ((path, message),) = found_2d.unreadable
    assert path.stem == "b"
    assert "expected 2 axes, as in 'YX', got 3" in message
    # A file that states its axes is taken as if it had the others.
    assert [file.path.stem for file in found.files] == ["a", "b"]


def test_small_images_have_small_patches_and_those_smaller_than_the_given_one_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path, a=noise(40, 30))
    found = collect_info(tmp_path)
    assert (found.patch_size, found.patches["sequential"], found.problems) == ((20, 12), 6, [])
    found = collect_info(tmp_path, patch_size=[32, 24])
    assert found.patches["sequential"] == 4
    found = collect_info(tmp_path, patch_size=[48, 24])
    assert found.patches == {}
    assert "axis Y: expected at least 48 pixels for a patch, got 40" in found.problems[0]


@pytest.mark.parametrize(("shape", "axes", "axis"), [((6, 70), "YX", "Y"), ((5, 70, 80), "ZYX", "Z")])
def test_images_that_no_training_takes_are_a_problem(
    tmp_path: Path, shape: tuple[int, ...], axes: str, axis: str
) -> None:
    write(tmp_path, a=noise(*shape))
    found = collect_info(tmp_path, axes=axes)
    (problem,) = found.problems
    assert f"a.tif, axis {axis}: expected at least 8 pixels, got {shape[0]}" in problem
    assert (found.patch_size, found.patches) == (None, {})


def test_an_ome_tiff_image_of_several_files_is_counted_once(tmp_path: Path) -> None:
    first, second = ome_parts(tmp_path)
    write(tmp_path, z=noise(2, 20, 22))
    found = collect_info(tmp_path, axes="TYX", patch_size=[16])
    assert [file.path.name for file in found.files] == [first.name, "z.tif"]
    ((path, message),) = found.unreadable
    assert path == second
    assert f"expected an image of its own, got a part of the OME-TIFF image that {first} opens" in message
    assert sum(header.n_samples for header in found.headers) == 2 + 2


@pytest.mark.parametrize("sizes", [[64, 64, 64], [0, 64], [-1]])
def test_patch_sizes_that_are_none_are_refused(tmp_path: Path, sizes: list[int]) -> None:
    write(tmp_path, a=noise(70, 80))
    with pytest.raises(ConfigError, match=r"patch_size: expected 2 sizes, YX, for axes 'YX', got"):
        collect_info(tmp_path, patch_size=sizes)


def test_nothing_to_look_at_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        collect_info(tmp_path)
    with pytest.raises(MissingFileError):
        collect_info(tmp_path / "none.tif")
    write(tmp_path, a=noise(70, 80))
    with pytest.raises(AxesError):
        collect_info(tmp_path, axes="YXQ")


def test_statistics_are_as_those_of_training(tmp_path: Path) -> None:
    write(tmp_path, a=noise(70, 80), b=noise(90, 80, seed=1))
    statistics = collect_info(tmp_path).statistics
    assert statistics is not None
    module = TrainDataModule(DataConfig(data_type="tiff", axes="YX", patch_size=[16, 16]), tmp_path)
    module.setup()
    assert module.get_data_statistics() == (list(statistics.means), list(statistics.stds))
    assert sum(image.nbytes for image in images_from_tiffs(sorted(tmp_path.iterdir()), "YX")) == (70 + 90) * 80 * 2


def test_bars_show_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tuple[str, int]] = []

    def track(items: Any, description: str) -> Any:
        bars.append((description, len(items)))
        return iter(items)

    monkeypatch.setattr(info, "track", track)
    collect_info(write(tmp_path, a=noise(70, 80), b=noise(70, 80)))
    assert bars == [("Files", 2), ("Statistics", 2)]
