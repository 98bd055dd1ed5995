"""TorchIO: a queue of random patches of transformed images."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torchio
from works import NOISE_MEAN, PROBABILITY

from peers.peer import SCALE, Batches, Peer, Task

__all__ = ["Torchio"]

N_SUBJECTS = 4
"""How many of the images an epoch has, at most: with all of them it takes half a minute."""


class Torchio(Peer):
    """TorchIO."""

    packages: ClassVar = ("torchio",)
    works: ClassVar = frozenset({"W1", "W2", "W4"})
    setup: ClassVar = (
        "`Queue` of eight batches with a `UniformSampler`, `RandomFlip`, and a transform of our own for quarter turns, "
        "which it does not have. Subjects hold images that are normalised already, as float32; an epoch has four of "
        "them. As it is made, whole images are flipped and turned before patches are cut, so that patches of an image "
        "lie alike; Y and X are flipped independently. Workers are processes that transform images. It masks no "
        "pixels."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        self._keys = list(task.arrays)
        self._is_3d = task.is_3d
        images = [_subjects(pixels, task.is_3d) for pixels in task.arrays.values()]
        subjects = [
            torchio.Subject(dict(zip(self._keys, tensors, strict=True))) for tensors in zip(*images, strict=True)
        ]
        samples_per_volume = math.ceil(task.work.n_patches / len(subjects))
        in_plane = (1, 2) if task.is_3d else (0, 1)
        flips = torchio.RandomFlip(axes=in_plane, flip_probability=PROBABILITY)
        turns = _RandomQuarterTurns(in_plane, p=PROBABILITY)
        patch_size = task.work.patch_size if task.is_3d else (*task.work.patch_size, 1)
        queue = torchio.Queue(
            torchio.SubjectsDataset(subjects[:N_SUBJECTS], transform=torchio.Compose([flips, turns])),
            # A queue that does not hold the patches of one image is never filled.
            max_length=max(8 * task.work.batch_size, samples_per_volume),
            samples_per_volume=samples_per_volume,
            sampler=torchio.UniformSampler(patch_size),
            num_workers=n_workers,
        )
        self._loader = torchio.SubjectsLoader(queue, batch_size=task.work.batch_size, num_workers=0)

    def epoch(self) -> Batches:
        for batch in self._loader:
            tensors = [batch[key][torchio.DATA] for key in self._keys]
            yield tensors if self._is_3d else [tensor.squeeze(-1) for tensor in tensors]


class _RandomQuarterTurns(torchio.Transform):
    """Turns all images of a subject alike."""

    def __init__(self, in_plane: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._axes = tuple(axis + 1 for axis in in_plane)

    def apply_transform(self, subject: torchio.Subject) -> torchio.Subject:
        n_turns = int(torch.randint(1, 4, ()))
        for image in subject.get_images(intensity_only=False):
            image.set_data(image.data.rot90(n_turns, self._axes))
        return subject


def _subjects(pixels: Any, is_3d: bool) -> list[torchio.ScalarImage]:  # noqa: FBT001
    """Normalise images; each has a channel axis and three others."""
    tensors = torch.from_numpy(pixels).float().sub_(NOISE_MEAN).mul_(SCALE)
    return [
        torchio.ScalarImage(tensor=tensor)
        for tensor in (tensors[None, None] if is_3d else tensors[:, None, :, :, None])
    ]
