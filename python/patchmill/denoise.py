"""The main job in one call: train Noise2Void on a TIFF file, and write the file denoised."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.careamist import CAREamist
from patchmill.config import Configuration, create_n2v_configuration
from patchmill.errors import ShapeError
from patchmill.prediction import check_writable, write_tiff
from patchmill.sources import Image, images_from_tiffs, parse_axes, read_metadata
from patchmill.training import TrainingReport

__all__ = ["denoise_tiff"]

DEPTH = 2
"""How often the network halves a patch."""

MAX_STEPS = 200
"""Most batches of an epoch, so that epochs of large files end: the next one sees other patches."""

PATCH_SIZE = {2: (64, 64), 3: (16, 64, 64)}
TILE_SIZE = {2: (256, 256), 3: (32, 128, 128)}
TILE_OVERLAP = {2: (48, 48), 3: (8, 48, 48)}


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

    Channels are denoised each on its own, in 3D if the axes hold Z, else plane by plane.

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
        The size of the patches, (Z)YX, or one for all axes. By default 64 pixels, 16 along Z, or less in a smaller
        image.
    batch_size : int, default=16
        The number of patches in a batch.
    seed : int, optional
        Decides every random draw; drawn if None.
    device : str, optional
        Name of the device; the best one there is if None.
    work_dir : path, optional
        Folder for the losses and the checkpoints, by default ``<target>_patchmill`` beside the target.
    keep_dtype : bool, default=False
        Whether to write the data type of the source, rounded and clipped, and not float32.
    overwrite : bool, default=False
        Whether the target may be there already.
    progress : bool, optional
        Whether a progress bar is drawn. If None: where standard output is a terminal.

    Returns
    -------
    TrainingReport
        Losses, speed, and where the checkpoints are.

    Raises
    ------
    PatchmillError
        If the source cannot be read or trained on, or the target not be written; all but a full disk is found before
        training.
    """
    target = Path(target)
    check_writable(target, overwrite=overwrite)
    metadata = read_metadata(source)
    letters = parse_axes(axes) if axes is not None else metadata.require_axes()
    (image,) = images_from_tiffs([Path(source)], letters)
    config = _configure(image, num_epochs, patch_size, batch_size, seed)
    if work_dir is None:
        work_dir = target.with_name(f"{target.name.split('.')[0]}_patchmill")
    careamist = CAREamist(config, work_dir, device=device, progress=progress)
    report = careamist.train(train_source=[Path(source)])
    n_dims = len(config.data_config.patch_size)
    (denoised,) = careamist.predict(
        [Path(source)], tile_size=TILE_SIZE[n_dims], tile_overlap=TILE_OVERLAP[n_dims], batch_size=4
    )
    result: NDArray[Any] = cast_like(denoised, image.dtype) if keep_dtype else denoised
    write_tiff(target, result, letters, metadata=metadata, overwrite=overwrite)
    return report


def cast_like(image: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Cast a prediction to the data type of its source: rounded and clipped where that holds integers.

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
        return image.astype(dtype)
    if dtype.kind == "b":
        return image >= 0.5
    limits = np.iinfo(dtype)
    # float64 has room for what float32 rounds beyond the largest integer; its own last step is clipped below.
    rounded = np.rint(image.astype(np.float64))
    largest = np.nextafter(float(limits.max), 0.0) if float(limits.max) > limits.max else float(limits.max)
    return np.clip(rounded, float(limits.min), largest).astype(dtype)


def _configure(
    image: Image, num_epochs: int, patch_size: Sequence[int] | None, batch_size: int, seed: int | None
) -> Configuration:
    if patch_size is None:
        patch_size = _fitting_patch_size(image)
    elif len(patch_size) == 1:
        patch_size = list(patch_size) * (3 if "Z" in image.axes else 2)
    return create_n2v_configuration(
        experiment_name="denoise",
        data_type="tiff",
        axes=image.axes,
        patch_size=patch_size,
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_steps=MAX_STEPS,
        n_channels=image.n_channels if "C" in image.axes else None,
        model_params={"depth": DEPTH},
        optimizer_params={"lr": 1e-3},
        patching="random",
        seed=seed,
    )


def _fitting_patch_size(image: Image) -> list[int]:
    """Choose the usual size, or what the network takes of a smaller image."""
    axes = "ZYX" if "Z" in image.axes else "YX"
    factor = 2**DEPTH
    fitting = []
    for axis, size, usual in zip(axes, image.size_zyx[-len(axes) :], PATCH_SIZE[len(axes)], strict=True):
        fits = min(usual, size // factor * factor)
        if fits < 2 * factor:
            msg = (
                f"{image.name}, axis {axis}: expected at least {2 * factor} pixels, got {size}: the shape is "
                f"{image.shape}, the axes are {image.axes!r}."
            )
            advice = " Give the planes as samples: write S for Z in the axes (--axes)." if axis == "Z" else ""
            raise ShapeError(msg + advice)
        fitting.append(fits)
    return fitting
