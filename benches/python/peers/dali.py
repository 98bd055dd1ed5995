"""NVIDIA DALI without a GPU: a pipeline of its operators, given images in memory."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator
from works import NOISE_MEAN, NOISE_STD

from peers.peer import Batches, Peer, Task, draw_orientations

__all__ = ["Dali"]


class Dali(Peer):
    """DALI."""

    packages: ClassVar = ("nvidia-dali-cuda120",)
    works: ClassVar = frozenset({"W1", "W2", "W4"})
    workers: ClassVar = (1, 2)
    setup: ClassVar = (
        "On the CPU: `external_source` without a copy, `slice`, `crop_mirror_normalize`, `flip` and a conditional "
        "`transpose`, in a `DALIGenericIterator`; random patches. Corners and orientations are drawn by NumPy, a batch "
        "at a time. Workers are its threads. It masks no pixels."
    )

    n_ahead = 2

    def __init__(self, task: Task, n_workers: int) -> None:
        self._names = list(task.arrays)
        self._n_batches = -(-task.work.n_patches // task.work.batch_size)
        samples = _Samples(task)
        pipeline = _pipeline(
            samples,
            batch_size=task.work.batch_size,
            num_threads=n_workers,
            device_id=None,
            prefetch_queue_depth=self.n_ahead,
        )
        self._iterator = DALIGenericIterator([pipeline], self._names, size=-1)

    def epoch(self) -> Batches:
        for (batch,) in itertools.islice(self._iterator, self._n_batches):
            yield [batch[name] for name in self._names]


class _Samples:
    """What the pipeline asks for: whole images, and where and how to cut them."""

    def __init__(self, task: Task) -> None:
        self.is_3d = task.is_3d
        self.n_images = len(task.arrays)
        self.patch_size = task.work.patch_size
        self._size = task.work.batch_size
        self._images = [list(pixels[None] if task.is_3d else pixels) for pixels in task.arrays.values()]
        self._images = [[image[..., np.newaxis] for image in images] for images in self._images]
        self._spans = np.array(self._images[0][0].shape[:-1]) - self.patch_size + 1
        self._rng = np.random.default_rng(0)

    def __call__(self) -> tuple[Any, ...]:
        which = self._rng.integers(len(self._images[0]), size=self._size)
        corners = self._rng.integers(self._spans, size=(self._size, len(self._spans))).astype(np.int32)
        transpose, flip_y, flip_x = draw_orientations(self._size, self._rng).astype(np.int32).T.copy()
        images = [[images[index] for index in which] for images in self._images]
        return (*images, corners, transpose, flip_y, flip_x)


@pipeline_def(enable_conditionals=True)
def _pipeline(samples: _Samples) -> Any:
    *images, corner, transpose, flip_y, flip_x = fn.external_source(
        samples, num_outputs=samples.n_images + 4, batch=True, no_copy=True
    )
    return tuple(_cut(image, samples, corner, transpose, flip_y, flip_x) for image in images)


def _cut(image: Any, samples: _Samples, corner: Any, transpose: Any, flip_y: Any, flip_x: Any) -> Any:
    axes = list(range(len(samples.patch_size)))
    patch = fn.slice(image, corner, list(samples.patch_size), axes=axes)
    patch = fn.reinterpret(patch, layout="DHWC" if samples.is_3d else "HWC")
    patch = fn.crop_mirror_normalize(
        patch,
        mirror=flip_x,
        mean=[NOISE_MEAN],
        std=[NOISE_STD],
        dtype=types.FLOAT,
        output_layout="CDHW" if samples.is_3d else "CHW",
    )
    patch = fn.flip(patch, horizontal=0, vertical=flip_y)
    if transpose != 0:
        patch = fn.transpose(patch, perm=[0, 1, 3, 2] if samples.is_3d else [0, 2, 1], transpose_layout=False)
    return patch
