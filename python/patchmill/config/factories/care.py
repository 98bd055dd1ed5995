"""The configuration of CARE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from patchmill.config.configuration import Configuration
from patchmill.config.factories.assembly import Channels, assemble
from patchmill.config.filters import PatchFilter
from patchmill.config.normalization import Normalization
from patchmill.config.transforms import XYFlipConfig, XYRandomRotate90Config

__all__ = ["create_care_configuration"]


def create_care_configuration(
    experiment_name: str,
    data_type: Literal["array", "tiff", "custom"],
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int = 100,
    num_steps: int | None = None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None = None,
    independent_channels: bool = True,  # noqa: FBT001, FBT002 - by position, as in CAREamics
    loss: Literal["mae", "mse"] = "mae",
    n_channels_in: int | None = None,
    n_channels_out: int | None = None,
    logger: Literal["none", "wandb", "tensorboard"] = "none",
    trainer_params: Mapping[str, Any] | None = None,
    model_params: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_params: Mapping[str, Any] | None = None,
    lr_scheduler: Literal["ReduceLROnPlateau", "StepLR", "WarmupCosine"] = "ReduceLROnPlateau",
    lr_scheduler_params: Mapping[str, Any] | None = None,
    train_dataloader_params: Mapping[str, Any] | None = None,
    val_dataloader_params: Mapping[str, Any] | None = None,
    checkpoint_params: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    patching: Literal["sequential", "random", "fixed_random", "stratified"] | None = None,
    normalization: Normalization | None = None,
    channels: Sequence[int] | None = None,
    patch_filter: PatchFilter | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    n_files_mixed: int = 1,
) -> Configuration:
    """Configure CARE [1]_: restoration learnt from pairs of a poor and a good image.

    Parameters
    ----------
    experiment_name : str
        Name of the experiment: letters, digits, spaces, ``-`` and ``_``.
    data_type : {"array", "tiff", "custom"}
        Where the pixels are: NumPy arrays, TIFF files, or files that a function of the user reads.
    axes : str
        One letter per axis of the images, in their order: any order of a subset of STCZYX with Y and X.
    patch_size : sequence of int
        Size of the patches in pixels, (Z)YX, at least 8 and a multiple of ``2**depth`` (4 by default) along each axis.
    batch_size : int
        Number of patches in a batch.
    num_epochs : int, default=100
        Number of epochs.
    num_steps : int, optional
        Most batches that an epoch takes. All of them if None.
    augmentations : sequence of XYFlipConfig and XYRandomRotate90Config, optional
        How the patches are augmented: both if None, not at all if empty.
    independent_channels : bool, default=True
        Whether each channel is trained on its own, seeing nothing of the others.
    loss : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error.
    n_channels_in : int, optional
        Number of channels of the images that are trained on: as many as `channels` if None. Needed if the axes hold C.
    n_channels_out : int, optional
        Number of channels of the targets. As many as go in if None.
    logger : {"none", "wandb", "tensorboard"}, default="none"
        Where losses are logged besides ``losses.csv``. W&B and TensorBoard need the extra of their name.
    trainer_params : mapping, optional
        Arguments of Lightning's Trainer. patchmill's own trainer does those that are fields of `TrainingConfig`, too:
        ``max_steps``, ``precision``, ``gradient_clip_val``, ``gradient_clip_algorithm``, ``accumulate_grad_batches``,
        and ``limit_train_batches`` as a number of batches. It refuses others, see `unsupported_options`.
    model_params : mapping, optional
        Further fields of `UNetConfig`, such as ``{"depth": 3}``.
    optimizer : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Name of the optimizer in ``torch.optim``.
    optimizer_params : mapping, optional
        Its keyword arguments, such as ``{"lr": 1e-4}``.
    lr_scheduler : {"ReduceLROnPlateau", "StepLR", "WarmupCosine"}, default="ReduceLROnPlateau"
        The schedule of the learning rate, see `LrSchedulerConfig`.
    lr_scheduler_params : mapping, optional
        Its keyword arguments. StepLR needs ``step_size``.
    train_dataloader_params, val_dataloader_params : mapping, optional
        Further arguments of the loaders, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
    checkpoint_params : mapping, optional
        Fields of `CheckpointConfig`, such as ``{"save_top_k": 1}``.
    seed : int, optional
        Decides every random draw, 0 to 2**63 - 1. Drawn once, and kept in ``data_config.seed``, if None.
    patching : {"sequential", "random", "fixed_random", "stratified"}, optional
        Which patches an epoch has, as in `DataConfig`. If None, it is "sequential" where all images are at hand, and
        "random" where files are read in turn.
    normalization : MeanStdConfig, MinMaxConfig, QuantileConfig or NoNormConfig, optional
        What the pixels are normalised by, `MeanStdConfig` by default.
    channels : sequence of int, optional
        The channels of the images to train on, in this order; all of them if None.
    patch_filter : MaxPatchFilterConfig, MeanStdPatchFilterConfig, ShannonPatchFilterConfig or MaskPatchFilterConfig
        Which patches are trained on. All if None, the default.
    on_error : {"raise", "skip"}, default="raise"
        What a file that cannot be read does: stop, or be left out with a warning.
    n_files_mixed : int, default=1
        Number of files that are held at once, so that their patches mix, when files are read in turn.

    Returns
    -------
    Configuration
        The configuration, checked as a whole.

    Raises
    ------
    ConfigError
        If an argument is wrong, or does not fit another one: one line per problem.

    References
    ----------
    .. [1] Weigert et al.: "Content-Aware Image Restoration: Pushing the Limits of Fluorescence Microscopy",
       Nature Methods 15, 2018.
    """
    n_picked = None if channels is None else len(channels)
    n_in = n_picked if n_channels_in is None else n_channels_in
    return assemble(
        {"algorithm": "care", "loss": loss},
        model={"independent_channels": independent_channels},
        channels_in=Channels("n_channels_in", n_in),
        channels_out=Channels("n_channels_out", n_in if n_channels_out is None else n_channels_out),
        masking=None,
        experiment_name=experiment_name,
        data={
            "data_type": data_type,
            "axes": axes,
            "patch_size": patch_size,
            "batch_size": batch_size,
            "patching": patching,
            "normalization": normalization,
            "channels": channels,
            "patch_filter": patch_filter,
            "on_error": on_error,
            "n_files_mixed": n_files_mixed,
            "train_dataloader_params": train_dataloader_params,
            "val_dataloader_params": val_dataloader_params,
            "seed": seed,
        },
        augmentations=augmentations,
        model_params=model_params,
        optimizer=(optimizer, optimizer_params),
        lr_scheduler=(lr_scheduler, lr_scheduler_params),
        training={
            "num_epochs": num_epochs,
            "num_steps": num_steps,
            "lightning_trainer_config": trainer_params,
            "logger": logger,
            "checkpoint_callback": checkpoint_params,
        },
    )
