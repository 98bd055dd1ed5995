"""batchgeneratorsv2: its transforms on patches of a loader of batchgenerators, the way nnU-Net puts them together."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
import torch
from batchgenerators.dataloading.data_loader import DataLoader
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from numpy.typing import NDArray
from works import NOISE_MEAN, PROBABILITY, Work

from peers.peer import SCALE, Batches, Peer, Task

__all__ = ["Batchgeneratorsv2"]

N_CACHED = 6
"""As nnU-Net has it for few processes."""


class Batchgeneratorsv2(Peer):
    """batchgeneratorsv2."""

    packages: ClassVar = ("batchgenerators", "batchgeneratorsv2")
    works: ClassVar = frozenset({"W1", "W2", "W4"})
    setup: ClassVar = (
        "A `DataLoader` of batchgenerators that cuts random patches of images kept normalised as float32, "
        "`MirrorTransform` and `Rot90Transform` on each, in a `NonDetMultiThreadedAugmenter` (its workers are "
        "processes) or a `SingleThreadedAugmenter`. Y and X are flipped independently. It masks no pixels."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        self._n_batches = -(-task.work.n_patches // task.work.batch_size)
        self._n_workers = n_workers
        # Each worker and the thread that collects have a batch in hand, besides those in the queue.
        self.n_ahead = N_CACHED + n_workers + 1 if n_workers else 0
        patches = _Patches(list(task.arrays.values()), task.work)
        # One thread of torch: in the processes it is what nnU-Net sets, and patches are too small for more.
        torch.set_num_threads(1)
        self._augmenter = (
            NonDetMultiThreadedAugmenter(patches, None, n_workers, N_CACHED, pin_memory=False)
            if n_workers
            else SingleThreadedAugmenter(patches, None)
        )

    def epoch(self) -> Batches:
        for batch in itertools.islice(self._augmenter, self._n_batches):
            yield [batch[key] for key in ("image", "regression_target") if key in batch]

    def close(self) -> None:
        if self._n_workers:
            self._augmenter._finish()


class _Patches(DataLoader):
    """Random patches of images, made into batches and augmented one by one."""

    def __init__(self, arrays: list[NDArray[Any]], work: Work) -> None:
        super().__init__(arrays, work.batch_size, num_threads_in_multithreaded=1, infinite=True)
        self._work = work
        self._images = [(pixels.astype(np.float32) - np.float32(NOISE_MEAN)) * np.float32(SCALE) for pixels in arrays]
        in_plane = tuple(range(len(work.patch_size)))[-2:]
        turns = Rot90Transform(1, (1, 2, 3), set(in_plane))
        self._transform = ComposeTransforms([MirrorTransform(in_plane), RandomTransform(turns, PROBABILITY)])

    def generate_train_batch(self) -> dict[str, torch.Tensor]:
        items = [self._item() for _ in range(self.batch_size)]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _item(self) -> dict[str, torch.Tensor]:
        # Samples of one image each in 2D, one volume in 3D: what is left of the axes after those of the patch.
        shape, size = self._images[0].shape, self._work.patch_size
        size = (1,) * (len(shape) - len(size)) + size
        spans = np.subtract(shape, size) + 1
        corner = np.random.randint(0, spans)  # noqa: NPY002  # what its workers seed
        window = tuple(slice(first, first + extent) for first, extent in zip(corner, size, strict=True))
        names = ("image", "regression_target")[: len(self._images)]
        patches = (torch.from_numpy(image[window].reshape(self._work.patch_shape)) for image in self._images)
        item: dict[str, torch.Tensor] = self._transform(**dict(zip(names, patches, strict=True)))
        return item
