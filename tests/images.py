"""Images to test with: every data type, in any order of axes, in any layout of memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

DTYPES = [
    np.dtype(order + kind)
    for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
    for order in (("<", ">") if kind[1] != "1" else ("|",))
]
DTYPES = [np.dtype(bool), *DTYPES]
"""All data types that can be milled, in both byte orders."""

AXES = [
    "".join(letters)
    for n_others in range(5)
    for others in combinations("STCZ", n_others)
    for letters in permutations([*others, "Y", "X"])
]
"""All orders of all subsets of STCZYX that hold Y and X."""

EXACT = 2**53


def random_pixels(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int = 0) -> NDArray[Any]:
    """Draw pixels from the whole range of a data type that can be milled, its ends among them."""
    rng = np.random.default_rng(seed)
    native = dtype.newbyteorder("=")
    if native.kind == "b":
        pixels = rng.integers(0, 2, shape).astype(bool)
    elif native.kind in "ui":
        limits = np.iinfo(native)
        low, high = max(int(limits.min), -EXACT), min(int(limits.max), EXACT)
        pixels = rng.integers(low, high, shape, dtype=native, endpoint=True)
        pixels.ravel()[: min(2, pixels.size)] = [low, high][: min(2, pixels.size)]
    else:
        largest, smallest = {2: (4, -6), 4: (15, -40), 8: (15, -300)}[native.itemsize]
        exponents = rng.uniform(-3, 3, shape)
        exponents.ravel()[: min(2, exponents.size)] = [largest, smallest][: min(2, exponents.size)]
        pixels = (rng.choice([-1.0, 1.0], shape) * 10.0**exponents).astype(native)
    return pixels.astype(dtype)


def _unaligned(array: NDArray[Any]) -> NDArray[Any]:
    copy = np.ndarray(array.shape, array.dtype, buffer=bytearray(array.nbytes + 1), offset=1)
    copy[...] = array
    return copy


def _reversed(array: NDArray[Any]) -> NDArray[Any]:
    backwards = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[backwards])[backwards]


def _sparse(array: NDArray[Any]) -> NDArray[Any]:
    """Lay the array into a larger one, of which it is every second or third element."""
    larger = np.zeros([length * (2 + axis % 2) + 1 for axis, length in enumerate(array.shape)], array.dtype)
    view = larger[tuple(slice(1, None, 2 + axis % 2) for axis in range(array.ndim))]
    view = view[tuple(slice(0, length) for length in array.shape)]
    view[...] = array
    return view


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _backwards_in_x(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., ::-1])[..., ::-1]


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "unaligned": _unaligned,
    "reversed": _reversed,
    "reversed columns": lambda array: _reversed(array.T).T,
    "backwards in x": _backwards_in_x,
    "sparse": _sparse,
    "read-only": _read_only,
}
"""Ways to lay the same pixels down in memory."""


def lay_out(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """Return an array with the same pixels in another layout of memory."""
    laid = LAYOUTS[layout](array)
    assert laid.shape == array.shape
    assert laid.dtype == array.dtype
    return laid


def random_image(axes: str, sizes: dict[str, int], dtype: np.dtype[Any], *, layout: str, seed: int) -> NDArray[Any]:
    """Draw an image: its axes, their sizes, its data type and its layout are given, its pixels are not."""
    return lay_out(random_pixels(tuple(sizes[letter] for letter in axes), dtype, seed), layout)


dtypes = st.sampled_from(DTYPES)
layouts = st.sampled_from(sorted(LAYOUTS))
seeds = st.integers(0, 2**63 - 1)
epochs = st.one_of(st.integers(0, 5), st.integers(0, 2**40))
