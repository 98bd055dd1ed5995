"""Bad input stops before training with one clear error: where, expected, got, what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.dataset import TrainDataModule
from patchmill.errors import (
    AxesError,
    ConfigError,
    DataError,
    DtypeError,
    MissingFileError,
    PairError,
    PatchmillError,
    PatchmillWarning,
    ReadError,
    ShapeError,
)
from tests.dataset.milling import copied, data_config, noise
from tests.oracles.item import Masking

IMAGE = noise((40, 50), np.float32)


def with_pixel(value: float, at: tuple[int, ...], shape: tuple[int, ...] = (40, 50), dtype: Any = np.float32) -> Any:
    image = noise(shape, np.uint8).astype(dtype)
    image[at] = value
    return image


Case = tuple[Callable[[], TrainDataModule], type[PatchmillError], type[Exception], str]


def module(*data: Any, axes: str = "YX", target: Any = None, **settings: Any) -> Callable[[], TrainDataModule]:
    return lambda: TrainDataModule(data_config(axes, **settings), *data, train_data_target=target)


CASES: dict[str, Case] = {
    "NaN": (
        module(with_pixel(np.nan, (3, 7))),
        DataError,
        ValueError,
        r"^array, sample 0, channel 0, pixel \(z=0, y=3, x=7\): expected a finite number, got NaN\. Replace",
    ),
    "infinity in the second of two arrays": (
        module([IMAGE, with_pixel(-np.inf, (39, 49))]),
        DataError,
        ValueError,
        r"^array 1, sample 0, channel 0, pixel \(z=0, y=39, x=49\): expected a finite number, got -inf",
    ),
    "NaN in a stack of volumes with channels": (
        module(with_pixel(np.nan, (1, 2, 1, 8, 9, 10), (2, 3, 2, 9, 20, 20), np.float64), axes="STCZYX"),
        DataError,
        ValueError,
        r"sample 5, channel 1, pixel \(z=8, y=9, x=10\)",
    ),
    "NaN where the statistics are given": (
        module(with_pixel(np.nan, (0, 0), dtype=np.float16), image_means=[1.0], image_stds=[2.0]),
        DataError,
        ValueError,
        "expected a finite number, got NaN",
    ),
    "NaN in a target": (
        module(IMAGE, target=with_pixel(np.nan, (1, 1))),
        DataError,
        ValueError,
        r"pixel \(z=0, y=1, x=1\)",
    ),
    "NaN in validation data": (
        module(IMAGE, with_pixel(np.nan, (1, 1))),
        DataError,
        ValueError,
        r"pixel \(z=0, y=1, x=1\)",
    ),
    "a large integer": (
        module(with_pixel(2**53 + 1, (1, 1), dtype=np.uint64)),
        DataError,
        ValueError,
        r"expected a magnitude of at most 2\^53",
    ),
    "a large float": (
        module(with_pixel(-1e30, (1, 1))),
        DataError,
        ValueError,
        r"expected a magnitude of at most 2\^53, got -1",
    ),
    "a patch larger than the image": (
        module(noise((15, 40))),
        ShapeError,
        ValueError,
        r"^array, axis Y: expected at least 16 pixels for a patch, got 15\. Choose a smaller patch_size",
    ),
    "a patch larger than one of the images": (
        module([IMAGE, noise((40, 10), np.float32)]),
        ShapeError,
        ValueError,
        r"^array 1, axis X: expected at least 16 pixels for a patch, got 10",
    ),
    "a patch deeper than the image": (
        module(noise((7, 40, 40)), axes="ZYX"),
        ShapeError,
        ValueError,
        "axis Z: expected at least 8",
    ),
    "a patch larger than the validation image": (
        module(IMAGE, noise((15, 40), np.float32)),
        ShapeError,
        ValueError,
        "axis Y",
    ),
    "axes that do not fit": (
        module(noise((3, 40, 40))),
        AxesError,
        ValueError,
        r"^array: expected 2 axes, as in 'YX', got 3: its shape is \(3, 40, 40\)",
    ),
    "an empty list": (module([]), ShapeError, ValueError, "expected at least one array, got an empty list"),
    "no pixels": (module(np.empty((0, 40))), ShapeError, ValueError, "holds no pixels"),
    "complex pixels": (module(IMAGE.astype(np.complex64)), DtypeError, TypeError, "complex64.*real part"),
    "objects": (module(np.array([[None] * 20] * 20)), DtypeError, TypeError, "got the data type object"),
    "text": (module(np.array([["a"] * 20] * 20)), DtypeError, TypeError, "got the data type <U1"),
    "long doubles": (module(IMAGE.astype(np.longdouble)), DtypeError, TypeError, "at most 64 bits"),
    "a list of lists": (module([[1, 2], [3, 4]]), DtypeError, TypeError, "numpy.asarray"),
    "nothing": (module(None), DtypeError, TypeError, "NoneType"),
    "data types that differ": (
        module([IMAGE, noise((40, 40))]),
        DtypeError,
        TypeError,
        "array 1: expected the data type float32",
    ),
    "numbers of channels that differ": (
        module([noise((2, 40, 40)), noise((3, 40, 40))], axes="CYX"),
        ShapeError,
        ValueError,
        "array 1: expected 2 channel",
    ),
    "a target of another shape": (
        module(IMAGE, target=noise((40, 49), np.float32)),
        ShapeError,
        ValueError,
        r"expected the 1 samples of \(1, 40, 50\) pixels \(ZYX\) of array, got 1 of \(1, 40, 49\)",
    ),
    "a target too few": (
        module([IMAGE, IMAGE], target=[IMAGE]),
        PairError,
        ValueError,
        "expected 2, one per image, got 1",
    ),
    "a target for Noise2Void": (
        module(IMAGE, target=IMAGE, masking=Masking()),
        ConfigError,
        ValueError,
        "expected none for Noise2Void",
    ),
    "means of another length": (
        module(noise((2, 40, 40)), axes="CYX", image_means=[1.0], image_stds=[1.0]),
        ShapeError,
        ValueError,
        r"expected 1 channels, one per given mean, got 2",
    ),
    "validation data with other channels": (
        module(noise((2, 40, 40)), noise((3, 40, 40)), axes="CYX"),
        ShapeError,
        ValueError,
        "expected 2 channels",
    ),
    "arrays for TIFF": (module(IMAGE, data_type="tiff"), ConfigError, ValueError, "got arrays. Set data_type='array'"),
    "a list of arrays for TIFF": (module([IMAGE], data_type="tiff"), ConfigError, ValueError, "Set data_type='array'"),
    "paths for arrays": (module("image.tif"), ConfigError, ValueError, "Set data_type='tiff'"),
    "an image that is one patch": (
        module(noise((16, 16))),
        ShapeError,
        ValueError,
        "expected training patches to be left",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_arrays_are_one_clear_error(case: str) -> None:
    create, error, builtin, message = CASES[case]
    with pytest.raises(error, match=message) as raised:
        data = create()
        data.prepare_data()
        data.setup()
    assert isinstance(raised.value, builtin)
    assert raised.value.args == (str(raised.value),), "an error survives pickling"


def not_a_tiff(folder: Path) -> Path:
    path = folder / "text.tif"
    path.write_text("this is not an image")
    return path


def truncated(folder: Path) -> Path:
    path = folder / "cut.tif"
    tifffile.imwrite(path, noise((3, 64, 64)), photometric="minisblack")
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def with_nan(folder: Path) -> Path:
    path = folder / "nan.tif"
    tifffile.imwrite(path, with_pixel(np.nan, (2, 3, 4), (3, 64, 64)), photometric="minisblack")
    return path


def two_of_different_types(folder: Path) -> list[Path]:
    paths = [folder / "a.tif", folder / "b.tif"]
    for path, dtype in zip(paths, (np.uint8, np.uint16), strict=True):
        tifffile.imwrite(path, noise((3, 64, 64), dtype), photometric="minisblack")
    return paths


FILES: dict[str, tuple[Callable[[Path], Any], type[PatchmillError], type[Exception], str]] = {
    "missing": (lambda folder: folder / "no.tif", MissingFileError, FileNotFoundError, r"no\.tif"),
    "an empty folder": (lambda folder: folder, MissingFileError, FileNotFoundError, r"\*\.tif\*"),
    "an empty list": (lambda _folder: [], MissingFileError, FileNotFoundError, "empty list"),
    "not a TIFF": (not_a_tiff, ReadError, OSError, r"text\.tif: expected a TIFF file, got one that begins with"),
    "truncated": (truncated, ReadError, OSError, r"cut\.tif: .*cut off"),
    "NaN": (with_nan, DataError, ValueError, r"nan\.tif, sample 2, channel 0, pixel \(z=0, y=3, x=4\)"),
    "data types that differ": (two_of_different_types, DtypeError, TypeError, r"b\.tif: expected the data type uint8"),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_one_clear_error(tmp_path: Path, case: str) -> None:
    create, error, builtin, message = FILES[case]
    data = TrainDataModule(data_config("TYX", data_type="tiff"), create(tmp_path))
    with pytest.raises(error, match=message) as raised:
        data.prepare_data()
        data.setup()
    assert isinstance(raised.value, builtin)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_constant_image_warns_and_becomes_zero(dtype: Any) -> None:
    data = TrainDataModule(data_config(), np.full((160, 160), 7, dtype=dtype))
    data.prepare_data()
    with pytest.warns(PatchmillWarning, match="array, channel 0: expected pixels that differ, got 7 everywhere"):
        data.setup()
    assert data.get_data_statistics() == ([7.0], [0.0])
    assert {bytes(part) for (part,) in copied(data.train_dataloader())} == {bytes(16 * 16 * 4)}


def test_a_constant_channel_is_named() -> None:
    image = noise((3, 80, 80))
    image[1] = 0
    data = TrainDataModule(data_config("CYX"), image)
    with pytest.warns(PatchmillWarning, match="channel 1: expected pixels that differ, got 0 everywhere"):
        data.setup()


def test_pixels_of_at_most_two_to_the_53_are_fine() -> None:
    for dtype in (np.uint64, np.int64, np.float64, np.float32):
        data = TrainDataModule(data_config(), with_pixel(2**53, (5, 5), (80, 80), dtype))
        data.setup()
        assert copied(data.train_dataloader())
