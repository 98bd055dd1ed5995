"""CAREamist: train and predict in two calls."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill.config import Configuration, load_configuration
from patchmill.dataset import TrainDataModule
from patchmill.errors import ConfigError, ShapeError
from patchmill.files import check_folder
from patchmill.prediction import Writing, predict_to_files, prepare
from patchmill.training import Trainer, TrainingReport, load_checkpoint, restore_weights
from patchmill.training.callbacks import Callback

__all__ = ["CAREamist"]

logger = logging.getLogger("patchmill")


class CAREamist:
    """Trains a network on images, and restores images with it.

    Parameters
    ----------
    source : Configuration or path
        What to train: a configuration, or a file of one (``.yml``, ``.yaml``, ``.json``). Or a checkpoint
        (``.safetensors``), to predict with it or to train it further.
    work_dir : path, optional
        Folder for ``losses.csv``, ``config.yml``, ``checkpoints`` and the report, by default the current one.
    callbacks : sequence of Callback, optional
        What else is told how a training goes: those of `patchmill.training.callbacks`, not Lightning's.
    enable_progress_bar : bool, optional
        Whether progress bars are drawn. If None: where standard output is a terminal.
    device : str, optional
        Name of the device, such as ``"cuda:0"``; the best one there is if None.

    Attributes
    ----------
    config : Configuration
        The configuration; with the statistics of the data, once there are some.
    model : UNet
        The network, with the weights of the last training step.

    Raises
    ------
    CheckpointError
        If a checkpoint is damaged, or not one of patchmill.
    ConfigError
        If the configuration is not valid, or the source is neither.

    Examples
    --------
    >>> import numpy as np
    >>> from patchmill import CAREamist
    >>> from patchmill.config import create_n2v_configuration
    >>> config = create_n2v_configuration(
    ...     experiment_name="demo", data_type="array", axes="YX", patch_size=[32, 32], batch_size=8, num_epochs=1
    ... )
    >>> image = np.random.default_rng(0).poisson(100, (128, 128)).astype(np.uint16)
    >>> careamist = CAREamist(config, work_dir="runs/demo")
    >>> report = careamist.train(train_source=image)
    >>> (denoised,) = careamist.predict(image)
    >>> denoised.shape
    (128, 128)
    """

    def __init__(
        self,
        source: Configuration | str | os.PathLike[str],
        work_dir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Callback] | None = None,
        enable_progress_bar: bool | None = None,  # noqa: FBT001 - the signature of CAREamics
        *,
        device: str | None = None,
    ) -> None:
        checkpoint = None
        if isinstance(source, Configuration):
            self.config = source.checked_copy()
        elif not isinstance(source, (str, os.PathLike)):
            msg = (
                f"source: expected a Configuration, or the path of one or of a checkpoint, got "
                f"{type(source).__qualname__}. Create one with create_n2v_configuration, for instance."
            )
            raise ConfigError(msg)
        elif Path(source).suffix.lower() in {".yml", ".yaml", ".json"}:
            self.config = load_configuration(source)
        else:
            checkpoint = load_checkpoint(source)
            self.config = checkpoint.configuration
        self._seed_is_drawn = self.config.data_config.seed_is_drawn
        self.work_dir = Path.cwd() if work_dir is None else Path(work_dir)
        callbacks = _checked_callbacks(callbacks)
        self._progress = sys.stdout.isatty() if enable_progress_bar is None else enable_progress_bar
        self._trainer = Trainer(
            self.config, work_dir=self.work_dir, device=device, progress=enable_progress_bar, callbacks=callbacks
        )
        # With the seed of the first of the processes that train together.
        self.config = self._trainer.config.checked_copy()
        self.model = self._trainer.model
        if checkpoint is not None:
            restore_weights(self.model, checkpoint)
        self._random = None if checkpoint is not None else next(self.model.parameters()).detach().clone()

    def train(
        self,
        *,
        datamodule: TrainDataModule | None = None,
        train_source: Any = None,
        val_source: Any = None,
        train_target: Any = None,
        val_target: Any = None,
        use_in_memory: bool = True,
        val_percentage: float = 0.1,
        val_minimum_split: int = 1,
        read_source_func: Callable[..., Any] | None = None,
        extension_filter: str = "",
        filtering_mask: Any = None,
        resume: bool = False,
    ) -> TrainingReport:
        """Train the network, from the weights that it has, or go on with a training that was broken off.

        In processes that ``torchrun`` started, all of them train the network together.

        Parameters
        ----------
        datamodule : TrainDataModule, optional
            The data; not with any of the sources.
        train_source, val_source : numpy.ndarray, path, or a sequence of either, optional
            Images for training and for validation, as `DataConfig.data_type` says. Without images for validation, some
            of the training patches are kept for it.
        train_target, val_target : the same, optional
            Their targets, for CARE and Noise2Noise.
        use_in_memory : bool, default=True
            Whether files may be held in memory together.
        val_percentage : float, default=0.1
            The share of the patches, or files, that is kept for validation.
        val_minimum_split : int, default=1
            The least number of patches, or files, kept for it.
        read_source_func : callable, optional
            What reads files of the data type "custom": called with a path and the axes, or with the path alone.
        extension_filter : str, default=""
            Which files of a folder are read then, such as ``"*.npy"``.
        filtering_mask : numpy.ndarray, path, or a sequence of either, optional
            The masks of `MaskPatchFilterConfig`, one per training image.
        resume : bool, default=False
            Whether to go on with the training that `work_dir` holds, exactly where it was broken off; it must have
            been of the same configuration and data. A seed that was not given is that of this training. Without one,
            training starts anew.

        Returns
        -------
        TrainingReport
            Losses, speed, and where the checkpoints are.

        Raises
        ------
        PatchmillError
            If the data cannot be trained on, or does not fit the network; before anything is trained or written. If
            the folder cannot be written to; before the data is read.
        """
        if (datamodule is None) == (train_source is None):
            got = "neither" if datamodule is None else "both"
            msg = f"train: expected a datamodule or a train_source, got {got}. Give one of them."
            raise ConfigError(msg)
        check_folder(self.work_dir)
        if datamodule is None:
            data_config = self.config.data_config
            seed = self._trainer.seed_to_resume() if resume and self._seed_is_drawn else None
            if seed is not None:
                data_config = data_config.model_copy(update={"seed": seed})
            datamodule = TrainDataModule(
                data_config,
                train_source,
                val_source,
                train_target,
                val_target,
                read_source_func,
                extension_filter,
                val_percentage,
                val_minimum_split,
                use_in_memory,
                train_data_mask=filtering_mask,
            )
        self._trainer.world.together(lambda: self._set_up(datamodule))
        self.config = self.config.model_copy(update={"data_config": datamodule.data_config}).checked_copy()
        return self._trainer.fit(datamodule, resume=resume)

    def stop_training(self) -> None:
        """End the training after its running step, as if that were the last one; from a callback or another thread."""
        self._trainer.stop()

    def get_losses(self) -> dict[str, list[float]]:
        """Return the losses of the last training.

        Returns
        -------
        dict of str to list
            ``train_epoch`` and ``train_loss``, ``val_epoch`` and ``val_loss``: numbers of epochs, from 1, and the
            losses of these epochs. The latter are empty without validation data.
        """
        history = self._trainer.history
        validated = [record for record in history if record.val_loss is not None]
        return {
            "train_epoch": [record.epoch for record in history],
            "val_epoch": [record.epoch for record in validated],
            "train_loss": [record.train_loss for record in history],
            "val_loss": [record.val_loss for record in validated if record.val_loss is not None],
        }

    def _say_if_random(self) -> None:
        """Warn of predictions by a network that nobody has trained: a saved configuration has no weights."""
        if self._random is not None and torch.equal(self._random, next(self.model.parameters())):
            logger.warning(
                "predict: the network has the random weights that it was created with. Train it, or create CAREamist "
                "from a checkpoint."
            )

    def _set_up(self, datamodule: TrainDataModule) -> None:
        """Read the data, and check it."""
        datamodule.prepare_data()
        datamodule.setup()
        self._check_data(datamodule)

    def _check_data(self, datamodule: TrainDataModule) -> None:
        """Check that the data is what the algorithm and the network take."""
        algorithm, dataset = self.config.algorithm_config, datamodule.train_dataset
        if algorithm.algorithm != "n2v" and dataset.n_target_channels is None:
            msg = f"train_target: expected targets for {algorithm.algorithm!r}, got none. Give one per image."
            raise ConfigError(msg)
        for what, expected, got in (
            ("images", algorithm.model.in_channels, dataset.n_channels),
            ("targets", algorithm.model.num_classes, dataset.n_target_channels),
        ):
            if got is not None and got != expected:
                msg = (
                    f"{what}, axis C: expected {expected} channels, as the configuration says, got {got}. Create the "
                    "configuration with the number of channels that the data has."
                )
                raise ShapeError(msg)

    def predict(
        self,
        source: Any,
        *,
        batch_size: int = 1,
        tile_size: Sequence[int] | None = None,
        tile_overlap: Sequence[int] = (48, 48),
        axes: str | None = None,
        data_type: str | None = None,
        tta_transforms: bool = False,
        blend: Literal["gaussian", "linear"] | None = None,
        reflect_borders: bool = False,
        dataloader_params: Mapping[str, Any] | None = None,
        read_source_func: Callable[..., Any] | None = None,
        extension_filter: str = "",
    ) -> list[NDArray[np.float32]]:
        """Restore images.

        Parameters
        ----------
        source : numpy.ndarray, path, a sequence of either, or PredictDataModule
            The images. Files are opened one at a time. A data module has its own tiles, axes, batch size,
            augmentation and loader parameters.
        batch_size : int, default=1
            How many tiles go through the network together; of several samples and images, if tiles have one size.
        tile_size : sequence of int, optional
            The size of a tile, (Z)YX. None: each sample at once.
        tile_overlap : sequence of int, default=(48, 48)
            How far tiles overlap, (Z)YX.
        axes : str, optional
            The axes of the images, by default those of the configuration.
        data_type : {"array", "tiff", "custom"}, optional
            What the source is, by default as in the configuration.
        tta_transforms : bool, default=False
            Whether predictions are averaged over the flips and quarter turns that were used in training. Tiles that are
            not square in YX are not turned by a quarter.
        blend : {"gaussian", "linear"}, optional
            How tiles are weighted over the whole of their overlap. None: half of it is taken from either neighbour.
        reflect_borders : bool, default=False
            Whether the network sees images reflected at their borders beyond them. If not, it takes what lies there for
            zeros, as CAREamics does, and restores the outermost pixels worse, most of all in volumes of few planes.
        dataloader_params : mapping, optional
            Arguments of ``torch.utils.data.DataLoader``: ``num_workers`` is read as the number of threads that cut
            tiles (0: all cores), others have no effect here.
        read_source_func, extension_filter
            As for `train`.

        Returns
        -------
        list of numpy.ndarray, float32
            One prediction per image, in the image's axes and shape.

        Raises
        ------
        PatchmillError
            If the network was not trained, an image, a size or an overlap does not fit it, or the memory does not do.
        """
        self._say_if_random()
        predictor, reader = prepare(
            self.model,
            self.config,
            source,
            batch_size=batch_size,
            tile_size=tile_size,
            tile_overlap=tile_overlap,
            axes=axes,
            data_type=data_type,
            tta_transforms=tta_transforms,
            blend=blend,
            reflect_borders=reflect_borders,
            dataloader_params=dataloader_params,
            read_source_func=read_source_func,
            extension_filter=extension_filter,
            progress=self._progress,
        )
        return predictor.predict(reader)

    def predict_to_disk(
        self,
        source: Any,
        *,
        batch_size: int = 1,
        tile_size: Sequence[int] | None = None,
        tile_overlap: Sequence[int] = (48, 48),
        axes: str | None = None,
        data_type: str | None = None,
        tta_transforms: bool = False,
        blend: Literal["gaussian", "linear"] | None = None,
        reflect_borders: bool = False,
        dataloader_params: Mapping[str, Any] | None = None,
        read_source_func: Callable[..., Any] | None = None,
        extension_filter: str = "",
        prediction_dir: str | os.PathLike[str] = "predictions",
        write_type: Literal["tiff", "custom"] = "tiff",
        write_extension: str | None = None,
        write_func: Callable[..., Any] | None = None,
        write_func_kwargs: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Restore images into files, one after the other.

        A TIFF is written by rows of tiles while its image is restored, where Y and X are the last of its axes; so it
        takes the memory of a few tiles. Other files take that of one image.

        Parameters
        ----------
        source, batch_size, tile_size, tile_overlap, axes, data_type, tta_transforms, blend, reflect_borders
            As for `predict`.
        dataloader_params, read_source_func, extension_filter
            As for `predict`.
        prediction_dir : path, default="predictions"
            The folder, below the work folder if it is not absolute. Files keep their names and their sub-folders;
            arrays are written as ``array_0.tiff``, ``array_1.tiff``, ...
        write_type : {"tiff", "custom"}, default="tiff"
            TIFF files, with the metadata of TIFF sources; or what `write_func` writes.
        write_extension : str, optional
            What custom files end in, such as ``".npy"``.
        write_func : callable, optional
            What writes custom files: called with a path, the array, and `write_func_kwargs`.
        write_func_kwargs : mapping, optional
            Its further arguments.
        overwrite : bool, default=False
            Whether files may be there already. If not, one that is stops everything before it begins.

        Returns
        -------
        list of pathlib.Path
            The files, one per image.

        Raises
        ------
        PatchmillError
            As `predict` does, or if a file cannot be written. Files that are done before stay; the error names them.
        """
        writing = Writing(
            folder=self.work_dir / prediction_dir,
            write_type=write_type,
            write_extension=write_extension,
            write_func=write_func,
            write_func_kwargs=dict(write_func_kwargs or {}),
            overwrite=overwrite,
        )
        self._say_if_random()
        predictor, reader = prepare(
            self.model,
            self.config,
            source,
            batch_size=batch_size,
            tile_size=tile_size,
            tile_overlap=tile_overlap,
            axes=axes,
            data_type=data_type,
            tta_transforms=tta_transforms,
            blend=blend,
            reflect_borders=reflect_borders,
            dataloader_params=dataloader_params,
            read_source_func=read_source_func,
            extension_filter=extension_filter,
            progress=self._progress,
        )
        return predict_to_files(predictor, reader, writing)


def _checked_callbacks(callbacks: Sequence[Callback] | None) -> Sequence[Callback]:
    if callbacks is not None and not isinstance(callbacks, Iterable):
        msg = (
            f"callbacks: expected a list of callbacks, got {type(callbacks).__qualname__}. Put it into a "
            "list, even a single one."
        )
        raise ConfigError(msg)
    callbacks = tuple(callbacks or ())
    for callback in callbacks:
        if not isinstance(callback, Callback):
            msg = (
                f"callbacks: expected those of patchmill.training.callbacks, got {type(callback).__qualname__}. Derive "
                "it from Callback, or train with Lightning's Trainer and the data modules of patchmill.lightning."
            )
            raise ConfigError(msg)
    return callbacks
