"""MONAI: cached images, several random patches of each, dictionary transforms."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import torch
from monai.data import CacheDataset, DataLoader, ThreadDataLoader, set_track_meta
from monai.transforms import (
    Compose,
    EnsureTyped,
    NormalizeIntensityd,
    RandAxisFlipd,
    RandFlipd,
    RandRotate90d,
    RandSpatialCropSamplesd,
)
from works import NOISE_MEAN, NOISE_STD, PROBABILITY

from peers.peer import Batches, Peer, Task

__all__ = ["Monai"]

IMAGES_PER_BATCH = 4
"""So that a batch mixes images, where there are several."""


class Monai(Peer):
    """MONAI."""

    packages: ClassVar = ("monai",)
    works: ClassVar = frozenset({"W1", "W2", "W4"})
    setup: ClassVar = (
        "`CacheDataset` of normalised float32 images without metadata, `RandSpatialCropSamplesd`, flips, "
        "`RandRotate90d`; a batch is patches of four images (2D) or of the volume. Without workers its "
        "`ThreadDataLoader`, as its guide to fast training has it for light transforms; else persistent processes. In "
        "3D, Y and X are flipped independently. It masks no pixels."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        set_track_meta(False)
        keys: list[Hashable] = list(task.arrays)
        volumes = [pixels[None] if task.is_3d else pixels[:, None] for pixels in task.arrays.values()]
        images = list(zip(*([volume] if task.is_3d else volume for volume in volumes), strict=True))
        images_per_batch = 1 if task.is_3d else IMAGES_PER_BATCH
        axes = (1, 2) if task.is_3d else (0, 1)
        flips = (
            [RandFlipd(keys, prob=PROBABILITY, spatial_axis=axis) for axis in axes]
            if task.is_3d
            else [RandAxisFlipd(keys, prob=PROBABILITY)]
        )
        transform = Compose(
            [
                EnsureTyped(keys, dtype=torch.float32),
                NormalizeIntensityd(keys, subtrahend=NOISE_MEAN, divisor=NOISE_STD),
                RandSpatialCropSamplesd(
                    keys, task.work.patch_size, task.work.batch_size // images_per_batch, random_size=False
                ),
                *flips,
                RandRotate90d(keys, prob=PROBABILITY, max_k=3, spatial_axes=axes),
            ]
        )
        items = [dict(zip(keys, image, strict=True)) for image in images]
        dataset = CacheDataset(items, transform, num_workers=None, progress=False, copy_cache=False)
        # Few images make short epochs, of a batch or ten: an epoch here goes through them several times.
        n_patches = len(items) * task.work.batch_size // images_per_batch
        repeated = torch.utils.data.ConcatDataset([dataset] * max(1, task.work.n_patches // n_patches))
        self._keys = keys
        settings = {"batch_size": images_per_batch, "shuffle": True}
        self._loader = (
            DataLoader(repeated, num_workers=n_workers, persistent_workers=True, **settings)
            if n_workers
            else ThreadDataLoader(repeated, num_workers=0, **settings)
        )

    def epoch(self) -> Batches:
        for batch in self._loader:
            yield [batch[key] for key in self._keys]
