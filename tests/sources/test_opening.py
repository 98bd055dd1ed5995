"""Opening images and pairs of them: arrays, TIFF files, and files that a function reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
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
from patchmill.sources import Image, check_data_type, open_image_pairs, open_images

STACK = np.random.default_rng(7).integers(0, 60000, (3, 20, 22), np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of each type, and the same with other pixels as their targets."""
    for part, pixels in (("noisy", STACK), ("clean", STACK + 1)):
        for sub in ("tiff", "custom", "custom/deep"):
            (tmp_path / part / sub).mkdir(parents=True, exist_ok=True)
        for name, image in zip("abc", pixels, strict=True):
            tifffile.imwrite(tmp_path / part / f"tiff/{name}.tif", image, compression="zlib")
            np.save(tmp_path / part / f"custom/{'deep/' * (name == 'c')}{name}.npy", image)
        (tmp_path / part / "custom/notes.txt").write_text("not an image")
    return tmp_path


def options(data_type: str) -> dict[str, Any]:
    return {"read_source_func": np.load, "extension_filter": "*.npy"} if data_type == "custom" else {}


def pixels_of(images: list[Image]) -> NDArray[Any]:
    return np.stack([image.pixels[0, 0, 0, 0] for image in images])


@pytest.mark.parametrize("data_type", ["tiff", "custom"])
def test_a_file_a_folder_and_lists_of_either_are_opened(folder: Path, data_type: str) -> None:
    where = folder / "noisy" / data_type
    c = where / ("c.tif" if data_type == "tiff" else "deep/c.npy")
    for data in (where, str(where), [where], (where,)):
        np.testing.assert_array_equal(pixels_of(open_images(data, data_type, "YX", **options(data_type))), STACK)
    for data, expected in ((c, STACK[2:]), ([str(c), where], STACK[[2, 0, 1, 2]])):
        np.testing.assert_array_equal(pixels_of(open_images(data, data_type, "YX", **options(data_type))), expected)


@pytest.mark.parametrize("data_type", ["tiff", "custom", "array"])
def test_pairs_are_opened_in_the_order_of_the_inputs(folder: Path, data_type: str) -> None:
    data: list[Any] = [folder / part / data_type for part in ("noisy", "clean")]
    if data_type == "array":
        data = [list(STACK), list(STACK + 1)]
    images, targets = open_image_pairs(*data, data_type, "YX", **options(data_type))
    np.testing.assert_array_equal(pixels_of(images), STACK)
    np.testing.assert_array_equal(pixels_of(targets), STACK + 1)
    again = open_image_pairs(images, targets, data_type, "YX")
    assert again == (images, targets)
    mixed = open_image_pairs(images, data[1], data_type, "YX", **options(data_type))
    np.testing.assert_array_equal(pixels_of(mixed[1]), STACK + 1)


@pytest.mark.parametrize("data_type", ["tiff", "custom"])
def test_lists_of_files_are_paired_by_their_names(folder: Path, data_type: str) -> None:
    sides = []
    for part, step in (("noisy", 1), ("clean", -1)):
        sides.append(sorted((folder / part / data_type).rglob("*.*[fy]"), reverse=step < 0))
    images, targets = open_image_pairs(*sides, data_type, "YX", **options(data_type))
    np.testing.assert_array_equal(pixels_of(images) + 1, pixels_of(targets))
    one, other = open_image_pairs(sides[0][0], sides[1][0], data_type, "YX", **options(data_type))
    np.testing.assert_array_equal(pixels_of(one), STACK[:1])
    np.testing.assert_array_equal(pixels_of(other), STACK[2:] + 1)


@pytest.mark.parametrize("data_type", ["tiff", "custom", "array"])
def test_channels_are_chosen_of_inputs_and_not_of_targets(tmp_path: Path, data_type: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    np.save(tmp_path / "a.npy", STACK)
    data: Any = {"tiff": tmp_path / "a.tif", "custom": tmp_path / "a.npy", "array": STACK}[data_type]
    (image,) = open_images(data, data_type, "CYX", channels=[2, 0], **options(data_type))
    np.testing.assert_array_equal(image.pixels[0, 0, :, 0], STACK[[2, 0]])
    assert image.is_mapped == (data_type == "tiff")
    assert np.shares_memory(image.pixels, STACK) == (data_type == "array")
    (image,), (target,) = open_image_pairs(data, data, data_type, "CYX", channels=[1], **options(data_type))
    np.testing.assert_array_equal(image.pixels[0, 0, :, 0], STACK[[1]])
    np.testing.assert_array_equal(target.pixels[0, 0, :, 0], STACK)
    with pytest.raises(ShapeError, match=r"expected at least 4 channels for channels=\[3\], got 3"):
        open_images(data, data_type, "CYX", channels=[3], **options(data_type))


def test_open_images_keep_all_of_their_channels() -> None:
    image = Image.of("cells", STACK, "CYX")
    assert open_images([image], "custom", "CYX", channels=[1]) == [image]


@pytest.mark.parametrize("data_type", ["tiff", "custom"])
@pytest.mark.parametrize("part", ["noisy", "clean"])
def test_a_damaged_file_is_an_error_or_skipped_with_its_partner(folder: Path, data_type: str, part: str) -> None:
    damaged = next((folder / part / data_type).glob("b.*"))
    damaged.write_bytes(b"damaged")
    noisy, clean = (folder / side / data_type for side in ("noisy", "clean"))
    name = re.escape(str(damaged))
    with pytest.raises(ReadError, match=rf"^{name}: expected "):
        open_image_pairs(noisy, clean, data_type, "YX", **options(data_type))
    with pytest.warns(
        PatchmillWarning, match=rf"skipped 1 of 3 pairs of files, .*: {damaged}\. The first error was: {damaged}: "
    ):
        images, targets = open_image_pairs(noisy, clean, data_type, "YX", on_error="skip", **options(data_type))
    np.testing.assert_array_equal(pixels_of(images), STACK[[0, 2]])
    np.testing.assert_array_equal(pixels_of(targets), STACK[[0, 2]] + 1)
    with pytest.warns(PatchmillWarning, match="skipped 1 of 3 files"):
        images = open_images(folder / part / data_type, data_type, "YX", on_error="skip", **options(data_type))
    assert len(images) == 2


Case = tuple[Callable[[Path], object], type[PatchmillError], str]


def opened(data: Any, data_type: str = "tiff", axes: str = "YX", **settings: Any) -> Callable[[Path], object]:
    """Open data, of which paths are in the folder of the test, with `open_images`."""

    def call(folder: Path) -> object:
        return open_images(data(folder) if callable(data) else data, data_type, axes, **settings)

    return call


def custom(value: object, axes: str = "YX") -> Callable[[Path], object]:
    """Open a file with a function that returns `value`."""
    return opened(lambda folder: folder / "noisy/custom/a.npy", "custom", axes, read_source_func=lambda _path: value)


def paired(inputs: Any, targets: Any, data_type: str = "array", **settings: Any) -> Callable[[Path], object]:
    def call(folder: Path) -> object:
        both = (data(folder) if callable(data) else data for data in (inputs, targets))
        return open_image_pairs(*both, data_type, "YX", **settings)

    return call


def link_to_nothing(folder: Path) -> Path:
    (folder / "links").mkdir()
    (folder / "links/gone.tif").symlink_to(folder / "never there.tif")
    return folder / "links"


def folder_named_tif(folder: Path) -> Path:
    (folder / "x.tif").mkdir()
    return folder / "x.tif"


BAD: dict[str, Case] = {
    # What the data is.
    "paths as arrays": (
        opened("a.tif", "array"),
        ConfigError,
        r"^data: expected one NumPy array .*'array', got paths\. Set data_type='tiff', or 'custom'",
    ),
    "arrays as TIFF": (
        opened(STACK),
        ConfigError,
        r"^data: expected the path of a file .*'tiff', got arrays\. Set data_type='array'\.",
    ),
    "arrays as custom files": (opened([STACK], "custom", read_source_func=np.load), ConfigError, "got arrays"),
    "paths and arrays": (opened(["a.tif", STACK]), DtypeError, "^data: .*got a list of builtins.str and numpy.ndarray"),
    "paths and images": (
        opened(["a.tif", Image.of("a", STACK, "ZYX")]),
        DtypeError,
        "got a list of builtins.str and patchmill",
    ),
    "a generator": (
        opened(lambda folder: (path for path in folder.glob("*.tif"))),
        DtypeError,
        "got builtins.generator. Make a list of it",
    ),
    "nothing": (opened(None), DtypeError, "got builtins.NoneType. Convert it with numpy.asarray"),
    "bytes": (opened(b"a.tif"), DtypeError, "got builtins.bytes"),
    "a dictionary": (opened({"a": STACK}, "array"), DtypeError, "got builtins.dict"),
    "a list of lists": (opened([[1, 2], [3, 4]], "array"), DtypeError, "got a list of builtins.list"),
    "no arrays": (opened([], "array"), ShapeError, "^data: expected at least one array, got an empty list"),
    "no paths": (opened([]), MissingFileError, "^data: expected at least one path, got an empty list"),
    "an unknown type": (
        opened("a.zarr", "zarr"),
        ConfigError,
        "^data_type: expected 'array', 'tiff' or 'custom', got 'zarr'",
    ),
    # Where the files are.
    "a missing file": (
        opened(lambda folder: folder / "no.tif"),
        MissingFileError,
        r"no\.tif: expected a file or a folder, got nothing",
    ),
    "a missing file in a list": (
        opened(lambda folder: [folder / "noisy", str(folder / "no.tif")]),
        MissingFileError,
        r"no\.tif",
    ),
    "a folder without TIFFs": (
        opened(lambda folder: folder / "noisy/custom"),
        MissingFileError,
        r"custom: expected files named \*\.tif, ",
    ),
    "a folder named as a TIFF": (opened(folder_named_tif), MissingFileError, r"x\.tif: expected files named"),
    "a link to nothing": (
        opened(link_to_nothing),
        MissingFileError,
        r"gone\.tif: expected a TIFF file, got nothing of that name",
    ),
    "another pattern": (
        opened(
            lambda folder: folder / "noisy/custom/a.npy", "custom", read_source_func=np.load, extension_filter="*.czi"
        ),
        ConfigError,
        r"a\.npy: expected a name that matches the pattern '\*\.czi'",
    ),
    # What the function does.
    "no function": (opened("a.npy", "custom"), ConfigError, "^read_source_func: expected a function that reads a file"),
    "a function for TIFF": (
        opened("a.tif", read_source_func=np.load),
        ConfigError,
        "^read_source_func: expected none with the data type 'tiff'",
    ),
    "a function for arrays": (
        opened(STACK, "array", read_source_func=np.load),
        ConfigError,
        "^read_source_func: expected none",
    ),
    "a function that reads nothing else": (
        opened(lambda folder: folder / "noisy/custom", "custom", read_source_func=np.load),
        ReadError,
        r"notes\.txt: expected an image that load\(\) can read, got ",
    ),
    "nothing returned": (custom(None), DtypeError, r"a\.npy: expected an array from .*got builtins\.NoneType"),
    "a list returned": (custom([[1.0]]), DtypeError, r"a\.npy: expected an array from .*got a list"),
    "a generator returned": (
        custom(row for row in STACK),
        DtypeError,
        r"a\.npy: expected an array .*builtins\.generator",
    ),
    "a shape returned": (
        custom(STACK),
        AxesError,
        r"a\.npy: expected 2 axes, as in 'YX', got 3: its shape is \(3, 20, 22\)",
    ),
    "complex numbers returned": (custom(STACK[0] * 1j), DtypeError, r"a\.npy: .*complex128"),
    "objects returned": (custom(STACK[0].astype(object)), DtypeError, r"a\.npy: .*object"),
    "texts returned": (custom(STACK[0].astype("U5")), DtypeError, r"a\.npy: .*<U5"),
    "a masked array returned": (custom(np.ma.masked_less(STACK[0], 9)), DtypeError, r"a\.npy: expected a plain array"),
    "no pixels returned": (custom(STACK[0, :0]), ShapeError, r"a\.npy: .*\(0, 22\), which holds no pixels"),
    # How it is to be read.
    "axes twice": (custom(STACK[0], "YYX"), AxesError, "^axes: .*got 'YYX'. Name 'Y' only once"),
    "no X": (custom(STACK[0], "ZY"), AxesError, "^axes: .*got 'ZY'. Add 'X'"),
    "no axes": (opened(STACK, "array", None), AxesError, "^axes: expected one letter per axis.*got None"),
    "another policy": (
        opened(STACK, "array", on_error="warn"),
        ConfigError,
        "^on_error: expected 'raise' or 'skip', got 'warn'",
    ),
    "channels twice": (
        opened(STACK, "array", "CYX", channels=[1, 1]),
        ConfigError,
        "^channels: expected a list of integers",
    ),
    "a channel that is not there": (
        opened([STACK], "array", "CYX", channels=[5]),
        ShapeError,
        "^array 0: expected at least 6 channels",
    ),
    # What belongs together.
    "a target too few": (paired(list(STACK), list(STACK[1:])), PairError, "^targets: expected 3, one per image, got 2"),
    "a target of another size": (
        paired(list(STACK), list(STACK[:, 1:])),
        ShapeError,
        r"^target 0: expected the 1 samples of \(1, 20, 22\) pixels \(ZYX\) of array 0, got",
    ),
    "a target of another type": (paired(STACK[0], "a.tif"), ConfigError, "^data: expected one NumPy array.*got paths"),
    "a target for a path": (paired("a.tif", STACK[0], "tiff"), ConfigError, "got arrays"),
    "a partner missing": (
        paired(
            lambda folder: folder / "noisy/tiff",
            lambda folder: [folder / "clean/tiff/a.tif", folder / "clean/tiff/b.tif"],
            "tiff",
        ),
        PairError,
        r"1 without a target: c\.tif",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_says_where_what_and_what_to_do(folder: Path, case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message) as raised:
        call(folder)
    assert type(raised.value) is error
    assert isinstance(raised.value, (OSError, TypeError, ValueError))
    text = str(raised.value)
    assert raised.value.args == (text,), "an error survives pickling"
    assert ": expected" in text
    assert "got" in text
    assert text.endswith(".")
    assert "\n" not in text


def test_the_type_of_data_is_checked_before_anything_is_read() -> None:
    check_data_type("no.tif", "tiff")
    check_data_type([Path("no.npy"), "a.npy"], "custom")
    check_data_type(STACK, "array")
    for data_type in ("array", "tiff", "custom"):
        check_data_type([], data_type)
