"""The configuration of Noise2Void."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from patchmill.config.configuration import Configuration
from patchmill.config.factories.assembly import Channels, assemble
from patchmill.config.filters import PatchFilter
from patchmill.config.normalization import Normalization
from patchmill.config.transforms import XYFlipConfig, XYRandomRotate90Config

__all__ = ["create_n2v_configuration"]


def create_n2v_configuration(
    experiment_name: str,
    data_type: Literal["array", "tiff", "custom"],
    axes: str,
    patch_size: Sequence[int],
    batch_size: int,
    num_epochs: int = 100,
    num_steps: int | None = None,
    augmentations: Sequence[XYFlipConfig | XYRandomRotate90Config] | None = None,
    independent_channels: bool = True,  # noqa: FBT001, FBT002 - by position, as in CAREamics
    use_n2v2: bool = False,  # noqa: FBT001, FBT002
    n_channels: int | None = None,
    roi_size: int = 11,
    masked_pixel_percentage: float = 0.2,
    struct_n2v_axis: Literal["none", "horizontal", "vertical", "cross", "square"] = "none",
    struct_n2v_span: int = 5,
    trainer_params: Mapping[str, Any] | None = None,
    logger: Literal["none", "wandb", "tensorboard"] = "none",
    model_params: Mapping[str, Any] | None = None,
    optimizer: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam",
    optimizer_params: Mapping[str, Any] | None = None,
    lr_scheduler: Literal["ReduceLROnPlateau", "StepLR", "WarmupCosine"] = "ReduceLROnPlateau",
    lr_scheduler_params: Mapping[str, Any] | None = None,
    train_dataloader_params: Mapping[str, Any] | None = None,
    val_dataloader_params: Mapping[str, Any] | None = None,
    checkpoint_params: Mapping[str, Any] | None = None,
    seed: int | None = None,
    *,
    patching: Literal["sequential", "random", "fixed_random", "stratified"] | None = None,
    normalization: Normalization | None = None,
    channels: Sequence[int] | None = None,
    patch_filter: PatchFilter | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    n_files_mixed: int = 1,
) -> Configuration:
    """Configure Noise2Void [1]_: denoising learnt from noisy images alone.

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
    use_n2v2 : bool, default=False
        Whether to train the variant N2V2 [2]_: masked pixels get medians, and the network blurs what it pools.
    n_channels : int, optional
        Number of channels that are trained on: as many as `channels` if None. Needed if the axes hold C.
    roi_size : int, default=11
        Side, in pixels, of the square (in 3D: cube) around a masked pixel that its replacement comes from. Odd, 3 to
        21.
    masked_pixel_percentage : float, default=0.2
        Share of the pixels that is masked, in percent, 0.05 to 10. In a patch, that must be at least one pixel.
    struct_n2v_axis : {"none", "horizontal", "vertical", "cross", "square"}, default="none"
        Which pixels around a masked one are hidden besides, against noise that is correlated along lines [3]_.
    struct_n2v_span : int, default=5
        Length of the lines, or side of the square, in pixels. Odd, 3 to 15.
    trainer_params : mapping, optional
        Arguments of Lightning's Trainer. patchmill's own trainer does those that are fields of `TrainingConfig`, too:
        ``max_steps``, ``precision``, ``gradient_clip_val``, ``gradient_clip_algorithm``, ``accumulate_grad_batches``,
        and ``limit_train_batches`` as a number of batches. It refuses others, see `unsupported_options`.
    logger : {"none", "wandb", "tensorboard"}, default="none"
        Where losses are logged besides ``losses.csv``. W&B and TensorBoard need the extra of their name.
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
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    .. [3] Broaddus, Krull, Weigert, Schmidt, Myers: "Removing Structured Noise with Self-Supervised Blind-Spot
       Networks", ISBI 2020.

    Examples
    --------
    >>> config = create_n2v_configuration(
    ...     experiment_name="demo", data_type="array", axes="YX", patch_size=[64, 64], batch_size=128, num_epochs=20
    ... )
    >>> config.data_config.patch_size
    [64, 64]
    """
    n_picked = None if channels is None else len(channels)
    both = Channels("n_channels", n_picked if n_channels is None else n_channels)
    return assemble(
        {"algorithm": "n2v"},
        model={"independent_channels": independent_channels, "n2v2": use_n2v2},
        channels_in=both,
        channels_out=both,
        masking={
            "name": "N2VManipulate",
            "roi_size": roi_size,
            "masked_pixel_percentage": masked_pixel_percentage,
            "strategy": "median" if use_n2v2 else "uniform",
            "struct_mask_axis": struct_n2v_axis,
            "struct_mask_span": struct_n2v_span,
        },
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
