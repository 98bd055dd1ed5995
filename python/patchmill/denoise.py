"""The main job in one call: train Noise2Void on a TIFF file, and write the file denoised."""

from __future__ import annotations

import logging
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
from patchmill.errors import PatchmillWarning, ShapeError
from patchmill.prediction import check_writable, write_tiff
from patchmill.sources import Image, images_from_tiffs, parse_axes, read_metadata
from patchmill.training import TrainingReport

__all__ = ["denoise_tiff"]

logger = logging.getLogger("patchmill")

DEPTH = 2
"""How often the network halves a patch."""

MIN_SIZE = 8
"""The smallest patch, in pixels along each axis."""

MIN_SPLIT = 4
"""With fewer patches side by side, none are kept for validation alone."""

MAX_STEPS = 200
"""Most batches of an epoch, so that epochs of large files end: the next one sees other patches."""

PATCH_SIZE = {2: (64, 64), 3: (16, 64, 64)}
TILE_SIZE = {2: (256, 256), 3: (32, 128, 128)}
TILE_OVERLAP = {2: (48, 48), 3: (8, 48, 48)}
TILES_PER_BATCH = {2: 4, 3: 1}


def denoise_tiff(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    axes: str | None = None,
    num_epochs: int = 20,
    patch_size: Sequence[int] | None = None,
    batch_size: int = 16,
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
    num_epochs : int, default=20
        How often the patches are seen; of large files, `MAX_STEPS` batches at a time.
    patch_size : sequence of int, optional
        The size of the patches, (Z)YX, or one for all axes. By default 64 pixels, 16 along Z, and less in a smaller
        image.
    batch_size : int, default=16
        The number of patches in a batch.
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
        Whether the target may be there already.
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
    check_writable(target, overwrite=overwrite)
    metadata = read_metadata(source)
    letters = parse_axes(axes) if axes is not None else metadata.require_axes()
    (image,) = images_from_tiffs([source], letters)
    if _is_flat(image, patch_size):
        (image,) = images_from_tiffs([source], _axes_of_planes(image))
    config = _configure(image, num_epochs, patch_size, batch_size, seed)
    is_small = _n_patches(image, config.data_config.patch_size) < MIN_SPLIT
    tile_size, tile_overlap = _tiles(image)
    dtype = image.dtype
    del image  # its pixels are read again for training and for prediction, and not held meanwhile

    if work_dir is None:
        work_dir = target.with_name(f"{target.stem.removesuffix('.ome')}_patchmill")
    careamist = CAREamist(config, work_dir, device=device, progress=progress)
    if is_small:
        logger.info("%s: too small to keep patches for validation alone, so it is validated on all of them", source)
    report = careamist.train(train_source=[source], val_source=[source] if is_small else None)
    (denoised,) = careamist.predict(
        [source], tile_size=tile_size, tile_overlap=tile_overlap, batch_size=TILES_PER_BATCH[len(tile_size)]
    )
    result: NDArray[Any] = cast_like(denoised, dtype) if keep_dtype else denoised
    write_tiff(target, result, letters, metadata=metadata, overwrite=overwrite)
    return report


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
    # float64 has room for what float32 rounds beyond the largest integer; its own last step is clipped below.
    rounded = np.rint(image.astype(np.float64))
    largest = np.nextafter(float(limits.max), 0.0) if float(limits.max) > limits.max else float(limits.max)
    return np.clip(rounded, float(limits.min), largest).astype(dtype)


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
    image: Image, num_epochs: int, patch_size: Sequence[int] | None, batch_size: int, seed: int | None
) -> Configuration:
    if patch_size is None:
        patch_size = _fitting_patch_size(image)
    elif len(patch_size) == 1:
        patch_size = list(patch_size) * len(_spatial(image))
    # Two pixels where the usual share of a small patch would not be one.
    masked_pixel_percentage = max(0.2, 200 / max(math.prod(patch_size), MIN_SIZE**2))
    return create_n2v_configuration(
        experiment_name="denoise",
        data_type="tiff",
        axes=image.axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=MAX_STEPS,
        n_channels=image.n_channels if "C" in image.axes else None,
        masked_pixel_percentage=masked_pixel_percentage,
        model_params={"depth": DEPTH},
        optimizer_params={"lr": 1e-3},
        patching="random",
        seed=seed,
    )


def _fitting_patch_size(image: Image) -> list[int]:
    """Choose the usual size, or one that fits into a smaller image, twice along Y and X so that patches differ."""
    axes, factor = _spatial(image), 2**DEPTH
    fitting = []
    for axis, size, usual in zip(axes, image.size_zyx[-len(axes) :], PATCH_SIZE[len(axes)], strict=True):
        if size < MIN_SIZE:
            msg = (
                f"{image.name}, axis {axis}: expected at least {MIN_SIZE} pixels, got {size}: the shape is "
                f"{image.shape}, the axes are {image.axes!r}. Check the axes (--axes), or use a larger image."
            )
            raise ShapeError(msg)
        room = size // 2 if axis in "YX" and size >= 2 * MIN_SIZE else size
        fitting.append(min(usual, room // factor * factor))
    return fitting


def _n_patches(image: Image, patch_size: Sequence[int]) -> int:
    """Count the patches that lie side by side in an image."""
    sizes = image.size_zyx[-len(patch_size) :]
    return image.n_samples * math.prod(size // patch for size, patch in zip(sizes, patch_size, strict=True))


def _tiles(image: Image) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Choose the size of the tiles and their overlap: along axes shorter than the usual tile, one tile."""
    n_dims, factor = len(_spatial(image)), 2**DEPTH
    sizes = image.size_zyx[-n_dims:]
    fitting = [-(-size // factor) * factor for size in sizes]
    tile_size = tuple(map(min, TILE_SIZE[n_dims], fitting))
    fits = [size <= tile for size, tile in zip(sizes, tile_size, strict=True)]
    return tile_size, tuple(0 if one else usual for one, usual in zip(fits, TILE_OVERLAP[n_dims], strict=True))


def _spatial(image: Image) -> str:
    return "ZYX" if "Z" in image.axes else "YX"
