"""The main job in one call: train Noise2Void on a TIFF file, and write the file denoised."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.careamist import CAREamist
from patchmill.config import Configuration, create_n2v_configuration
from patchmill.errors import OutputError, PatchmillWarning, ShapeError
from patchmill.prediction import check_writable, write_tiff
from patchmill.sources import Image, images_from_tiffs, parse_axes, read_metadata
from patchmill.sources.files import check_name
from patchmill.training import TrainingReport
from patchmill.usual import (
    DEPTH,
    MIN_SIZE,
    PLANES,
    VOLUMES,
    Usual,
    fitting_patch_size,
    fitting_tiles,
    masked_percentage,
)

__all__ = ["default_work_dir", "denoise_tiff"]

MIN_SPLIT = 4
"""With fewer patches side by side, none are kept for validation alone."""

NUM_EPOCHS = 20

MIN_STEPS = 100
"""Fewest batches of a training: with fewer, the network of a small image is far from what it could be."""


def denoise_tiff(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    axes: str | None = None,
    num_epochs: int | None = None,
    patch_size: Sequence[int] | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    work_dir: str | os.PathLike[str] | None = None,
    keep_dtype: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
) -> TrainingReport:
    """Train Noise2Void on a TIFF file alone, and write it denoised.

    Channels are denoised each on its own; in 3D if the axes hold Z and there are at least 8 planes, else plane by
    plane.

    Parameters
    ----------
    source : path
        The file: any shape, axes and data type.
    target : path
        The file to write, with the shape, the axes and the metadata of the source.
    axes : str, optional
        The axes of the source, a subset of STCZYX in their order, if its metadata does not say them or is wrong.
    num_epochs : int, optional
        How often as many patches are drawn as would cover the image, of a large image 200 batches at most, or 50 in 3D.
        By default 20, and more for a small image, so that there are 100 batches in all.
    patch_size : sequence of int, optional
        The size of the patches, (Z)YX, or one for all axes. By default 64 pixels, 16 along Z, and less in a smaller
        image.
    batch_size : int, optional
        The number of patches in a batch, by default 16, or 4 in 3D.
    seed : int, optional
        Decides every random draw; drawn if None.
    device : str, optional
        Name of the device; the best one there is if None.
    work_dir : path, optional
        Folder for the losses and the checkpoints. By default beside the target, ``cells_patchmill`` for
        ``cells.tif``.
    keep_dtype : bool, default=False
        Whether to write the data type of the source, rounded and clipped, and not float32.
    overwrite : bool, default=False
        Whether the target may be there already. It is never the source.
    progress : bool, optional
        Whether progress bars are drawn. If None: where standard output is a terminal.

    Returns
    -------
    TrainingReport
        Losses, speed, and where the checkpoints are.

    Raises
    ------
    PatchmillError
        If the source cannot be read or trained on, or the target not be written; all but a full disk is found before
        training.

    Warns
    -----
    PatchmillWarning
        If a channel is constant, or if there are too few planes to denoise them in 3D.
    """
    source, target = Path(source), Path(target)
    check_name(source)
    _check_apart(source, target)
    check_writable(target, overwrite=overwrite)
    metadata = read_metadata(source)
    letters = parse_axes(axes) if axes is not None else metadata.require_axes()
    (image,) = images_from_tiffs([source], letters)
    if _is_flat(image, patch_size):
        (image,) = images_from_tiffs([source], _axes_of_planes(image))
    config = _configure(image, num_epochs, patch_size, batch_size, seed)
    if work_dir is None:
        work_dir = default_work_dir(target)
    careamist = CAREamist(config, work_dir, device=device, enable_progress_bar=progress)
    is_small = _n_patches(image, config.data_config.patch_size) < MIN_SPLIT
    report = careamist.train(train_source=[image], val_source=[image] if is_small else None)
    tile_size, tile_overlap = fitting_tiles([image], _usual(image))
    (denoised,) = careamist.predict(
        [image],
        tile_size=tile_size,
        tile_overlap=tile_overlap,
        batch_size=_usual(image).tiles_per_batch,
        reflect_borders=True,
    )
    result: NDArray[Any] = cast_like(denoised, image.dtype) if keep_dtype else denoised
    write_tiff(target, result, letters, metadata=metadata, overwrite=overwrite)
    return report


def default_work_dir(target: Path) -> Path:
    """Name the folder for the losses and the checkpoints, which is beside the target.

    Parameters
    ----------
    target : pathlib.Path
        The file that will be written.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    return target.with_name(f"{target.stem.removesuffix('.ome')}_patchmill")


def cast_like(image: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Cast a prediction to the data type of its source: clipped to its range, and rounded where it holds integers.

    Parameters
    ----------
    image : numpy.ndarray, float32
        The prediction.
    dtype : numpy.dtype
        The data type, in either byte order.

    Returns
    -------
    numpy.ndarray
        The image, in the native byte order.
    """
    dtype = dtype.newbyteorder("=")
    if dtype.kind == "f":
        return np.clip(image, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    if dtype.kind == "b":
        return image >= 0.5
    limits = np.iinfo(dtype)
    low, high = np.float32(limits.min), np.float32(limits.max)
    if int(high) > limits.max:
        high = np.nextafter(high, np.float32(0))
    rounded = np.rint(image)
    return np.clip(rounded, low, high, out=rounded).astype(dtype)


def _check_apart(source: Path, target: Path) -> None:
    """Refuse to replace the image by what is made of it: nothing else may hold it."""
    if source.exists() and target.exists() and source.samefile(target):
        msg = f"{target}: expected a file for the output, got the image itself. Choose another name."
        raise OutputError(msg)


def _is_flat(image: Image, patch_size: Sequence[int] | None) -> bool:
    """Whether an image has a Z axis, but too few planes for patches in 3D, and nobody asked for such."""
    asked = patch_size is not None and len(patch_size) == 3
    return "Z" in image.axes and image.size_zyx[0] < MIN_SIZE and not asked


def _axes_of_planes(image: Image) -> str:
    """Name the axes of an image so that its planes are samples."""
    free = [letter for letter in "ST" if letter not in image.axes]
    n_planes = image.size_zyx[0]
    if not free:
        msg = (
            f"{image.name}, axis Z: expected at least {MIN_SIZE} planes, got {n_planes}: the shape is {image.shape}, "
            f"the axes are {image.axes!r}. Split the file along S or T, to denoise plane by plane."
        )
        raise ShapeError(msg)
    warnings.warn(
        f"{image.name}, axis Z: expected at least {MIN_SIZE} planes to denoise in 3D, got {n_planes}. Each plane is "
        "denoised on its own.",
        PatchmillWarning,
        stacklevel=3,
    )
    return image.axes.replace("Z", free[0])


def _configure(
    image: Image, num_epochs: int | None, patch_size: Sequence[int] | None, batch_size: int | None, seed: int | None
) -> Configuration:
    usual = _usual(image)
    batch_size = usual.batch_size if batch_size is None else batch_size
    if patch_size is None:
        patch_size = fitting_patch_size(image, usual)
    elif len(patch_size) == 1:
        patch_size = list(patch_size) * len(usual.patch_size)
    n_pixels = max(math.prod(patch_size), MIN_SIZE ** len(patch_size))
    if num_epochs is None:
        steps = image.n_samples * math.prod(image.size_zyx) / n_pixels / max(batch_size, 1)
        num_epochs = max(NUM_EPOCHS, math.ceil(MIN_STEPS / min(math.ceil(steps), usual.max_steps)))
    return create_n2v_configuration(
        experiment_name="denoise",
        data_type="tiff",
        axes=image.axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=usual.max_steps,
        n_channels=image.n_channels if "C" in image.axes else None,
        masked_pixel_percentage=masked_percentage(patch_size),
        model_params={"depth": DEPTH, "num_channels_init": usual.num_channels_init},
        optimizer_params={"lr": 1e-3},
        patching="random",
        checkpoint_params={"save_top_k": 1},
        seed=seed,
    )


def _n_patches(image: Image, patch_size: Sequence[int]) -> int:
    """Count the patches that lie side by side in an image."""
    return image.n_samples * math.prod(size // patch for size, patch in zip(_size(image), patch_size, strict=True))


def _usual(image: Image) -> Usual:
    return VOLUMES if _n_dims(image) == 3 else PLANES


def _size(image: Image) -> tuple[int, ...]:
    """Return the size of a sample, (Z)YX."""
    return image.size_zyx[-_n_dims(image) :]


def _n_dims(image: Image) -> int:
    return 3 if "Z" in image.axes else 2
