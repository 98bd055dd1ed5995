"""Configurations and datasets to test, and what they should yield."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.dataset import InMemoryDataset
from tests.images import random_pixels
from tests.oracles.item import Dataset, Masking
from tests.oracles.split import split

Batch = Sequence[torch.Tensor]


def data_config(axes: str = "YX", *, masking: Masking | None = None, **settings: Any) -> DataConfig:
    """Configure arrays with flips, quarter turns and, if asked for, masking."""
    transforms: list[Any] = [XYFlipConfig(), XYRandomRotate90Config()]
    if masking is not None:
        transforms.append(
            N2VManipulateConfig(
                strategy=masking.strategy,
                roi_size=masking.roi_size,
                masked_pixel_percentage=masking.percentage,
                struct_mask_axis=masking.struct_axis,
                struct_mask_span=masking.struct_span,
            )
        )
    patch_size = [8, 16, 16] if "Z" in axes else [16, 16]
    defaults = {"data_type": "array", "patch_size": patch_size, "transforms": transforms, "seed": 42}
    return DataConfig(axes=axes, **{**defaults, **settings})


def noise(shape: tuple[int, ...], dtype: Any = np.uint16, seed: int = 0) -> NDArray[Any]:
    """Draw an image whose pixels differ everywhere."""
    return random_pixels(shape, np.dtype(dtype), seed)


def oracle(
    config: DataConfig,
    images: list[NDArray[Any]],
    targets: list[NDArray[Any]] | None = None,
    *,
    part: str | None = None,
    percentage: float = 0.1,
    minimum: int = 1,
) -> Dataset:
    """Return the oracle of a dataset: of a whole one, or of the "training" or "validation" part of a split one.

    The configuration must hold the statistics.
    """
    flips = [transform for transform in config.transforms if isinstance(transform, XYFlipConfig)]
    turns = [transform for transform in config.transforms if isinstance(transform, XYRandomRotate90Config)]
    masks = [transform for transform in config.transforms if isinstance(transform, N2VManipulateConfig)]
    patch = tuple(config.patch_size) if len(config.patch_size) == 3 else (1, *config.patch_size)
    expected = Dataset(
        images=images,
        axes=config.axes,
        patch=patch,
        normalization=_normalization(config.image_means, config.image_stds),
        seed=config.seed,
        targets=targets,
        target_normalization=_normalization(config.target_means, config.target_stds) if targets else [],
        patching=config.patching or "sequential",
        flipped_axes=[axis for flip in flips for axis, on in ((-2, flip.flip_y), (-1, flip.flip_x)) if on],
        flip_p=flips[0].p if flips else 0.0,
        rotation_p=turns[0].p if turns else 0.0,
        masking=_masking(masks[0]) if masks else None,
    )
    if part is not None:
        parts = split(expected.sizes, patch, percentage=percentage, minimum=minimum, seed=config.seed)
        expected.is_validation = part == "validation"
        expected.regions = parts.validation if part == "validation" else parts.training
        expected.validation = parts.validation
        if part == "validation":
            expected.patching = "sequential"
    return expected


def _masking(config: N2VManipulateConfig) -> Masking:
    return Masking(
        config.strategy,
        config.roi_size,
        config.masked_pixel_percentage,
        config.struct_mask_axis,
        config.struct_mask_span,
    )


def _normalization(means: list[float] | None, stds: list[float] | None) -> list[tuple[float, float]]:
    assert means is not None
    assert stds is not None
    return [(mean, 1 / (std + 1e-6)) for mean, std in zip(means, stds, strict=True)]


def assert_is_item(found: Sequence[Any], expected: tuple[NDArray[Any], ...]) -> None:
    """Assert that an item is the oracle's, byte for byte; a 2D item has no Z axis."""
    assert len(found) == len(expected)
    for array, wanted in zip(found, expected, strict=True):
        assert array.dtype == wanted.dtype
        assert array.shape in (wanted.shape, (wanted.shape[0], *wanted.shape[2:]))
        assert np.asarray(array).tobytes() == wanted.tobytes()


def assert_is_the_oracle(dataset: InMemoryDataset, expected: Dataset, *, epochs: Iterable[int] = (0,)) -> None:
    """Assert that some items of a dataset are the oracle's, the first and the last among them."""
    assert len(dataset) == len(expected)
    step = max(len(dataset) // 12, 1)
    for epoch in epochs:
        dataset.epoch = epoch
        for index in {*range(0, len(dataset), step), len(dataset) - 1}:
            assert_is_item(dataset[index], expected.item(index, epoch))
    dataset.epoch = 0


def copied(batches: Iterable[Batch]) -> list[tuple[bytes, ...]]:
    """Return the bytes of batches, copied while they are handed out."""
    return [as_bytes(batch) for batch in batches]


def as_bytes(batch: Batch) -> tuple[bytes, ...]:
    return tuple(tensor.numpy().tobytes() for tensor in batch)


def epochs(loader: Iterable[Batch], n_epochs: int) -> list[list[tuple[bytes, ...]]]:
    """Return the bytes of the batches of several epochs."""
    return [copied(loader) for _ in range(n_epochs)]
