"""The dataset of images that are at hand: in memory, or mapped from files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from patchmill._core import Batch, PatchDataset, default_num_threads
from patchmill.config import DataConfig
from patchmill.dataset.masks import check_masks_are_used, open_masks
from patchmill.dataset.planned import Item, PlannedDataset, checked_copy
from patchmill.dataset.recipe import Recipe, check_targets_are_allowed
from patchmill.patching import kept_cells
from patchmill.sources import Image, ReadFunction, complete_statistics, open_image_pairs, open_images

__all__ = ["InMemoryDataset"]

logger = logging.getLogger("patchmill")


class InMemoryDataset(PlannedDataset):
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
    read_source_func : callable, optional
        What reads files of the data type "custom": called with a path and the axes, or with the path alone.
    extension_filter : str, default=""
        Which files of a folder are read then, such as ``"*.npy"``.
    filter_masks : numpy.ndarray, path, or a sequence of either, optional
        The masks of `MaskPatchFilterConfig`, one per image, in the axes of the images without C.
    validation : bool, default=False
        Whether to leave the patches as they lie, keep all of them, and mask the same pixels in every epoch.

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
        self,
        data_config: DataConfig,
        inputs: Any,
        input_target: Any = None,
        read_source_func: ReadFunction | None = None,
        *,
        extension_filter: str = "",
        filter_masks: Any = None,
        validation: bool = False,
    ) -> None:
        config = checked_copy(data_config)
        self.epoch = 0
        self._plain_epoch = 0
        self._n_plain: int | None = 0
        files: dict[str, Any] = {"read_source_func": read_source_func, "extension_filter": extension_filter}
        how = {**files, "channels": config.channels, "on_error": config.on_error}
        self._targets: list[Image] | None = None
        if input_target is None:
            self._images = open_images(inputs, config.data_type, config.axes, **how)
        else:
            check_targets_are_allowed(config)
            self._images, self._targets = open_image_pairs(inputs, input_target, config.data_type, config.axes, **how)
        complete_statistics(config, self._images, "input")
        if self._targets:
            complete_statistics(config, self._targets, "target")
        check_masks_are_used(config, filter_masks)
        kept = None
        if config.patch_filter is not None and not validation:
            masks = None
            if filter_masks is not None:
                masks = open_masks(filter_masks, config, inputs, self._images, **files)
            kept = kept_cells(self._images, config.patch_size, config.patch_filter, masks)
        n_target_channels = self._targets[0].n_channels if self._targets else None
        recipe = Recipe(config, self._images[0].n_channels, n_target_channels, is_validation=validation)
        super().__init__(recipe, self._images, config.patching or "sequential", kept)
        self._core = self._create_core()

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
        self._count_plain(indices)
        items = np.array(
            [(index if index >= 0 else index + n_items, getattr(index, "epoch", self.epoch)) for index in indices],
            dtype=np.int64,
        )
        outputs = tuple(np.empty((len(items), *shape), dtype) for shape, dtype in self.item_layout)
        # A worker of a torch DataLoader is one of several processes that share the cores.
        num_threads = default_num_threads() if get_worker_info() is None else 1
        self.submit(items.reshape(-1, 2), outputs, seed=self.seed, num_threads=num_threads).wait()
        return list(zip(*outputs, strict=True))

    def _count_plain(self, indices: Sequence[int]) -> None:
        """Say once that a loop sees the same draws again: plain numbers do not tell one epoch from the next."""
        if self.fixed_epoch is not None or self._n_plain is None:
            return
        n_plain = sum(not hasattr(index, "epoch") for index in indices)
        if not n_plain:
            return
        if self.epoch != self._plain_epoch:
            self._plain_epoch, self._n_plain = self.epoch, 0
        if self._n_plain >= len(self):
            self._n_plain = None
            logger.warning(
                "more than the %d items of epoch %d: regions, orientations and masks come again. Give the loader "
                "sampler=PatchSampler(dataset), or set dataset.epoch, for others in every epoch.",
                len(self),
                self.epoch,
            )
            return
        self._n_plain += n_plain

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

    def fingerprint(self) -> str:
        """Return a digest of a few items: those of other images, statistics or settings have another one."""
        return self._digest(self, 0, len(self))

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
        validation: InMemoryDataset = self._as_validation()
        self._split_patches(validation, percentage, minimum_patches)
        self._core, validation._core = self._create_core(), validation._create_core()
        return validation

    def _create_core(self) -> PatchDataset:
        return self._recipe.create_core(self._images, self._targets, self._plan)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_core"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._core = self._create_core()
