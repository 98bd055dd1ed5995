"""Files that are opened one at a time: their headers, what is skipped of them, and that they fit together."""

from __future__ import annotations

import functools
import pickle
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill.errors import (
    AxesError,
    ConfigError,
    DtypeError,
    MissingFileError,
    PairError,
    PatchmillError,
    PatchmillWarning,
    ReadError,
    ShapeError,
)
from patchmill.sources import Image, ImageFiles, ImageHeader, list_files, open_files, survey, survey_files
from tests.images import AXES, DTYPES, random_pixels
from tests.sources.conftest import ClosedToUs

STACK = np.random.default_rng(7).integers(0, 60000, (4, 20, 22), np.uint16)

WRITE: dict[str, dict[str, Any]] = {
    "mapped": {"metadata": None, "photometric": "minisblack"},
    "big-endian": {"metadata": None, "photometric": "minisblack", "byteorder": ">"},
    "zlib": {"metadata": None, "photometric": "minisblack", "compression": "zlib"},
    "zlib, big-endian": {"metadata": None, "photometric": "minisblack", "compression": "zlib", "byteorder": ">"},
    "imagej": {"imagej": True, "metadata": {"axes": "CYX"}},
    "ome": {"ome": True, "metadata": {"axes": "CYX"}},
}


def read_npy(path: Path, axes: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path)
    assert array.ndim == len(axes)
    return array


def npy_files(folder: Path, *arrays: NDArray[Any]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.npy" for number in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array)
    return paths


def tiff_files(folder: Path, *arrays: NDArray[Any], kind: str = "mapped") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.tif" for number in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        tifffile.imwrite(path, array, **WRITE[kind])
    return paths


Make = Callable[..., ImageFiles]


@pytest.fixture(params=["tiff", "custom"])
def make_files(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Write arrays to files of one type or the other, and list them."""

    def make(*arrays: NDArray[Any], axes: str = "YX", folder: str = "images", **options: Any) -> ImageFiles:
        if request.param == "tiff":
            return ImageFiles(tiff_files(tmp_path / folder, *arrays, kind="zlib"), "tiff", axes, **options)
        paths = npy_files(tmp_path / folder, *arrays)
        return ImageFiles(paths, "custom", axes, read_source_func=np.load, **options)

    return make


@pytest.mark.parametrize("channels", [None, [0], [3, 1], [0, 1, 3], [2, 3, 1, 0]])
@pytest.mark.parametrize("kind", WRITE)
def test_the_header_of_a_tiff_is_that_of_its_image(tmp_path: Path, kind: str, channels: list[int] | None) -> None:
    files = ImageFiles(tiff_files(tmp_path, STACK, kind=kind), "tiff", "CYX", channels=channels)
    image = files.open(0)
    np.testing.assert_array_equal(image.pixels[0, 0, :, 0], STACK if channels is None else STACK[channels])
    assert files.header(0) == ImageHeader.of(image)
    files.header(0).check_same(image)
    is_even = channels is None or len(set(np.diff(channels))) <= 1
    assert image.is_mapped == ("zlib" not in kind and is_even)


@given(st.sampled_from(AXES), st.sampled_from(DTYPES), st.sampled_from(["mapped", "zlib"]), st.data())
def test_headers_of_any_axes_and_type_are_those_of_the_images(
    tmp_path_factory: pytest.TempPathFactory, axes: str, dtype: np.dtype[Any], kind: str, data: st.DataObject
) -> None:
    shape = tuple(data.draw(st.integers(1, 3)) for _ in axes)
    array = random_pixels(shape, dtype)
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "image.npy", array)
    custom = ImageFiles([folder / "image.npy"], "custom", axes, read_source_func=read_npy)
    expected = ImageHeader.of(Image.of(str(folder / "image.npy"), array, axes))
    assert custom.header(0) == expected
    assert survey_files(custom).headers == [expected]
    tifffile.imwrite(folder / "image.tif", array, photometric="minisblack", metadata={"axes": axes})
    files = ImageFiles([folder / "image.tif"], "tiff", axes)
    assert files.header(0) == ImageHeader.of(files.open(0))
    assert files.header(0).nbytes == array.nbytes


def test_files_are_opened_from_any_thread_and_are_what_they_are_in_one(make_files: Make) -> None:
    files = make_files(*(STACK[0] + number for number in range(12)))
    with ThreadPoolExecutor(6) as executor:
        opened = list(executor.map(files.open, list(range(12)) * 5))
    for number, image in enumerate(opened):
        np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], STACK[0] + number % 12)
        assert image.name == str(files.paths[number % 12])


def test_a_reader_runs_once_for_each_file_and_on_the_thread_that_asks(tmp_path: Path) -> None:
    calls: list[tuple[Path, threading.Thread]] = []

    def read(path: Path) -> NDArray[Any]:
        calls.append((path, threading.current_thread()))
        return read_npy(path, "YX")

    paths = npy_files(tmp_path, *STACK)
    files = ImageFiles(paths, "custom", "YX", read_source_func=read)
    here = [(path, threading.current_thread()) for path in paths]
    survey_files(files)
    assert calls == here
    open_files(files)
    assert calls == here * 2


def test_headers_of_tiffs_decode_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ImageFiles(tiff_files(tmp_path, *STACK, kind="zlib"), "tiff", "YX")
    expected = [ImageHeader.of(files.open(number)) for number in range(len(files))]
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", None)
    assert survey_files(files).headers == expected
    assert [header.is_mapped for header in expected] == [False] * 4


def test_custom_images_can_be_visited_as_they_are_read(make_files: Make) -> None:
    files, targets = make_files(*STACK), make_files(*(STACK * 2), folder="targets")
    seen: list[tuple[Image, ...]] = []
    survey_files(files, visit=lambda *images: seen.append(images))
    survey_files(files, targets, visit=lambda *images: seen.append(images))
    if not files.is_custom:
        assert seen == []
        return
    assert [len(images) for images in seen] == [1] * 4 + [2] * 4
    for number, (image, target) in enumerate(seen[4:]):
        np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], STACK[number])
        np.testing.assert_array_equal(target.pixels[0, 0, 0, 0], STACK[number] * 2)


def test_what_a_visit_raises_stops_the_survey(tmp_path: Path) -> None:
    files = ImageFiles(npy_files(tmp_path, *STACK), "custom", "YX", read_source_func=np.load)
    with pytest.raises(ZeroDivisionError):
        survey_files(files, on_error="skip", visit=lambda image: 1 // 0)


def test_decoded_images_hold_the_memory_of_the_chosen_channels_alone(make_files: Make) -> None:
    for array, axes in ((STACK, "CYX"), (np.moveaxis(STACK, 0, 2).copy(), "YXC")):
        files = make_files(array, axes=axes, channels=[2], folder=axes)
        image = files.open(0)
        np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], STACK[2])
        root: Any = image.pixels
        while isinstance(root.base, np.ndarray):
            root = root.base
        assert root.nbytes == image.nbytes == STACK[2].nbytes


def test_a_selection_is_of_the_files_in_the_given_order(make_files: Make) -> None:
    files = make_files(*STACK)
    some = files.select([3, 1])
    assert some.paths == (files.paths[3], files.paths[1])
    assert len(some) == 2
    np.testing.assert_array_equal(some.open(0).pixels[0, 0, 0, 0], STACK[3])
    assert len(files) == 4


def test_files_pickle_with_the_function_that_reads_them(make_files: Make, tmp_path: Path) -> None:
    files = make_files(STACK, axes="CYX", channels=[1, 0])
    again = pickle.loads(pickle.dumps(files))
    assert again.paths == files.paths
    np.testing.assert_array_equal(again.open(0).pixels, files.open(0).pixels)
    partial = ImageFiles(npy_files(tmp_path, STACK), "custom", "CYX", read_source_func=functools.partial(read_npy))
    assert pickle.loads(pickle.dumps(partial)).open(0).shape == STACK.shape


def spoil(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif how == "nonsense":
        path.write_bytes(b"nonsense")
    elif how == "folder":
        path.unlink()
        path.mkdir()


SPOILED = ["gone", "cut", "nonsense", "folder"]


@pytest.mark.parametrize("how", SPOILED)
def test_a_file_that_cannot_be_read_is_an_error_or_is_skipped_with_a_warning(make_files: Make, how: str) -> None:
    files = make_files(*STACK)
    spoil(files.paths[1], how)
    name = files.paths[1].name
    for read in (survey_files, open_files):
        with pytest.raises(ReadError, match=rf"^\S*{name}: expected "):
            read(files)
    with pytest.warns(
        PatchmillWarning, match=rf"^data: skipped 1 of 4 files, .*{name}\. The first error was: "
    ) as caught:
        found = survey_files(files, on_error="skip")
    assert len(caught) == 1
    assert found.files.paths == (files.paths[0], *files.paths[2:])
    assert [header.name for header in found.headers] == [str(path) for path in found.files.paths]
    with pytest.warns(PatchmillWarning, match="skipped 1 of 4 files") as caught:
        images, targets = open_files(files, on_error="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert [image.name for image in images] == [header.name for header in found.headers]
    assert targets == []


def test_a_file_that_may_not_be_read_is_an_error_or_is_skipped(make_files: Make, closed_to_us: ClosedToUs) -> None:
    files = make_files(*STACK)
    with closed_to_us(files.paths[3]):
        for read in (survey_files, open_files):
            with pytest.raises(ReadError, match=r"3\.\w+: expected .*Permission denied"):
                read(files)
            with pytest.warns(PatchmillWarning, match="skipped 1 of 4 files, .*Permission denied"):
                read(files, on_error="skip")


@pytest.mark.parametrize("how", SPOILED)
def test_a_skipped_file_takes_its_partner_along(make_files: Make, how: str) -> None:
    files, targets = make_files(*STACK), make_files(*(STACK + 1), folder="targets")
    spoil(files.paths[0], how)
    spoil(targets.paths[2], how)
    with pytest.raises(ReadError, match=str(files.paths[0].name)):
        survey_files(files, targets)
    with pytest.warns(PatchmillWarning, match="skipped 2 of 4 pairs of files") as caught:
        found = survey_files(files, targets, on_error="skip")
    assert len(caught) == 1
    assert f"read: {files.paths[0]}, {targets.paths[2]}. The first error was: {files.paths[0]}: " in str(
        caught[0].message
    )
    assert found.targets is not None
    assert found.files.paths == (files.paths[1], files.paths[3])
    assert found.targets.paths == (targets.paths[1], targets.paths[3])
    assert [header.name for header in found.target_headers] == [str(path) for path in found.targets.paths]
    with pytest.warns(PatchmillWarning, match="skipped 2 of 4 pairs of files"):
        images, target_images = open_files(files, targets, on_error="skip")
    for image, target, number in zip(images, target_images, (1, 3), strict=True):
        np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], STACK[number])
        np.testing.assert_array_equal(target.pixels[0, 0, 0, 0], STACK[number] + 1)


def test_with_nothing_left_skipping_is_an_error_that_names_a_few(make_files: Make) -> None:
    files = make_files(*STACK, *STACK)
    for path in files.paths:
        path.unlink()
    with pytest.raises(
        ReadError, match=r"^data: expected files of which .*got 8 of which none can: .* and 3 more\. The f"
    ):
        survey_files(files, on_error="skip")
    doubled = files.select([0, 0])
    with pytest.raises(ReadError, match="got 2 of which none can"):
        open_files(doubled, on_error="skip")


def test_many_skipped_files_are_one_warning_that_names_five(make_files: Make) -> None:
    files = make_files(*STACK, *STACK, *STACK)
    for path in files.paths[2:9]:
        path.unlink()
    with pytest.warns(PatchmillWarning, match=r"skipped 7 of 12 files.* and 2 more\. The first error was: ") as caught:
        survey_files(files, on_error="skip")
    assert len(caught) == 1
    named = [path for path in files.paths if str(path) in str(caught[0].message)]
    assert named == list(files.paths[2:7])


def test_pixels_that_cannot_be_decoded_are_found_when_they_are(tmp_path: Path) -> None:
    paths = tiff_files(tmp_path, *STACK, kind="zlib")
    content = bytearray(paths[2].read_bytes())
    with tifffile.TiffFile(paths[2]) as file:
        offset = file.pages.first.dataoffsets[0]
    content[offset : offset + 64] = bytes(64)
    paths[2].write_bytes(content)
    files = ImageFiles(paths, "tiff", "YX")
    found = survey_files(files)
    assert len(found.headers) == 4
    for read in (lambda: open_files(files), found.open):
        with pytest.raises(ReadError, match=r"2\.tif: expected a TIFF file that can be read"):
            read()
    for read in (lambda: open_files(files, on_error="skip"), lambda: found.open(on_error="skip")):
        with pytest.warns(PatchmillWarning, match=r"skipped 1 of 4 files, which cannot be read: \S*2\.tif\. The"):
            images, _ = read()
        assert [Path(image.name).name for image in images] == ["0.tif", "1.tif", "3.tif"]


def test_a_file_that_is_another_one_since_the_survey_is_refused(make_files: Make) -> None:
    files, targets = make_files(*STACK), make_files(*STACK, folder="targets")
    found = survey_files(files, targets)
    images, target_images = found.open()
    assert len(images) == len(target_images) == 4
    make_files(*STACK[:, :-1])
    with pytest.raises(
        ReadError, match=r"0\.\w+: expected the image that was there before \(1 samples of 1 channels of \("
    ):
        found.open()


MISFITS: dict[str, tuple[list[NDArray[Any]], str, list[int] | None, type[PatchmillError], str]] = {
    "a type": ([STACK[0], STACK[1].astype(np.uint8)], "YX", None, DtypeError, r"1\.\w+: .*uint16 of .*, got uint8"),
    "a number of channels": ([STACK, STACK[:3]], "CYX", None, ShapeError, r"1\.\w+: expected 4 channel\(s\).*got 3 of"),
    "a channel": ([STACK, STACK[:3]], "CYX", [0, 3], ShapeError, r"1\.\w+: expected at least 4 channels for channels="),
    "a shape": ([STACK[0], STACK], "YX", None, AxesError, r"1\.\w+: expected 2 axes, as in 'YX', got 3.*\(4, 20, 22\)"),
    "complex numbers": ([STACK[0] * np.complex64(1j)], "YX", None, DtypeError, r"0\.\w+: .*data type complex64"),
}  # fmt: skip


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("case", MISFITS)
def test_files_that_can_be_read_but_do_not_fit_are_an_error_before_any_is_decoded(
    make_files: Make, monkeypatch: pytest.MonkeyPatch, case: str, on_error: Any
) -> None:
    arrays, axes, channels, error, message = MISFITS[case]
    files = make_files(*arrays, axes=axes, channels=channels)
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", None)
    for read in (survey_files, open_files):
        with pytest.raises(error, match=message) as raised:
            read(files, on_error=on_error)
        assert str(raised.value).startswith(str(files.paths[len(arrays) - 1]))


def test_targets_that_do_not_cover_their_images_are_an_error(make_files: Make) -> None:
    files = make_files(*STACK)
    for targets, message in (
        (make_files(*STACK[:, 1:], folder="smaller"), r"0\.\w+: expected the 1 samples of \(1, 20, 22\) pixels"),
        (make_files(STACK[0], *STACK[1:].astype("f4"), folder="types"), r"1\.\w+: expected the data type uint16"),
    ):
        with pytest.raises(PatchmillError, match=message):
            survey_files(files, targets)
    with pytest.raises(PairError, match="targets: expected 4 files, one per image, got 3"):
        survey_files(files, files.select([0, 1, 2]))
    found = survey_files(files, make_files(*STACK.astype("f8"), folder="floats"))
    assert found.target_headers[0].dtype == np.float64


def ome_parts(folder: Path) -> list[Path]:
    """Write an OME-TIFF image that spans two files."""
    paths = [folder / f"part{index}.ome.tif" for index in range(2)]
    planes = "".join(
        f'<TiffData IFD="0" PlaneCount="1" FirstT="{index}">'
        f'<UUID FileName="{path.name}">urn:uuid:{index}</UUID></TiffData>'
        for index, path in enumerate(paths)
    )
    for index, path in enumerate(paths):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{index}">'
            '<Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="22" SizeY="20" SizeC="1" SizeZ="1" '
            f'SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(path, STACK[index], description=xml, metadata=None, ome=False)
    return paths


def test_an_image_that_spans_several_files_is_used_once(tmp_path: Path) -> None:
    parts = ome_parts(tmp_path)
    tifffile.imwrite(tmp_path / "z.tif", STACK[:2], imagej=True, metadata={"axes": "TYX"})
    files = ImageFiles(list_files(tmp_path, "tiff"), "tiff", "TYX")
    assert files.header(0).parts == tuple(parts)
    files.header(0).check_same(files.open(0))
    for read in (survey_files, open_files):
        with pytest.raises(ReadError, match=r"part1\.ome\.tif: expected an image of its own.*part0\.ome\.tif opens"):
            read(files)
    with pytest.warns(PatchmillWarning, match=r"skipped 1 of 3 files.*part1\.ome\.tif"):
        images, _ = open_files(files, on_error="skip")
    assert [image.name for image in images] == [str(parts[0]), str(tmp_path / "z.tif")]


def test_an_error_ends_the_survey_without_reading_on(tmp_path: Path) -> None:
    read: list[Path] = []

    def load(path: Path) -> NDArray[Any]:
        read.append(path)
        return read_npy(path, "YX")

    paths = npy_files(tmp_path, *STACK)
    spoil(paths[1], "nonsense")
    files = ImageFiles(paths, "custom", "YX", read_source_func=load)
    for look in (survey_files, open_files):
        with pytest.raises(ReadError):
            look(files)
        assert read == paths[:2]
        read.clear()


def test_an_interrupt_ends_the_survey_without_reading_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ImageFiles(tiff_files(tmp_path, STACK[0]), "tiff", "YX").select([0] * 1000)
    n_read = 0

    def header(files: ImageFiles, number: int) -> ImageHeader:
        nonlocal n_read
        n_read += 1
        if number == 10:
            raise KeyboardInterrupt
        return read_header(files, number)

    read_header = ImageFiles.header
    monkeypatch.setattr(ImageFiles, "header", header)
    with pytest.raises(KeyboardInterrupt):
        survey_files(files)
    for thread in threading.enumerate():
        if thread.name == "patchmill-map":
            thread.join(10)
            assert not thread.is_alive()
    assert n_read < 1000


BAD_FILES: dict[str, tuple[dict[str, Any], type[PatchmillError], str]] = {
    "no files": ({"paths": []}, MissingFileError, "data: expected at least one file, got none"),
    "another type": ({"data_type": "czi"}, ConfigError, "data_type: expected 'tiff' or 'custom' for files, got 'czi'"),
    "arrays": ({"data_type": "array"}, ConfigError, "data_type: expected 'tiff' or 'custom' for files, got 'array'"),
    "no function": ({"data_type": "custom"}, ConfigError, "read_source_func: expected a function"),
    "a function for TIFF": ({"read_source_func": np.load}, ConfigError, "read_source_func: expected none"),
    "axes twice": ({"axes": "YXX"}, AxesError, "axes: expected letters .*Name 'X' only once"),
    "no Y": ({"axes": "ZX"}, AxesError, "axes: .*Add 'Y'"),
    "no axes": ({"axes": ""}, AxesError, "axes: .*Add 'Y' and 'X'"),
    "unknown axes": ({"axes": "YXQ"}, AxesError, "axes: .*'Q' names no axis"),
    "repeated channels": ({"channels": [0, 0]}, ConfigError, "channels: expected .*each once"),
    "no channels": ({"channels": []}, ConfigError, "channels: expected"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_settings_that_cannot_work_are_refused_before_any_file_is_opened(case: str) -> None:
    settings, error, message = BAD_FILES[case]
    arguments: dict[str, Any] = {"paths": ["not there.tif"], "data_type": "tiff", "axes": "YX"} | settings
    with pytest.raises(error, match=f"^{message}"):
        ImageFiles(arguments.pop("paths"), arguments.pop("data_type"), arguments.pop("axes"), **arguments)


def test_on_error_is_one_of_two(make_files: Make) -> None:
    with pytest.raises(ConfigError, match="on_error: expected 'raise' or 'skip', got 'ignore'"):
        survey_files(make_files(STACK[0]), on_error="ignore")  # type: ignore[arg-type]


def test_nothing_is_said_where_nothing_is_skipped(make_files: Make) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(survey_files(make_files(*STACK), on_error="skip").headers) == 4
    assert survey.Survey is type(survey_files(make_files(*STACK)))
