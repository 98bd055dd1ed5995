"""The data module: from what the user has to loaders for training and validation."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import torch
from torch.utils.data import DataLoader

from patchmill.config import DataConfig
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.loader_params import create_loader
from patchmill.errors import ConfigError
from patchmill.sources import are_open, check_data_type, list_files, pair_files

__all__ = ["TrainDataModule"]

logger = logging.getLogger(__name__)


class TrainDataModule:
    """Data for training and validation.

    Call `prepare_data`, then `setup`, then ask for the loaders.

    Parameters
    ----------
    data_config : DataConfig
        What the patches are. It is copied.
    train_data : numpy.ndarray, path, or a sequence of either
        The images: arrays for the data type "array"; a TIFF file, a folder of them, or several, for "tiff".
    val_data : the same, optional
        Images for validation. Without them, some of the patches are kept for it.
    train_data_target, val_data_target : the same, optional
        The targets, paired with the images by their order (arrays) or by their paths below the folder (files).
    val_percentage : float, default=0.1
        The share of the patches that is kept for validation, if there is no `val_data`.
    val_minimum_split : int, default=5
        The least number of patches kept for it.

    Attributes
    ----------
    data_config : DataConfig
        The copy; `setup` sets the statistics that it does not have.
    train_dataset, val_dataset : InMemoryDataset
        The datasets, after `setup`.
    """

    train_dataset: InMemoryDataset
    val_dataset: InMemoryDataset

    def __init__(
        self,
        data_config: DataConfig,
        train_data: Any,
        val_data: Any = None,
        train_data_target: Any = None,
        val_data_target: Any = None,
        *,
        val_percentage: float = 0.1,
        val_minimum_split: int = 5,
    ) -> None:
        if (train_data_target is None) != (val_data_target is None) and val_data is not None:
            msg = "val_data: expected targets for training and for validation, or for neither, got one of them."
            raise ConfigError(msg)
        if val_data is None and val_data_target is not None:
            msg = "val_data_target: expected val_data with it, got None. Give both, or neither."
            raise ConfigError(msg)
        self.data_config = data_config.checked_copy()
        self._data = {"train": (train_data, train_data_target), "val": (val_data, val_data_target)}
        self._listed: dict[str, tuple[Any, Any]] | None = None
        self._val_percentage = val_percentage
        self._val_minimum_split = val_minimum_split

    def prepare_data(self) -> None:
        """List the files, and check that inputs and targets belong together.

        Raises
        ------
        ConfigError, DtypeError
            If the data is not what the data type says.
        MissingFileError
            If a file is not there, or a folder holds none.
        PairError
            If inputs and targets differ in their names.
        """
        for data in itertools.chain(*self._data.values()):
            if data is not None and not are_open(data):
                check_data_type(data, self.data_config.data_type)
        is_tiff = self.data_config.data_type == "tiff"
        self._listed = {part: _files(*data) if is_tiff else data for part, data in self._data.items()}

    def setup(self, stage: str | None = None) -> None:
        """Open the images, compute their statistics, and split off the validation patches.

        Parameters
        ----------
        stage : str, optional
            Ignored: Lightning passes it.

        Raises
        ------
        PatchmillError
            If the data cannot be trained on; see `patchmill.errors`.
        """
        if self._listed is None:
            self.prepare_data()
        listed = self._listed or {}
        (train_data, train_target), (val_data, val_target) = listed["train"], listed["val"]
        self.train_dataset = InMemoryDataset(self.data_config, train_data, train_target)
        self.data_config = self.train_dataset.data_config
        if val_data is None:
            self.val_dataset = self.train_dataset.split_dataset(self._val_percentage, self._val_minimum_split)
        else:
            self.val_dataset = InMemoryDataset(self.data_config, val_data, val_target, validation=True)
        logger.info("patches: %d for training, %d for validation", len(self.train_dataset), len(self.val_dataset))

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.data_config.seed

    def get_data_statistics(self) -> tuple[list[float], list[float]]:
        """Return the mean and the standard deviation of each channel of the images.

        Returns
        -------
        means, stds : list of float
            The statistics.
        """
        return list(self.data_config.image_means or []), list(self.data_config.image_stds or [])

    def train_dataloader(self) -> DataLoader[Any]:
        """Create the loader of the training batches. Each iteration over it is the next epoch.

        Returns
        -------
        PatchLoader or torch.utils.data.DataLoader
            The loader; `DataConfig.train_dataloader_params` decides.
        """
        params = {"pin_memory": torch.cuda.is_available(), **self.data_config.train_dataloader_params}
        return create_loader(self.train_dataset, self.data_config.batch_size, params)

    def val_dataloader(self) -> DataLoader[Any]:
        """Create the loader of the validation batches: the same in every epoch.

        Returns
        -------
        PatchLoader or torch.utils.data.DataLoader
            The loader; `DataConfig.val_dataloader_params` decides.
        """
        params = {"pin_memory": torch.cuda.is_available(), **self.data_config.val_dataloader_params}
        return create_loader(self.val_dataset, self.data_config.batch_size, params)


def _files(data: Any, target: Any) -> tuple[Any, Any]:
    """List the files of a part of the data, in pairs where there are targets."""
    if data is None or are_open(data):
        return data, target
    if target is None:
        return list_files(data, "tiff"), None
    pairs = pair_files(data, target)
    return [image for image, _ in pairs], [target for _, target in pairs]
