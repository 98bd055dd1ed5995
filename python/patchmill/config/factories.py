"""The usual configurations, one function per algorithm, with the arguments and defaults of CAREamics v0.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from patchmill.config.assembly import Channels, assemble
from patchmill.config.configuration import Configuration
from patchmill.config.transforms import XYFlipConfig, XYRandomRotate90Config

__all__ = ["create_care_configuration", "create_n2n_configuration", "create_n2v_configuration"]


def create_n2v_configuration(
    experiment_name: str,
    data_type: Literal["array", "tiff"],
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int = 100,
    num_steps: int | None = None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None = None,
    *,
    independent_channels: bool = True,
    n_channels: int | None = None,
    roi_size: int = 11,
    masked_pixel_percentage: float = 0.2,
    model_params: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_params: Mapping[str, Any] | None = None,
    lr_scheduler: Literal["ReduceLROnPlateau", "StepLR"] = "ReduceLROnPlateau",
    lr_scheduler_params: Mapping[str, Any] | None = None,
    train_dataloader_params: Mapping[str, Any] | None = None,
    val_dataloader_params: Mapping[str, Any] | None = None,
    patching: Literal["sequential", "random"] = "sequential",
    seed: int | None = None,
) -> Configuration:
    """Configure Noise2Void [1]_: denoising learnt from noisy images alone.

    Parameters
    ----------
    experiment_name : str
        Name of the experiment: letters, digits, spaces, ``-`` and ``_``.
    data_type : {"array", "tiff"}
        Where the pixels are: NumPy arrays, or TIFF files.
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
    n_channels : int, optional
        Number of channels. Needed if the axes hold C.
    roi_size : int, default=11
        Side, in pixels, of the square (in 3D: cube) around a masked pixel that its replacement comes from. Odd, 3 to
        21.
    masked_pixel_percentage : float, default=0.2
        Share of the pixels that is masked, in percent, 0.05 to 10. In a patch, that must be at least one pixel.
    model_params : mapping, optional
        Further fields of `UNetConfig`, such as ``{"depth": 3}``.
    optimizer : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Name of the optimizer in ``torch.optim``.
    optimizer_params : mapping, optional
        Its keyword arguments, such as ``{"lr": 1e-4}``.
    lr_scheduler : {"ReduceLROnPlateau", "StepLR"}, default="ReduceLROnPlateau"
        Name of the learning-rate scheduler in ``torch.optim.lr_scheduler``.
    lr_scheduler_params : mapping, optional
        Its keyword arguments. StepLR needs ``step_size``.
    train_dataloader_params, val_dataloader_params : mapping, optional
        Further arguments of the loaders, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
    patching : {"sequential", "random"}, default="sequential"
        Which patches an epoch has: those of a grid that covers every pixel, or as many from anywhere, drawn anew.
    seed : int, optional
        Decides every random draw, 0 to 2**63 - 1. Drawn once, and kept in ``data_config.seed``, if None.

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
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.

    Examples
    --------
    >>> config = create_n2v_configuration(
    ...     experiment_name="demo", data_type="array", axes="YX", patch_size=[64, 64], batch_size=128, num_epochs=20
    ... )
    >>> config.data_config.patch_size
    [64, 64]
    """
    channels = Channels("n_channels", n_channels)
    return assemble(
        {"algorithm": "n2v"},
        channels_in=channels,
        channels_out=channels,
        masking={
            "name": "N2VManipulate",
            "roi_size": roi_size,
            "masked_pixel_percentage": masked_pixel_percentage,
        },
        experiment_name=experiment_name,
        data_type=data_type,
        axes=axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=num_steps,
        augmentations=augmentations,
        independent_channels=independent_channels,
        model_params=model_params,
        optimizer=optimizer,
        optimizer_params=optimizer_params,
        lr_scheduler=lr_scheduler,
        lr_scheduler_params=lr_scheduler_params,
        train_dataloader_params=train_dataloader_params,
        val_dataloader_params=val_dataloader_params,
        patching=patching,
        seed=seed,
    )


def create_care_configuration(
    experiment_name: str,
    data_type: Literal["array", "tiff"],
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int = 100,
    num_steps: int | None = None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None = None,
    *,
    independent_channels: bool = True,
    loss: Literal["mae", "mse"] = "mae",
    n_channels_in: int | None = None,
    n_channels_out: int | None = None,
    model_params: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_params: Mapping[str, Any] | None = None,
    lr_scheduler: Literal["ReduceLROnPlateau", "StepLR"] = "ReduceLROnPlateau",
    lr_scheduler_params: Mapping[str, Any] | None = None,
    train_dataloader_params: Mapping[str, Any] | None = None,
    val_dataloader_params: Mapping[str, Any] | None = None,
    patching: Literal["sequential", "random"] = "sequential",
    seed: int | None = None,
) -> Configuration:
    """Configure CARE [1]_: restoration learnt from pairs of a poor and a good image.

    Parameters
    ----------
    experiment_name : str
        Name of the experiment: letters, digits, spaces, ``-`` and ``_``.
    data_type : {"array", "tiff"}
        Where the pixels are: NumPy arrays, or TIFF files.
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
        Number of channels of the images. Needed if the axes hold C.
    n_channels_out : int, optional
        Number of channels of the targets. As many as those of the images if None.
    model_params : mapping, optional
        Further fields of `UNetConfig`, such as ``{"depth": 3}``.
    optimizer : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Name of the optimizer in ``torch.optim``.
    optimizer_params : mapping, optional
        Its keyword arguments, such as ``{"lr": 1e-4}``.
    lr_scheduler : {"ReduceLROnPlateau", "StepLR"}, default="ReduceLROnPlateau"
        Name of the learning-rate scheduler in ``torch.optim.lr_scheduler``.
    lr_scheduler_params : mapping, optional
        Its keyword arguments. StepLR needs ``step_size``.
    train_dataloader_params, val_dataloader_params : mapping, optional
        Further arguments of the loaders, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
    patching : {"sequential", "random"}, default="sequential"
        Which patches an epoch has: those of a grid that covers every pixel, or as many from anywhere, drawn anew.
    seed : int, optional
        Decides every random draw, 0 to 2**63 - 1. Drawn once, and kept in ``data_config.seed``, if None.

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
    return assemble(
        {"algorithm": "care", "loss": loss},
        channels_in=Channels("n_channels_in", n_channels_in),
        channels_out=Channels("n_channels_out", n_channels_in if n_channels_out is None else n_channels_out),
        masking=None,
        experiment_name=experiment_name,
        data_type=data_type,
        axes=axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=num_steps,
        augmentations=augmentations,
        independent_channels=independent_channels,
        model_params=model_params,
        optimizer=optimizer,
        optimizer_params=optimizer_params,
        lr_scheduler=lr_scheduler,
        lr_scheduler_params=lr_scheduler_params,
        train_dataloader_params=train_dataloader_params,
        val_dataloader_params=val_dataloader_params,
        patching=patching,
        seed=seed,
    )


def create_n2n_configuration(
    experiment_name: str,
    data_type: Literal["array", "tiff"],
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int = 100,
    num_steps: int | None = None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None = None,
    *,
    independent_channels: bool = True,
    loss: Literal["mae", "mse"] = "mae",
    n_channels_in: int | None = None,
    n_channels_out: int | None = None,
    model_params: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_params: Mapping[str, Any] | None = None,
    lr_scheduler: Literal["ReduceLROnPlateau", "StepLR"] = "ReduceLROnPlateau",
    lr_scheduler_params: Mapping[str, Any] | None = None,
    train_dataloader_params: Mapping[str, Any] | None = None,
    val_dataloader_params: Mapping[str, Any] | None = None,
    patching: Literal["sequential", "random"] = "sequential",
    seed: int | None = None,
) -> Configuration:
    """Configure Noise2Noise [1]_: denoising learnt from pairs of noisy images of the same scene.

    Parameters
    ----------
    experiment_name : str
        Name of the experiment: letters, digits, spaces, ``-`` and ``_``.
    data_type : {"array", "tiff"}
        Where the pixels are: NumPy arrays, or TIFF files.
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
        Number of channels of the images. Needed if the axes hold C.
    n_channels_out : int, optional
        Number of channels of the targets. As many as those of the images if None.
    model_params : mapping, optional
        Further fields of `UNetConfig`, such as ``{"depth": 3}``.
    optimizer : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Name of the optimizer in ``torch.optim``.
    optimizer_params : mapping, optional
        Its keyword arguments, such as ``{"lr": 1e-4}``.
    lr_scheduler : {"ReduceLROnPlateau", "StepLR"}, default="ReduceLROnPlateau"
        Name of the learning-rate scheduler in ``torch.optim.lr_scheduler``.
    lr_scheduler_params : mapping, optional
        Its keyword arguments. StepLR needs ``step_size``.
    train_dataloader_params, val_dataloader_params : mapping, optional
        Further arguments of the loaders, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
    patching : {"sequential", "random"}, default="sequential"
        Which patches an epoch has: those of a grid that covers every pixel, or as many from anywhere, drawn anew.
    seed : int, optional
        Decides every random draw, 0 to 2**63 - 1. Drawn once, and kept in ``data_config.seed``, if None.

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
    .. [1] Lehtinen et al.: "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018.
    """
    return assemble(
        {"algorithm": "n2n", "loss": loss},
        channels_in=Channels("n_channels_in", n_channels_in),
        channels_out=Channels("n_channels_out", n_channels_in if n_channels_out is None else n_channels_out),
        masking=None,
        experiment_name=experiment_name,
        data_type=data_type,
        axes=axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=num_steps,
        augmentations=augmentations,
        independent_channels=independent_channels,
        model_params=model_params,
        optimizer=optimizer,
        optimizer_params=optimizer_params,
        lr_scheduler=lr_scheduler,
        lr_scheduler_params=lr_scheduler_params,
        train_dataloader_params=train_dataloader_params,
        val_dataloader_params=val_dataloader_params,
        patching=patching,
        seed=seed,
    )
