"""Bad input stops before training with one clear error: where, expected, got, what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.config import Configuration
from patchmill.dataset import InMemoryDataset, TrainDataModule
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


Case = tuple[Callable[[], TrainDataModule | InMemoryDataset], type[PatchmillError], type[Exception], str]


def module(*data: Any, axes: str = "YX", target: Any = None, **settings: Any) -> Callable[[], TrainDataModule]:
    return lambda: TrainDataModule(data_config(axes, **settings), *data, train_data_target=target)


def module_with_mask(mask: Any) -> Callable[[], TrainDataModule]:
    return lambda: TrainDataModule(data_config(patch_filter={"name": "mask"}), IMAGE, train_data_mask=mask)


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
    "files for validation of arrays": (
        lambda: TrainDataModule(data_config(), IMAGE, "validation.tif"),
        ConfigError,
        ValueError,
        "data: expected one NumPy array or a list of them",
    ),
    "a mask of another shape": (
        module_with_mask(np.ones((40, 49), bool)),
        ShapeError,
        ValueError,
        r"^array: expected a mask of the shape \(1, 1, 1, 1, 40, 50\) .*got \(1, 1, 1, 1, 40, 49\) in mask",
    ),
    "too few masks": (module_with_mask([]), ShapeError, ValueError, "expected at least one array, got an empty list"),
    "a mask filter without a mask": (
        lambda: TrainDataModule(data_config(patch_filter={"name": "mask"}), IMAGE),
        ConfigError,
        ValueError,
        "train_data_mask: expected masks, got none",
    ),
    "a mask without its filter": (
        lambda: TrainDataModule(data_config(), IMAGE, train_data_mask=IMAGE > 0),
        ConfigError,
        ValueError,
        "train_data_mask: expected none without MaskPatchFilterConfig, got some",
    ),
    "a whole configuration": (
        lambda: TrainDataModule(Configuration.model_construct(), IMAGE),  # type: ignore[arg-type]
        ConfigError,
        ValueError,
        r"^data_config: expected a DataConfig, got Configuration\. Give its data_config\.",
    ),
    "arguments in another order": (
        lambda: TrainDataModule(IMAGE, data_config()),  # type: ignore[arg-type]
        ConfigError,
        ValueError,
        r"^data_config: expected a DataConfig, got ndarray\. Create one\.",
    ),
    "a mask for a dataset without its filter": (
        lambda: InMemoryDataset(data_config(), IMAGE, filter_masks=IMAGE > 0),
        ConfigError,
        ValueError,
        "^filter_masks: expected none without MaskPatchFilterConfig, got some",
    ),
    "a filter that keeps nothing": (
        module(IMAGE, patch_filter={"name": "max", "threshold": 1e9}),
        ConfigError,
        ValueError,
        "expected.*got none",
    ),
    "a filter of a channel that is not there": (
        module(noise((2, 40, 50)), axes="CYX", patch_filter={"name": "shannon", "threshold": 1, "ref_channel": 2}),
        ShapeError,
        ValueError,
        "array: expected more than 2 channels, for the reference channel 2, got 2",
    ),
    "channels that are not there": (
        module(noise((2, 40, 50)), axes="CYX", channels=[0, 2]),
        ShapeError,
        ValueError,
        "array: expected.*channel",
    ),
    "a quantile level for a channel that is not there": (
        module(IMAGE, normalization={"name": "quantile", "lower_quantiles": [0, 0.1], "upper_quantiles": [0.9, 1]}),
        ShapeError,
        ValueError,
        "lower_quantiles: expected one level, or one for each of 1 channels, got 2",
    ),
    "custom data without a function": (
        lambda: TrainDataModule(data_config(data_type="custom"), "folder"),
        ConfigError,
        ValueError,
        "read_source_func",
    ),
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


def vanishing(folder: Path) -> list[Path]:
    return [not_a_tiff(folder).rename(folder / "there.tif"), folder / "gone.tif"]


def a_folder_named_as_a_file(folder: Path) -> Path:
    (folder / "folder.tif").mkdir()
    return folder / "folder.tif"


FILES: dict[str, tuple[Callable[[Path], Any], type[PatchmillError], type[Exception], str]] = {
    "missing": (lambda folder: folder / "no.tif", MissingFileError, FileNotFoundError, r"no\.tif"),
    "an empty folder": (lambda folder: folder, MissingFileError, FileNotFoundError, r"\*\.tif, "),
    "an empty list": (lambda _folder: [], MissingFileError, FileNotFoundError, "empty list"),
    "not a TIFF": (not_a_tiff, ReadError, OSError, r"text\.tif: expected a TIFF file, got one that begins with"),
    "truncated": (truncated, ReadError, OSError, r"cut\.tif: .*cut off"),
    "NaN": (with_nan, DataError, ValueError, r"nan\.tif, sample 2, channel 0, pixel \(z=0, y=3, x=4\)"),
    "data types that differ": (two_of_different_types, DtypeError, TypeError, r"b\.tif: expected the data type uint8"),
    "one of two missing": (vanishing, MissingFileError, FileNotFoundError, r"gone\.tif"),
    "a folder named as a file": (a_folder_named_as_a_file, MissingFileError, FileNotFoundError, r"folder\.tif"),
}


@pytest.mark.parametrize("use_in_memory", [True, False])
@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_one_clear_error(tmp_path: Path, case: str, use_in_memory: bool) -> None:
    create, error, builtin, message = FILES[case]
    config = data_config("TYX", data_type="tiff")
    data = TrainDataModule(config, create(tmp_path), use_in_memory=use_in_memory)
    with pytest.raises(error, match=message) as raised:
        data.prepare_data()
        data.setup()
    assert isinstance(raised.value, builtin)


def fails(path: Path, axes: str) -> Any:
    msg = f"no codec for {path.name} with {axes}"
    raise RuntimeError(msg)


READERS: dict[str, tuple[Any, type[PatchmillError], str]] = {
    "an exception": (fails, ReadError, r"b\.raw: .*no codec for b\.raw"),
    "another number of axes": (lambda _path: IMAGE[0], AxesError, r"b\.raw: expected 2 axes"),
    "nothing": (lambda _path: None, DtypeError, r"b\.raw: .*None"),
    "complex pixels": (lambda _path: IMAGE.astype(complex), DtypeError, r"b\.raw: .*complex"),
    "no pixels": (lambda _path: IMAGE[:0], ShapeError, r"b\.raw: .*no pixels"),
    "NaN": (lambda _path: with_pixel(np.nan, (3, 7)), DataError, r"b\.raw, sample 0.*NaN"),
    "an image smaller than the patch": (lambda _path: IMAGE[:9], ShapeError, r"b\.raw, axis Y"),
    "another data type": (lambda _path: noise((40, 50)), DtypeError, r"b\.raw: expected the data type float32"),
}


@pytest.mark.parametrize("use_in_memory", [True, False])
@pytest.mark.parametrize("case", READERS)
def test_what_a_reader_must_not_give_is_one_clear_error(tmp_path: Path, case: str, use_in_memory: bool) -> None:
    reader, error, message = READERS[case]
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).touch()

    def read(path: Path, axes: str) -> Any:
        if path.name == "a.raw":
            return IMAGE
        return reader(path, axes) if reader is fails else reader(path)

    config = data_config(data_type="custom")
    data = TrainDataModule(
        config, tmp_path, read_source_func=read, extension_filter="*.raw", use_in_memory=use_in_memory
    )
    data.prepare_data()
    with pytest.raises(error, match=message):
        data.setup()


@pytest.mark.parametrize("use_in_memory", [True, False])
def test_what_cannot_be_read_is_skipped_counted_and_listed_if_asked_to(tmp_path: Path, use_in_memory: bool) -> None:
    for number in range(4):
        tifffile.imwrite(tmp_path / f"{number}.tif", noise((80, 80), seed=number), photometric="minisblack")
    not_a_tiff(tmp_path)
    config = data_config(data_type="tiff", on_error="skip", patching="sequential")
    data = TrainDataModule(config, tmp_path, use_in_memory=use_in_memory)
    with pytest.warns(PatchmillWarning, match=r"1 .*text\.tif"):
        data.setup()
    assert len(data.train_dataset) + len(data.val_dataset) == 4 * 25


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


def test_a_constant_channel_has_no_range() -> None:
    image = noise((2, 80, 80))
    image[1] = 7
    data = TrainDataModule(data_config("CYX", normalization={"name": "min_max"}), image)
    message = "array, channel 1: expected a range of pixels for the normalization 'min_max', got 7 at both ends"
    with pytest.warns(PatchmillWarning, match="channel 1"), pytest.raises(DataError, match=message):
        data.setup()


def test_pixels_of_at_most_two_to_the_53_are_fine() -> None:
    for dtype in (np.uint64, np.int64, np.float64, np.float32):
        data = TrainDataModule(data_config(), with_pixel(2**53, (5, 5), (80, 80), dtype))
        data.setup()
        assert copied(data.train_dataloader())
