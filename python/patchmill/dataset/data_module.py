"""The data module: from what the user has to loaders for training and validation."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.data import DataLoader

from patchmill.config import DataConfig
from patchmill.config.transforms import Transform
from patchmill.dataset.held_images import HeldImages
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.dataset.loader_params import create_loader, go_on_after
from patchmill.dataset.masks import masks_of
from patchmill.dataset.planned import checked_copy
from patchmill.dataset.preview import draw_preview
from patchmill.dataset.replicas import shared_seed
from patchmill.errors import ConfigError
from patchmill.sources import (
    ImageFiles,
    PathLike,
    ReadFunction,
    Survey,
    Visit,
    are_open,
    check_data_type,
    check_read_source_func,
    fits_in_memory,
    list_files,
    pair_files,
    survey_files,
    usable_memory,
)
from patchmill.sources.memory import MEMORY_SHARE

__all__ = ["TrainDataModule", "create_train_datamodule"]

logger = logging.getLogger("patchmill")


class TrainDataModule:
    """Data for training and validation.

    Call `prepare_data`, then `setup`, then ask for the loaders.

    Files are opened together if their decoded pixels fit into 80 % of the memory that this process may use, and read
    in turn if not.

    Parameters
    ----------
    data_config : DataConfig
        What the patches are. It is copied.
    train_data : numpy.ndarray, path, or a sequence of either
        The images: arrays for the data type "array"; a file, a folder of them, or several, for "tiff" and "custom".
    val_data : the same, optional
        Images for validation. Without them, some of the patches, or files, are kept for it.
    train_data_target, val_data_target : the same, optional
        The targets, paired with the images by their order (arrays) or by their paths below the folder (files).
    read_source_func : callable, optional
        What reads files of the data type "custom": called with a path and the axes, or with the path alone.
    extension_filter : str, default=""
        Which files of a folder are read then, such as ``"*.npy"``.
    val_percentage : float, default=0.1
        The share of the patches, or files, that is kept for validation, if there is no `val_data`.
    val_minimum_split : int, default=5
        The least number of patches, or files, kept for it.
    use_in_memory : bool, default=True
        Whether files may be held in memory together.
    train_data_mask : the same as train_data, optional
        The masks of `MaskPatchFilterConfig`, one per image, in the axes of the images without C.

    Attributes
    ----------
    data_config : DataConfig
        The copy; `setup` sets the statistics that it does not have.
    train_files, train_target_files, val_files, val_target_files : list of pathlib.Path
        The files, after `prepare_data`; those that there are.
    train_dataset, val_dataset : InMemoryDataset or IterableDataset
        The datasets, after `setup`.
    """

    train_dataset: InMemoryDataset | IterableDataset
    val_dataset: InMemoryDataset | IterableDataset
    train_files: list[Path]
    train_target_files: list[Path]
    val_files: list[Path]
    val_target_files: list[Path]

    def __init__(
        self,
        data_config: DataConfig,
        train_data: Any,
        val_data: Any = None,
        train_data_target: Any = None,
        val_data_target: Any = None,
        read_source_func: ReadFunction | None = None,
        extension_filter: str = "",
        val_percentage: float = 0.1,
        val_minimum_split: int = 5,
        use_in_memory: bool = True,  # noqa: FBT001, FBT002 - the signature of CAREamics
        *,
        train_data_mask: Any = None,
    ) -> None:
        super().__init__()
        self.data_config = checked_copy(data_config)
        self.data_type = data_config.data_type
        self.batch_size = data_config.batch_size
        self.train_data = train_data
        self.val_data = val_data
        self.train_data_target = train_data_target
        self.val_data_target = val_data_target
        self.train_data_mask = train_data_mask
        self.read_source_func = read_source_func
        self.extension_filter = extension_filter
        self.val_percentage = val_percentage
        self.val_minimum_split = val_minimum_split
        self.use_in_memory = use_in_memory
        self._is_prepared = False
        self._train_loader: DataLoader[Any] | None = None
        self._check_arguments()

    def _check_arguments(self) -> None:
        if (self.train_data_target is None) != (self.val_data_target is None) and self.val_data is not None:
            msg = "val_data: expected targets for training and for validation, or for neither, got one of them."
            raise ConfigError(msg)
        if self.val_data is None and self.val_data_target is not None:
            msg = "val_data_target: expected val_data with it, got None. Give both, or neither."
            raise ConfigError(msg)
        check_read_source_func(self.read_source_func, self.data_type)
        needs_mask = self.data_config.patch_filter is not None and self.data_config.patch_filter.name == "mask"
        if needs_mask != (self.train_data_mask is not None):
            expected, got = ("masks", "none") if needs_mask else ("none without MaskPatchFilterConfig", "some")
            msg = f"train_data_mask: expected {expected}, got {got}. Give a mask filter and masks, or neither."
            raise ConfigError(msg)
        for data in (self.train_data, self.val_data, self.train_data_target, self.val_data_target):
            if data is not None and not are_open(data):
                check_data_type(data, self.data_type)

    def prepare_data(self) -> None:
        """List the files, and check that inputs and targets belong together.

        Raises
        ------
        MissingFileError
            If a file is not there, or a folder holds none.
        PairError
            If inputs and targets differ in their names.
        """
        self._is_prepared = True
        if not self._has_files:
            return
        self.train_files, targets = self._files(self.train_data, self.train_data_target)
        self.train_target_files = targets or []
        if self.val_data is not None:
            self.val_files, targets = self._files(self.val_data, self.val_data_target)
            self.val_target_files = targets or []

    @property
    def _has_files(self) -> bool:
        return self.data_type != "array" and not are_open(self.train_data)

    def _files(self, data: Any, target: Any) -> tuple[list[Path], list[Path] | None]:
        """List the files of a part of the data, in pairs where there are targets."""
        if target is None:
            return list_files(data, self.data_type, self.extension_filter), None
        pairs = pair_files(data, target, self.data_type, self.extension_filter)
        return [image for image, _ in pairs], [target for _, target in pairs]

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Open the images, compute their statistics, and split off the validation patches.

        In processes that share an epoch, a seed that was drawn becomes that of the first of them, so that all have to
        call this.

        Parameters
        ----------
        *args, **kwargs
            Ignored: Lightning passes the stage.

        Raises
        ------
        PatchmillError
            If the data cannot be trained on; see `patchmill.errors`.
        """
        if not self._is_prepared:
            self.prepare_data()
        if self.data_config.seed_is_drawn:
            self.data_config.seed = shared_seed(self.data_config.seed)
        if self._has_files:
            self._set_up_files()
        else:
            self._set_up_arrays()
        logger.info("patches: %d for training, %d for validation", len(self.train_dataset), len(self.val_dataset))

    def _set_up_arrays(self) -> None:
        train_dataset = InMemoryDataset(
            self.data_config, self.train_data, self.train_data_target, filter_masks=self.train_data_mask
        )
        self._set_training(train_dataset)
        if self.val_data is not None:
            self.val_dataset = InMemoryDataset(self.data_config, self.val_data, self.val_data_target, validation=True)

    def _set_up_files(self) -> None:
        """Look at all files, and open them together or read them in turn. Custom files are read to be looked at."""
        usable = usable_memory()
        held = HeldImages(MEMORY_SHARE * usable if self.use_in_memory else 0)
        training = self._survey(self.train_files, self.train_target_files, held.visit("training"))
        validation = None
        if self.val_data is not None:
            validation = self._survey(self.val_files, self.val_target_files, held.visit("validation"))
        surveys = [training] if validation is None else [training, validation]
        headers = [header for survey in surveys for header in (*survey.headers, *survey.target_headers)]
        if self.use_in_memory and fits_in_memory(headers, usable):
            self._set_up_in_memory(training, validation, held)
        else:
            self._set_up_in_turn(training, validation)

    def _set_up_in_memory(self, training: Survey, validation: Survey | None, held: HeldImages) -> None:
        on_error = self.data_config.on_error
        how: dict[str, Any] = {"read_source_func": self.read_source_func, "extension_filter": self.extension_filter}
        images, targets = held.take("training") or training.open(on_error=on_error)
        masks = self._mask_files(Path(image.name) for image in images)
        self._set_training(InMemoryDataset(self.data_config, images, targets or None, **how, filter_masks=masks))
        if validation is not None:
            images, targets = held.take("validation") or validation.open(on_error=on_error)
            self.val_dataset = InMemoryDataset(self.data_config, images, targets or None, validation=True)

    def _set_up_in_turn(self, training: Survey, validation: Survey | None) -> None:
        on_error = self.data_config.on_error
        training = training.decodable(on_error=on_error)
        how: dict[str, Any] = {"read_source_func": self.read_source_func}
        masks = self._mask_files(training.files.paths)
        self._set_training(IterableDataset(self.data_config, training, **how, filter_mask_files=masks))
        if validation is not None:
            validation = validation.decodable(on_error=on_error)
            self.val_dataset = IterableDataset(self.data_config, validation, validation=True)

    def _mask_files(self, paths: Iterable[Path]) -> list[Path] | None:
        """List the masks of some of the training files: those that can be read."""
        if self.train_data_mask is None:
            return None
        return masks_of(paths, self.train_data, self.train_data_mask, self.data_config, self.extension_filter)

    def _survey(self, paths: Sequence[PathLike], target_paths: Sequence[PathLike], visit: Visit) -> Survey:
        config = self.data_config
        how: dict[str, Any] = {
            "data_type": config.data_type,
            "axes": config.axes,
            "read_source_func": self.read_source_func,
        }
        targets = ImageFiles(target_paths, **how) if target_paths else None
        files = ImageFiles(paths, **how, channels=config.channels)
        return survey_files(files, targets, on_error=config.on_error, visit=visit)

    def _set_training(self, dataset: InMemoryDataset | IterableDataset) -> None:
        """Take the dataset for training and, unless there is validation data, split it."""
        self.train_dataset, self.data_config = dataset, dataset.data_config
        if self.val_data is None:
            self.val_dataset = dataset.split_dataset(self.val_percentage, self.val_minimum_split)

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.data_config.seed

    def get_data_statistics(self) -> tuple[list[float], list[float]]:
        """Return the mean and the standard deviation of each channel of the images.

        Returns
        -------
        means, stds : list of float
            The statistics; empty where the images are normalised by others.
        """
        self._check_is_set_up()
        return self.train_dataset.get_data_statistics()

    def _check_is_set_up(self) -> None:
        if not hasattr(self, "val_dataset"):
            msg = f"{type(self).__name__}: expected data that is set up, got none yet. Call setup() first."
            raise ConfigError(msg)

    def train_dataloader(self) -> DataLoader[Any]:
        """Create the loader of the training batches. Each iteration over it is the next epoch.

        One that is created later goes on with the epoch after the last one that a loader of this data module began.

        Returns
        -------
        PatchLoader or torch.utils.data.DataLoader
            The loader; `DataConfig.train_dataloader_params` decides.
        """
        self._check_is_set_up()
        params = {"pin_memory": torch.cuda.is_available(), **self.data_config.train_dataloader_params}
        loader = create_loader(self.train_dataset, self.data_config.batch_size, params)
        if self._train_loader is not None:
            go_on_after(self._train_loader, loader)
        self._train_loader = loader
        return loader

    def val_dataloader(self) -> DataLoader[Any]:
        """Create the loader of the validation batches: the same in every epoch.

        Returns
        -------
        PatchLoader or torch.utils.data.DataLoader
            The loader; `DataConfig.val_dataloader_params` decides.
        """
        self._check_is_set_up()
        params = {"pin_memory": torch.cuda.is_available(), **self.data_config.val_dataloader_params}
        return create_loader(self.val_dataset, self.data_config.batch_size, params)

    def preview(self, path: str | os.PathLike[str] = "preview.png", *, n_items: int = 4) -> Path:
        """Draw the first training batch, where its patches come from, and what is kept for what.

        Parameters
        ----------
        path : path, default="preview.png"
            The PNG file. It is replaced in one step.
        n_items : int, default=4
            How many items of the batch are drawn at most.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        MissingPackageError
            If matplotlib, of the extra ``plot``, is not installed.
        PatchmillError
            If the data cannot be trained on, or the file cannot be written.
        """
        return draw_preview(self, path, n_items=n_items)

    @classmethod
    def create(
        cls,
        train_data: Any,
        data_type: str,
        patch_size: Sequence[int],
        axes: str,
        batch_size: int,
        val_data: Any = None,
        transforms: Sequence[Transform] | None = None,
        train_target_data: Any = None,
        val_target_data: Any = None,
        read_source_func: ReadFunction | None = None,
        extension_filter: str = "",
        val_percentage: float = 0.1,
        val_minimum_patches: int = 5,
        train_dataloader_params: Mapping[str, Any] | None = None,
        val_dataloader_params: Mapping[str, Any] | None = None,
        use_in_memory: bool = True,  # noqa: FBT001, FBT002 - the signature of CAREamics
        **further: Any,
    ) -> Self:
        """Create a data module without a configuration.

        Parameters
        ----------
        train_data, val_data, train_target_data, val_target_data
            Images and targets, as for `TrainDataModule`.
        data_type : {"array", "tiff", "custom"}
            Where the pixels are.
        patch_size : sequence of int
            The size of a patch in pixels, (Z)YX.
        axes : str
            The axes of the images.
        batch_size : int
            The number of patches in a batch.
        transforms : sequence of transform configurations, optional
            What is done to the patches: flips and turns if None. With `N2VManipulateConfig` last, for Noise2Void.
        read_source_func, extension_filter, val_percentage, use_in_memory
            As for `TrainDataModule`.
        val_minimum_patches : int, default=5
            The least number of patches, or files, kept for validation.
        train_dataloader_params, val_dataloader_params : mapping, optional
            Further arguments of the loaders.
        **further
            Further fields of `DataConfig`.

        Returns
        -------
        TrainDataModule
            The data module.

        Raises
        ------
        ValidationError
            If an argument is not one that `DataConfig` takes.
        """
        chosen = {
            "transforms": None if transforms is None else list(transforms),
            "train_dataloader_params": train_dataloader_params,
            "val_dataloader_params": val_dataloader_params,
        }
        data_config = DataConfig.model_validate(
            {
                "data_type": data_type,
                "patch_size": list(patch_size),
                "axes": axes,
                "batch_size": batch_size,
                **{name: value for name, value in chosen.items() if value is not None},
                **further,
            }
        )
        return cls(
            data_config,
            train_data,
            val_data,
            train_target_data,
            val_target_data,
            read_source_func,
            extension_filter,
            val_percentage,
            val_minimum_patches,
            use_in_memory,
        )


create_train_datamodule = TrainDataModule.create
