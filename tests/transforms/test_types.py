"""What a type checker is told that transforms return is what they return."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from patchmill.config import N2VManipulateConfig, NormalizeConfig
from patchmill.transforms import Compose, Denormalize, N2VManipulate, Normalize

PATCH = np.arange(400, dtype=np.uint16).reshape(1, 20, 20)
STATISTICS = {"image_means": [100.0], "image_stds": [30.0], "target_means": [1.0], "target_stds": [2.0]}
NORMALIZE, MASK = NormalizeConfig(**STATISTICS), N2VManipulateConfig(roi_size=5, masked_pixel_percentage=5)

CALLS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "Normalize": (Normalize.__call__, lambda patch: Normalize(**STATISTICS)(patch, patch, other=patch)),
    "Denormalize": (Denormalize.__call__, lambda patch: Denormalize([1.0], [2.0])(patch[None])),
    "N2VManipulate": (N2VManipulate.__call__, N2VManipulate(MASK)),
    "Compose": (Compose.__call__, Compose([NORMALIZE, MASK])),
    "Compose, more arrays": (
        Compose.transform_with_additional_arrays,
        lambda patch: Compose([NORMALIZE]).transform_with_additional_arrays(patch, patch, other=patch),
    ),
}


def leaves(annotation: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """Pair the annotations of arrays with the arrays."""
    arguments = typing.get_args(annotation)
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(arguments[1], part)
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from leaves(arguments[0 if arguments[-1] is ... else number], part)
    else:
        yield (arguments[0] if type(None) in arguments else annotation), value


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("is_tensor", [False, True])
def test_what_is_returned_is_what_is_annotated(name: str, is_tensor: bool) -> None:
    function, call = CALLS[name]
    of_arrays, of_tensors = (
        typing.get_type_hints(overload, localns={"torch": torch}) for overload in typing.get_overloads(function)
    )
    hints = of_tensors if is_tensor else of_arrays
    patch = torch.from_numpy(PATCH.astype(np.int32)) if is_tensor else PATCH
    assert hints["patch"] == (torch.Tensor if is_tensor else NDArray[Any])
    for annotation, array in leaves(hints["return"], call(patch)):
        if is_tensor:
            assert annotation is torch.Tensor
            assert isinstance(array, torch.Tensor)
        else:
            kinds = (
                (NDArray[Any], NDArray[array.dtype.type])
                if name.startswith("Compose")
                else (NDArray[array.dtype.type],)
            )
            assert annotation in kinds
