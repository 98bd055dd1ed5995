"""Custom readers: how they are called, what they may return, and what is said of them when they fail."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill.errors import (
    AxesError,
    ConfigError,
    DtypeError,
    MissingFileError,
    OutOfMemoryError,
    PatchmillError,
    ReadError,
    ShapeError,
)
from patchmill.sources import check_read_source_func, open_custom_image, open_images, read_tiff
from tests.images import AXES, dtypes, layouts, random_image, seeds

ARRAY = np.arange(20, dtype=np.uint16).reshape(4, 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "image.npy"
    np.save(path, ARRAY)
    return path


class Reader:
    """A callable with a method that reads, too."""

    def __call__(self, path: Path, axes: str) -> NDArray[Any]:
        return called(path, axes)

    def read(self, path: Path) -> NDArray[Any]:
        return called(path)

    @staticmethod
    def read_static(path: Path, axes: str) -> NDArray[Any]:
        return called(path, axes)


class Pixels:
    """A class that is called like a function, and whose instances are like arrays."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return called(self.path)


def called(path: Path, axes: str = "none", *others: object) -> NDArray[Any]:
    """Return the image with one pixel that tells how it was read."""
    assert isinstance(path, Path)
    assert not others
    array: NDArray[Any] = np.load(path)
    array[0, 0] = {"none": 1, "YX": 2, "fixed": 3}[axes]
    return array


def two(path: Path, axes: str) -> NDArray[Any]:
    return called(path, axes)


def other_name(path: Path, order: str) -> NDArray[Any]:
    return called(path, order)


def optional_axes(path: Path, axes: str = "fixed") -> NDArray[Any]:
    return called(path, axes)


def optional_other(path: Path, order: str = "fixed") -> NDArray[Any]:
    return called(path, order)


def optional_then_any(path: Path, order: str = "fixed", *others: object) -> NDArray[Any]:
    return called(path, order, *others)


def any_number(path: Path, *args: str, **kwargs: object) -> NDArray[Any]:
    return called(path, *args, **kwargs)


def anything(*args: Any) -> NDArray[Any]:
    return called(*args)


def keyword_only(path: Path, *, order: str = "fixed") -> NDArray[Any]:
    return called(path, order)


@functools.wraps(optional_other)
def wrapped(*args: Any, **kwargs: Any) -> NDArray[Any]:
    return optional_other(*args, **kwargs)


ALONE, WITH_AXES, FIXED = 1, 2, 3

READERS: dict[str, tuple[Callable[..., Any], int]] = {
    "path": (lambda path: called(path), ALONE),
    "path and axes": (two, WITH_AXES),
    "path and axes under another name": (other_name, WITH_AXES),
    "axes with a default": (optional_axes, WITH_AXES),
    "another parameter with a default": (optional_other, FIXED),
    "another parameter with a default, and any number": (optional_then_any, FIXED),
    "a path and any number": (any_number, WITH_AXES),
    "any number": (anything, WITH_AXES),
    "keywords": (keyword_only, FIXED),
    "a wrapper": (wrapped, FIXED),
    "a callable": (Reader(), WITH_AXES),
    "a method": (Reader().read, ALONE),
    "a static method": (Reader.read_static, WITH_AXES),
    "a class": (Pixels, ALONE),
    "a partial with its axes": (functools.partial(two, axes="fixed"), FIXED),
    "a partial with other axes": (functools.partial(other_name, order="fixed"), FIXED),
    "a partial of two": (functools.partial(lambda _option, path, axes: called(path, axes), 7), WITH_AXES),
    "numpy.load": (np.load, 0),
    "numpy.load, mapped": (functools.partial(np.load, mmap_mode="r"), 0),
    "a function of C": (functools.partial(np.fromfile, dtype=np.uint16, offset=128), 0),
}


@pytest.mark.parametrize("kind", READERS)
def test_readers_get_the_path_alone_or_with_the_axes(path: Path, kind: str) -> None:
    function, how = READERS[kind]
    check_read_source_func(function, "custom")
    expected = ARRAY.copy()
    expected[0, 0] = how
    if kind == "a function of C":
        with pytest.raises(AxesError, match=r"image\.npy: expected 2 axes, as in 'YX', got 1: its shape is \(20,\)"):
            open_custom_image(path, "YX", function)
        return
    image = open_custom_image(str(path), "yx", function)
    np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], expected)
    assert (image.name, image.axes, image.shape) == (str(path), "YX", (4, 5))
    assert image.is_mapped == (kind == "numpy.load, mapped")


def test_a_function_that_does_not_say_what_it_takes_gets_the_path_alone(path: Path) -> None:
    class Silent:
        __signature__ = "unknown"

        def __call__(self, *args: Any) -> NDArray[Any]:
            return called(*args)

    assert open_custom_image(path, "YX", Silent()).pixels[0, 0, 0, 0, 0, 0] == ALONE


@given(st.sampled_from(AXES), dtypes, layouts, seeds, st.data())
def test_arrays_of_every_kind_are_viewed_as_they_are(
    axes: str, dtype: np.dtype[Any], layout: str, seed: int, data: st.DataObject
) -> None:
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in axes}
    array = random_image(axes, sizes, dtype, layout=layout, seed=seed)
    image = open_custom_image("image.npy", axes, lambda _path: array)
    assert np.shares_memory(image.pixels, array)
    assert (image.shape, image.dtype) == (array.shape, array.dtype)


@pytest.mark.parametrize("kind", ["tensor", "array interface", "array method", "memory map", "matrix"])
def test_what_becomes_an_array_is_taken(tmp_path: Path, kind: str) -> None:
    mapped = np.memmap(tmp_path / "pixels", np.uint16, "w+", shape=(4, 5))
    mapped[...] = ARRAY
    values = {
        "tensor": torch.from_numpy(ARRAY),
        "array interface": SimpleNamespace(__array_interface__=ARRAY.__array_interface__, keep=ARRAY),
        "array method": type("Lazy", (), {"__array__": lambda self, dtype=None, copy=None: ARRAY})(),
        "memory map": mapped,
        "matrix": ARRAY.view(np.matrix),
    }
    image = open_custom_image("image.npy", "YX", lambda _path: values[kind])
    np.testing.assert_array_equal(image.pixels[0, 0, 0, 0], ARRAY)
    assert type(image.pixels) is np.ndarray


def raising(error: BaseException) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        raise error

    return read


def returning(value: object) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        return value

    return read


BAD_READERS: dict[str, tuple[Callable[..., Any], type[PatchmillError], type[Exception], str]] = {
    "nothing": (returning(None), DtypeError, TypeError, r"expected an array from .*read\(\), got builtins\.NoneType\."),
    "a list": (returning([[1, 2], [3, 4]]), DtypeError, TypeError, "got a list of builtins.list. Return the pixels as"),
    "an array and more": (
        returning((ARRAY, {})),
        DtypeError,
        TypeError,
        "got a tuple of numpy.ndarray and builtins.di",
    ),
    "a generator": (lambda path: (row for row in ARRAY), DtypeError, TypeError, "got builtins.generator"),
    "a number": (returning(3), DtypeError, TypeError, "got builtins.int"),
    "a text": (returning("pixels"), DtypeError, TypeError, "got builtins.str"),
    "the path": (lambda path: path, DtypeError, TypeError, "PosixPath|WindowsPath"),
    "a NumPy number": (returning(np.float32(3)), AxesError, ValueError, r"expected 2 axes, as in 'YX', got 0.*\(\)"),
    "too few axes": (returning(ARRAY[0]), AxesError, ValueError, r"expected 2 axes, as in 'YX', got 1.*\(5,\)"),
    "too many axes": (returning(ARRAY[None]), AxesError, ValueError, r"expected 2 axes.*got 3.*\(1, 4, 5\)"),
    "no pixels": (returning(ARRAY[:0]), ShapeError, ValueError, r"got the shape \(0, 5\), which holds no pixels"),
    "complex": (returning(ARRAY * 1j), DtypeError, TypeError, "got the data type complex128. Take the real part"),
    "objects": (returning(ARRAY.astype(object)), DtypeError, TypeError, "got the data type object"),
    "text pixels": (returning(ARRAY.astype("U2")), DtypeError, TypeError, "got the data type <U2"),
    "dates": (returning(ARRAY.astype("M8[s]")), DtypeError, TypeError, "got the data type datetime64"),
    "records": (returning(np.zeros((4, 5), [("a", "f4")])), DtypeError, TypeError, "got the data type"),
    "long floats": (returning(ARRAY.astype(np.longdouble)), DtypeError, TypeError, "at most 64 bits"),
    "masked": (returning(np.ma.masked_less(ARRAY, 3)), DtypeError, TypeError, "expected a plain array, got a masked"),
    "a tensor with a gradient": (
        returning(torch.ones(4, 5, requires_grad=True)),
        ReadError,
        OSError,
        "got RuntimeError: .*requires grad",
    ),
    "bfloat16": (returning(torch.ones(4, 5, dtype=torch.bfloat16)), ReadError, OSError, "got TypeError: .*BFloat16"),
    "an exception": (raising(KeyError("pixels")), ReadError, OSError, r"read\(\) can read, got KeyError: 'pixels'\."),
    "an exception that says nothing": (raising(RuntimeError()), ReadError, OSError, "got RuntimeError. Check the file"),
    "no memory": (
        raising(MemoryError("12 GiB")),
        OutOfMemoryError,
        MemoryError,
        r"expected memory for the image that read\(\) reads, got MemoryError: 12 GiB. Free some, or split the image",
    ),
    "no permission": (raising(PermissionError(13, "Permission denied")), ReadError, OSError, "Permission denied"),
    "an error of patchmill": (raising(ShapeError("odd")), ReadError, OSError, "got ShapeError: odd"),
    "the end of an iterator": (raising(StopIteration(3)), ReadError, OSError, "got StopIteration: 3"),
    "another file that is missing": (
        raising(FileNotFoundError(2, "No such file", "calibration.json")),
        ReadError,
        OSError,
        "calibration.json",
    ),
}


@pytest.mark.parametrize("case", BAD_READERS)
def test_what_a_reader_does_wrong_is_one_error_that_names_the_file(path: Path, case: str) -> None:
    function, error, builtin, message = BAD_READERS[case]
    with pytest.raises(error, match=message) as raised:
        open_custom_image(path, "YX", function)
    assert type(raised.value) is error
    assert isinstance(raised.value, builtin)
    assert str(raised.value).startswith(f"{path}: expected ")
    assert str(raised.value).endswith(".")
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args
    assert (raised.value.__cause__ is not None) == (error in (ReadError, OutOfMemoryError))


def test_a_file_that_vanished_is_named_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "gone.npy"
    with pytest.raises(
        MissingFileError, match=r"gone\.npy: expected a file, got nothing of that name.*load\(\)"
    ) as raised:
        open_custom_image(path, "YX", np.load)
    assert isinstance(raised.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_are_not_errors_of_the_file(path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        open_custom_image(path, "YX", raising(error()))


UNUSABLE: dict[str, tuple[Any, str, str]] = {
    "missing": (None, "custom", "expected a function that reads a file, as the data type is 'custom', got .*NoneType"),
    "no function": ("numpy.load", "custom", "expected a function .*got builtins.str"),
    "no parameters": (lambda: ARRAY, "custom", r"called with a path, or .*got <lambda>\(\): too many positional"),
    "three parameters": (
        lambda path, axes, scale: ARRAY,
        "custom",
        r"got <lambda>\(path, axes, scale\): missing a required argument: 'scale'.*functools\.partial",
    ),
    "a keyword without default": (lambda path, *, scale: ARRAY, "custom", "missing a required.* 'scale'"),
    "for TIFF": (np.load, "tiff", r"expected none with the data type 'tiff', got load\(\). Set data_type='custom'"),
    "for arrays": (np.load, "array", "expected none with the data type 'array'"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_functions_that_cannot_be_called_are_refused_before_any_file_is_read(case: str) -> None:
    function, data_type, message = UNUSABLE[case]
    with pytest.raises(ConfigError, match=f"^read_source_func: .*{message}"):
        check_read_source_func(function, data_type)


def test_no_function_is_needed_for_other_types() -> None:
    check_read_source_func(None, "tiff")
    check_read_source_func(read_tiff, "tiff")
    check_read_source_func(None, "array")


def test_full_memory_is_not_a_file_that_is_skipped(path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match=r"image\.npy: expected memory for the image that read\(\) reads"):
        open_images(path.parent, "custom", "YX", read_source_func=raising(MemoryError()), on_error="skip")


def test_functions_are_named_without_those_that_they_were_defined_in() -> None:
    with pytest.raises(
        ConfigError, match=r"got read\(path: 'Path', axes: 'str', scale: 'float'\) -> 'Any': missing a required"
    ):
        check_read_source_func(_defined_inside(), "custom")
    with pytest.raises(ConfigError, match=r"with the data type 'tiff', got <lambda>\(\)\. Set"):
        check_read_source_func(lambda path: ARRAY, "tiff")


def _defined_inside() -> Callable[..., Any]:
    def read(path: Path, axes: str, scale: float) -> Any:
        return None

    return read
