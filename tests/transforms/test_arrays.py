"""Transforms of tensors are those of arrays with the same pixels, and tensors again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from patchmill.config import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.errors import DataError, DtypeError
from patchmill.transforms import Compose, Denormalize, N2VManipulate, Normalize, XYFlip, XYRandomRotate90

NORMALIZE = NormalizeConfig(image_means=[3.0, 4.0], image_stds=[0.5, 2.0])
CALLS: dict[str, Callable[[Any], Any]] = {
    "Normalize": lambda patch: Normalize([3.0, 4.0], [0.5, 2.0])(patch)[0],
    "Denormalize": lambda patch: Denormalize([3.0, 4.0], [0.5, 2.0])(patch[None]),
    "XYFlip": lambda patch: XYFlip(p=1, seed=1)(patch, item=1)[0],
    "XYRandomRotate90": lambda patch: XYRandomRotate90(p=1, seed=1)(patch, item=1)[0],
    "N2VManipulate": lambda patch: N2VManipulate(masked_pixel_percentage=10, seed=1)(patch, item=1),
    "Compose": lambda patch: Compose(
        [NORMALIZE, XYFlipConfig(), XYRandomRotate90Config(), N2VManipulateConfig(masked_pixel_percentage=10)], seed=1
    )(patch, item=1),
}
"""Calls that return arrays, whether in a tuple or not."""


def pixels(dtype: Any = np.float32) -> np.ndarray:
    return np.arange(2 * 12 * 12).reshape(2, 12, 12).astype(dtype)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_a_tensor_comes_back_with_the_pixels_of_the_array(name: str, dtype: Any, is_transposed: bool) -> None:
    array, tensor = pixels(dtype), torch.from_numpy(pixels(dtype))
    if is_transposed:
        array, tensor = array.swapaxes(1, 2), tensor.swapaxes(1, 2)
    expected, found = CALLS[name](array), CALLS[name](tensor)
    for one, other in zip(
        expected if isinstance(expected, tuple) else (expected,),
        found if isinstance(found, tuple) else (found,),
        strict=True,
    ):
        assert isinstance(one, np.ndarray)
        assert isinstance(other, torch.Tensor)
        assert other.is_contiguous()
        assert one.dtype == other.numpy().dtype
        assert one.tobytes() == other.numpy().tobytes()
    assert array.tobytes() == tensor.numpy().tobytes()
    assert array.tobytes() == (pixels(dtype).swapaxes(1, 2) if is_transposed else pixels(dtype)).tobytes()


def test_arrays_of_either_kind_may_come_together() -> None:
    patch, target, other = XYFlip(p=1, seed=1)(torch.from_numpy(pixels()), pixels(), third=torch.from_numpy(pixels()))
    assert isinstance(patch, torch.Tensor)
    assert isinstance(target, np.ndarray)
    assert isinstance(other["third"], torch.Tensor)
    np.testing.assert_array_equal(patch.numpy(), target)


@pytest.mark.parametrize("name", CALLS)
def test_a_tensor_that_requires_a_gradient_is_refused(name: str) -> None:
    tensor = torch.from_numpy(pixels()).requires_grad_()
    with pytest.raises(DataError, match="patch: expected a tensor without a gradient"):
        CALLS[name](tensor)


@pytest.mark.parametrize("name", CALLS)
def test_a_tensor_of_a_type_that_numpy_has_not_is_refused(name: str) -> None:
    with pytest.raises(DtypeError, match=r"patch: .* got torch\.bfloat16\. Call float\(\) on it first"):
        CALLS[name](torch.from_numpy(pixels()).to(torch.bfloat16))


@pytest.mark.parametrize("name", ["Normalize", "Denormalize", "N2VManipulate", "Compose"])
@pytest.mark.parametrize("dtype", [np.complex64, object, "datetime64[s]"])
def test_pixels_that_are_no_real_numbers_are_refused(name: str, dtype: Any) -> None:
    with pytest.raises(DtypeError, match="patch: expected"):
        CALLS[name](pixels(np.int64).astype(dtype))
