"""The data module of what is predicted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from patchmill.config import InferenceConfig
from patchmill.dataset.loader_params import check_params
from patchmill.dataset.prediction import PredDataset, collate_tiles
from patchmill.errors import ConfigError
from patchmill.sources import ReadFunction, are_open, check_data_type, check_read_source_func, list_files
from patchmill.sources.normalization import check_channels

__all__ = ["PredictDataModule", "create_predict_datamodule"]


class PredictDataModule:
    """Data to predict.

    Call `prepare_data`, then `setup`, then ask for the loader. Batches are ``(tiles, [TileInformation])`` if the
    configuration has a tile size, else ``(samples,)``, in order; samples of different sizes never share a batch.

    Parameters
    ----------
    pred_config : InferenceConfig
        The axes, the tiles, and the statistics. It is copied.
    pred_data : numpy.ndarray, path, or a sequence of either
        The images: arrays for the data type "array"; a file, a folder of them, or several, for "tiff" and "custom".
    read_source_func : callable, optional
        What reads files of the data type "custom": called with a path and the axes, or with the path alone.
    extension_filter : str, default=""
        Which files of a folder are read then, such as ``"*.npy"``.
    dataloader_params : mapping, optional
        Further arguments of ``torch.utils.data.DataLoader``.

    Attributes
    ----------
    pred_files : list of pathlib.Path
        The files, after `prepare_data`, if there are some.
    predict_dataset : PredDataset
        The dataset, after `setup`.
    """

    pred_files: list[Path]
    predict_dataset: PredDataset

    def __init__(
        self,
        pred_config: InferenceConfig,
        pred_data: Any,
        read_source_func: ReadFunction | None = None,
        extension_filter: str = "",
        dataloader_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(pred_config, InferenceConfig):
            msg = (
                f"pred_config: expected an InferenceConfig, got {type(pred_config).__qualname__}. Make one with the "
                "statistics of the data_config that was trained with."
            )
            raise ConfigError(msg)
        self.prediction_config = pred_config.checked_copy()
        self.data_type = pred_config.data_type
        self.batch_size = pred_config.batch_size
        self.tile_size = pred_config.tile_size
        self.tile_overlap = pred_config.tile_overlap
        self.tiled = pred_config.tile_size is not None
        self.pred_data = pred_data
        self.read_source_func = read_source_func
        self.extension_filter = extension_filter
        self.dataloader_params = {name: value for name, value in (dataloader_params or {}).items() if value is not None}
        self._is_prepared = False
        if not are_open(pred_data):
            check_data_type(pred_data, self.data_type)
        check_read_source_func(read_source_func, self.data_type)
        for name in _DECIDED & self.dataloader_params.keys():
            msg = f"dataloader_params: expected no {name!r}, because predictions are made in order. Remove it."
            raise ConfigError(msg)
        check_params(self.dataloader_params)

    def prepare_data(self) -> None:
        """List the files.

        Raises
        ------
        MissingFileError
            If a file is not there, or a folder holds none.
        """
        self._is_prepared = True
        if self._has_files:
            self.pred_files = list_files(self.pred_data, self.data_type, self.extension_filter)

    @property
    def _has_files(self) -> bool:
        return self.data_type != "array" and not are_open(self.pred_data)

    def setup(self, stage: str | None = None) -> None:
        """Create the dataset: reads headers, and no pixels of files.

        Parameters
        ----------
        stage : str, optional
            Ignored: Lightning passes it.

        Raises
        ------
        PatchmillError
            If the images cannot be predicted; see `patchmill.errors`.
        """
        if not self._is_prepared:
            self.prepare_data()
        data = self.pred_files if self._has_files else self.pred_data
        dataset = PredDataset(self.prediction_config, data, self.read_source_func)
        check_channels(self.prediction_config, dataset._sizes[0])
        self.predict_dataset = dataset

    def predict_dataloader(self) -> DataLoader[Any]:
        """Create the loader of the batches.

        Returns
        -------
        torch.utils.data.DataLoader
            The loader.
        """
        dataset = self.predict_dataset
        if self.tiled:
            return DataLoader(dataset, batch_size=self.batch_size, collate_fn=collate_tiles, **self.dataloader_params)
        batches = SameShapeBatches(dataset, self.batch_size)
        return DataLoader(dataset, batch_sampler=batches, collate_fn=_collate_samples, **self.dataloader_params)

    @classmethod
    def create(
        cls,
        pred_data: Any,
        data_type: str,
        axes: str,
        image_means: Sequence[float],
        image_stds: Sequence[float],
        tile_size: Sequence[int] | None = None,
        tile_overlap: Sequence[int] | None = None,
        batch_size: int = 1,
        tta_transforms: bool = True,  # noqa: FBT001, FBT002 - the signature of CAREamics
        read_source_func: ReadFunction | None = None,
        extension_filter: str = "",
        dataloader_params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Create a data module for prediction without a configuration.

        Parameters
        ----------
        pred_data
            The images, as for `PredictDataModule`.
        data_type : {"array", "tiff", "custom"}
            Where the pixels are.
        axes : str
            The axes of the images.
        image_means, image_stds : sequence of float
            Mean and standard deviation of each channel, of the data that the network was trained on.
        tile_size, tile_overlap : sequence of int, optional
            The size of a tile and how far tiles overlap, (Z)YX; whole samples if None.
        batch_size : int, default=1
            The number of tiles, or samples, in a batch.
        tta_transforms : bool, default=True
            Whether predictions are averaged over flips and turns of the tiles.
        read_source_func, extension_filter, dataloader_params
            As for `PredictDataModule`.

        Returns
        -------
        PredictDataModule
            The data module.

        Raises
        ------
        ValidationError
            If an argument is not one that `InferenceConfig` takes.
        ConfigError
            As `PredictDataModule` does.
        """
        config = InferenceConfig.model_validate(
            {
                "data_type": data_type,
                "axes": axes,
                "image_means": list(image_means),
                "image_stds": list(image_stds),
                "tile_size": None if tile_size is None else list(tile_size),
                "tile_overlap": None if tile_overlap is None else list(tile_overlap),
                "batch_size": batch_size,
                "tta_transforms": tta_transforms,
            }
        )
        return cls(config, pred_data, read_source_func, extension_filter, dataloader_params)


_DECIDED = {"batch_size", "batch_sampler", "collate_fn", "drop_last", "sampler", "shuffle"}


class SameShapeBatches:
    """Batches of items that follow each other and have one shape.

    Parameters
    ----------
    dataset : PredDataset
        The dataset.
    batch_size : int
        The most items in a batch.
    """

    def __init__(self, dataset: PredDataset, batch_size: int) -> None:
        self._dataset = dataset
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[list[int]]:
        for _, run in itertools.groupby(range(len(self._dataset)), key=self._dataset.shape):
            while batch := list(itertools.islice(run, self._batch_size)):
                yield batch

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _collate_samples(items: Sequence[tuple[NDArray[np.float32]]]) -> tuple[torch.Tensor]:
    return (torch.from_numpy(np.stack([sample for (sample,) in items])),)


create_predict_datamodule = PredictDataModule.create
