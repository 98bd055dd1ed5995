"""What all datasets of planned patches share: a configuration, a recipe, and a plan that may be split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from patchmill._core import Plan
from patchmill.config import Configuration, DataConfig
from patchmill.dataset.recipe import Recipe
from patchmill.errors import ConfigError
from patchmill.patching import Patching, create_plan, split_plan
from patchmill.sources import ImageLike, Statistics

__all__ = ["Item", "PlannedDataset", "checked_copy"]

Item = tuple[NDArray[Any], ...]
"""What a dataset gives: the arrays of a patch, C(Z)YX."""

_N_HASHED = 8
"""How many items a digest is of."""


def checked_copy(data_config: DataConfig) -> DataConfig:
    """Copy a configuration for a dataset of its own.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    if not isinstance(data_config, DataConfig):
        got = type(data_config).__qualname__
        advice = "Give its data_config" if isinstance(data_config, Configuration) else "Create one"
        msg = f"data_config: expected a DataConfig, got {got}. {advice}."
        raise ConfigError(msg)
    return data_config.checked_copy()


class PlannedDataset(Dataset[Item]):
    """Patches whose regions a plan computes, and which are made as a recipe says.

    Parameters
    ----------
    recipe : Recipe
        What is done to the patches.
    sizes : sequence of Image or ImageHeader
        The images, as the plan sees them.
    patching : {"sequential", "random", "fixed_random", "stratified"}
        Which patches an epoch has.
    kept : numpy.ndarray of uint64, optional
        The cells of the sequential grid that a filter keeps; all of them if None.
    """

    def __init__(
        self, recipe: Recipe, sizes: Sequence[ImageLike], patching: Patching, kept: NDArray[np.uint64] | None
    ) -> None:
        self._recipe = recipe
        self._sizes = sizes
        self._patching = patching
        self._kept = kept
        self._split: tuple[float, int] | None = None
        self._plan = self._create_plan()

    def __len__(self) -> int:
        return len(self._plan)

    @property
    def data_config(self) -> DataConfig:
        """The configuration with all statistics."""
        return self._recipe.data_config

    @property
    def n_channels(self) -> int:
        """The number of channels of the images."""
        return self._recipe.n_channels

    @property
    def n_target_channels(self) -> int | None:
        """The number of channels of the targets; None without targets."""
        return self._recipe.n_target_channels

    @property
    def patching(self) -> Patching:
        """Which patches an epoch has; of validation, before any split."""
        return self._patching

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.data_config.seed

    @property
    def fixed_epoch(self) -> int | None:
        """The epoch that every epoch is: 0 for validation, None for training."""
        return self._recipe.fixed_epoch

    @property
    def item_layout(self) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        """The shape, C(Z)YX, and the data type of each array of an item."""
        return self._recipe.item_layout

    @property
    def image_stats(self) -> Statistics:
        """The means and standard deviations of the images; empty where they are normalised by others."""
        return Statistics(tuple(self.data_config.image_means or ()), tuple(self.data_config.image_stds or ()))

    @property
    def target_stats(self) -> Statistics:
        """The same of the targets."""
        return Statistics(tuple(self.data_config.target_means or ()), tuple(self.data_config.target_stds or ()))

    def _digest(self, mill: Any, first: int, end: int) -> str:
        """Hash a few of the items from `first` to `end` as they are in epoch 0, spread evenly."""
        numbers = np.unique(np.linspace(first, end - 1, _N_HASHED, dtype=np.int64))
        items = np.stack([numbers, np.zeros_like(numbers)], axis=1)
        outputs = tuple(np.empty((len(items), *shape), dtype) for shape, dtype in self.item_layout)
        mill.submit(items, outputs, seed=self.seed, num_threads=1).wait()
        digest = hashlib.sha256()
        for output in outputs:
            digest.update(output.tobytes())
        return digest.hexdigest()[:16]

    def get_data_statistics(self) -> tuple[list[float], list[float]]:
        """Return the mean and the standard deviation of each channel of the images.

        Returns
        -------
        means, stds : list of float
            The statistics; empty where the images are normalised by others.
        """
        return list(self.data_config.image_means or []), list(self.data_config.image_stds or [])

    def _split_patches(self, validation: PlannedDataset, percentage: float, minimum: int) -> None:
        """Give some of the patches to a copy of this dataset, and keep those that share no pixel with them."""
        if self._split is not None:
            msg = "split_dataset: expected a dataset that is whole, got one that was split. Split it once only."
            raise ConfigError(msg)
        split = split_plan(self._plan, percentage=percentage, minimum=minimum, seed=self.seed)
        split.report()
        self._split = validation._split = (percentage, minimum)
        self._plan, validation._plan = split.training, split.validation

    def _as_validation(self) -> Any:
        """Return a copy for validation, with a configuration of its own."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        config = self.data_config.model_copy(deep=True)
        copy._recipe = Recipe(config, self.n_channels, self.n_target_channels, is_validation=True)
        return copy

    def _create_plan(self) -> Plan:
        plan = create_plan(self._sizes, self.data_config.patch_size, self._patching, kept=self._kept)
        if self._split is None:
            return plan
        percentage, minimum = self._split
        split = split_plan(plan, percentage=percentage, minimum=minimum, seed=self.seed)
        return split.validation if self._recipe.is_validation else split.training

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_plan"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._plan = self._create_plan()
