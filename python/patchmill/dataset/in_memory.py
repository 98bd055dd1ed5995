"""The dataset of images that are at hand: in memory, or mapped from files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, get_worker_info

from patchmill._core import Augmentation, Batch, N2vManipulate, PatchDataset, default_num_threads
from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.errors import ConfigError, PairError, ShapeError
from patchmill.patching import Split, create_plan, split_plan
from patchmill.sources import Image, Statistics, compute_statistics, open_images

__all__ = ["InMemoryDataset"]

Item = tuple[NDArray[Any], ...]


class InMemoryDataset(Dataset[Item]):
    """Patches of images, cut, normalised and augmented when they are asked for.

    Nothing is stored but the images themselves: arrays are referenced, plain TIFF files mapped. An item is a pure
    function of the seed, the epoch and its index.

    Items are tuples of arrays of the shape C(Z)YX: ``(masked, original, mask)`` if the last transform is
    `N2VManipulateConfig` (float32, float32, uint8), ``(input, target)`` with targets, else ``(patch,)``.

    Parameters
    ----------
    data_config : DataConfig
        What the patches are. It is copied; statistics that it does not have are computed and set in the copy.
    inputs : numpy.ndarray, path, or a sequence of either
        The images, as `DataConfig.data_type` says.
    input_target : the same, optional
        The targets, one per image, of the same samples and size; their channels may differ.
    validation : bool, default=False
        Whether to leave the patches as they lie, and mask the same pixels in every epoch.

    Attributes
    ----------
    data_config : DataConfig
        The configuration with all statistics.
    epoch : int
        The epoch of items that are asked for by a plain int.

    Raises
    ------
    PatchmillError
        If the data cannot be trained on; see `patchmill.errors`.
    """

    def __init__(
        self, data_config: DataConfig, inputs: Any, input_target: Any = None, *, validation: bool = False
    ) -> None:
        self.data_config = data_config.model_copy(deep=True)
        self.epoch = 0
        self._is_validation = validation
        self._images = open_images(inputs, data_config.data_type, data_config.axes)
        self._targets: list[Image] | None = None
        if input_target is not None:
            if data_config.masks_pixels:
                msg = "targets: expected none for Noise2Void, got some. Use CARE or Noise2Noise, or leave them out."
                raise ConfigError(msg)
            self._targets = open_images(input_target, data_config.data_type, data_config.axes)
            _check_pairs(self._images, self._targets)
        self._set_statistics()
        self._plan = create_plan(self._images, data_config.patch_size, data_config.patching)
        self._split: tuple[float, int] | None = None
        self._core = self._create_core()

    def _set_statistics(self) -> None:
        config = self.data_config
        image_stats = _statistics(self._images, config.image_means, config.image_stds)
        target_stats = _statistics(self._targets, config.target_means, config.target_stds) if self._targets else None
        self.data_config.set_means_and_stds(
            image_stats.means,
            image_stats.stds,
            target_stats.means if target_stats else config.target_means,
            target_stats.stds if target_stats else config.target_stds,
        )

    @property
    def image_stats(self) -> Statistics:
        """The statistics that the images are normalised by."""
        return Statistics(tuple(self.data_config.image_means or ()), tuple(self.data_config.image_stds or ()))

    @property
    def target_stats(self) -> Statistics:
        """The statistics that the targets are normalised by; empty without targets."""
        return Statistics(tuple(self.data_config.target_means or ()), tuple(self.data_config.target_stds or ()))

    @property
    def n_channels(self) -> int:
        """The number of channels of the images."""
        return self._images[0].n_channels

    @property
    def n_target_channels(self) -> int | None:
        """The number of channels of the targets; None without targets."""
        return self._targets[0].n_channels if self._targets else None

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.data_config.seed

    @property
    def fixed_epoch(self) -> int | None:
        """The epoch that every epoch is: 0 for validation, None for training."""
        return 0 if self._is_validation else None

    @property
    def item_layout(self) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        """The shape, C(Z)YX, and the data type of each array of an item."""
        shape = (self.n_channels, *self.data_config.patch_size)
        float32, uint8 = np.dtype(np.float32), np.dtype(np.uint8)
        if self.data_config.masks_pixels:
            return [(shape, float32), (shape, float32), (shape, uint8)]
        if self._targets:
            return [(shape, float32), ((self._targets[0].n_channels, *shape[1:]), float32)]
        return [(shape, float32)]

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Return several items, made together: views of one buffer.

        Parameters
        ----------
        indices : sequence of int
            Their indices. One with an attribute `epoch`, as `PatchSampler` yields it, is of that epoch; a plain int is
            of the dataset's.

        Returns
        -------
        list of tuple of numpy.ndarray
            The items.
        """
        n_items = len(self)
        items = np.array(
            [(index if index >= 0 else index + n_items, getattr(index, "epoch", self.epoch)) for index in indices],
            dtype=np.int64,
        )
        outputs = tuple(np.empty((len(items), *shape), dtype) for shape, dtype in self.item_layout)
        # A worker of a torch DataLoader is one of several processes that share the cores.
        num_threads = default_num_threads() if get_worker_info() is None else 1
        self.submit(items.reshape(-1, 2), outputs, seed=self.seed, num_threads=num_threads).wait()
        return list(zip(*outputs, strict=True))

    def submit(
        self, items: NDArray[np.int64], outputs: tuple[NDArray[Any], ...], *, seed: int, num_threads: int
    ) -> Batch:
        """Begin to fill arrays with items, in the background.

        Parameters
        ----------
        items : numpy.ndarray (n, 2)
            Rows of index and epoch.
        outputs : tuple of numpy.ndarray
            One array for each of `item_layout`, with n items each. They must not be touched before the batch is done.
        seed : int
            The seed of all draws.
        num_threads : int
            The number of threads of the pool that fills them.

        Returns
        -------
        Batch
            Its `wait` returns when the batch is done.
        """
        return self._core.submit(items, outputs, seed=seed, num_threads=num_threads)

    def split_dataset(self, percentage: float = 0.1, minimum_patches: int = 1) -> InMemoryDataset:
        """Give some of the patches to a validation dataset, and keep those that share no pixel with them.

        Parameters
        ----------
        percentage : float, default=0.1
            The share of the patches that is given away, 0 to 1.
        minimum_patches : int, default=1
            The least number of patches given away; lowered, with a warning, where it would be most of them.

        Returns
        -------
        InMemoryDataset
            The validation dataset, over the same images.

        Raises
        ------
        ConfigError
            If the dataset was split before, or an argument is out of range.
        ShapeError
            If nothing is left to train on.
        """
        if self._split is not None:
            msg = "split_dataset: expected a dataset that is whole, got one that was split. Split it once only."
            raise ConfigError(msg)
        split = self._split_plan(percentage, minimum_patches)
        split.report()
        self._split = (percentage, minimum_patches)
        validation = InMemoryDataset.__new__(InMemoryDataset)
        validation.__dict__.update(self.__dict__, _is_validation=True)
        validation.data_config = self.data_config.model_copy(deep=True)
        self._plan, validation._plan = split.training, split.validation
        self._core, validation._core = self._create_core(), validation._create_core()
        return validation

    def _split_plan(self, percentage: float, minimum: int) -> Split:
        config = self.data_config
        plan = create_plan(self._images, config.patch_size, config.patching)
        return split_plan(plan, percentage=percentage, minimum=minimum, seed=config.seed)

    def _create_core(self) -> PatchDataset:
        config = self.data_config
        return PatchDataset(
            [(image.name, image.pixels) for image in self._images],
            self.image_stats.normalization,
            self._plan,
            targets=[(image.name, image.pixels) for image in self._targets] if self._targets else None,
            target_normalization=self.target_stats.normalization if self._targets else None,
            n2v_manipulate=_n2v_manipulate(config),
            augmentation=None if self._is_validation else _augmentation(config),
            fixed_epoch=self.fixed_epoch,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_core", "_plan")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._split is None:
            self._plan = create_plan(self._images, self.data_config.patch_size, self.data_config.patching)
        else:
            split = self._split_plan(*self._split)
            self._plan = split.validation if self._is_validation else split.training
        self._core = self._create_core()


def _statistics(images: list[Image], means: list[float] | None, stds: list[float] | None) -> Statistics:
    """Return the given statistics, or those of the images; either way no pixel of the images is NaN or infinite."""
    if means is None or stds is None:
        return compute_statistics(images)
    if any(image.dtype.kind == "f" or image.dtype.itemsize == 8 for image in images):
        compute_statistics(images)
    if len(means) != images[0].n_channels:
        msg = (
            f"{images[0].name}: expected {len(means)} channels, one per given mean, got {images[0].n_channels}. "
            "Give one mean and one standard deviation per channel, or none to have them computed."
        )
        raise ShapeError(msg)
    return Statistics(tuple(means), tuple(stds))


def _augmentation(config: DataConfig) -> Augmentation:
    flips = [transform for transform in config.transforms if isinstance(transform, XYFlipConfig)]
    turns = [transform for transform in config.transforms if isinstance(transform, XYRandomRotate90Config)]
    return Augmentation(
        flip_y=any(flip.flip_y for flip in flips),
        flip_x=any(flip.flip_x for flip in flips),
        flip_probability=flips[0].p if flips else 0.0,
        rotation_probability=turns[0].p if turns else 0.0,
    )


def _n2v_manipulate(config: DataConfig) -> N2vManipulate | None:
    if not config.masks_pixels:
        return None
    transform = config.transforms[-1]
    assert isinstance(transform, N2VManipulateConfig)
    return N2vManipulate(
        strategy=transform.strategy,
        roi_size=transform.roi_size,
        masked_pixel_percentage=transform.masked_pixel_percentage,
        is_3d=len(config.patch_size) == 3,
    )


def _check_pairs(images: list[Image], targets: list[Image]) -> None:
    if len(images) != len(targets):
        msg = (
            f"targets: expected {len(images)}, one per image, got {len(targets)} "
            f"({_names(images)} against {_names(targets)}). Give every image a target."
        )
        raise PairError(msg)
    for image, target in zip(images, targets, strict=True):
        if (image.n_samples, image.size_zyx) != (target.n_samples, target.size_zyx):
            msg = (
                f"{target.name}: expected the {image.n_samples} samples of {image.size_zyx} pixels (ZYX) of "
                f"{image.name}, got {target.n_samples} of {target.size_zyx}. A target covers the pixels of its image."
            )
            raise ShapeError(msg)


def _names(images: list[Image]) -> str:
    names = [os.fspath(image.name) for image in images]
    return ", ".join(names if len(names) <= 3 else [*names[:3], "..."])
