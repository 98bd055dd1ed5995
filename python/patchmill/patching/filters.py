"""Patch filters: which cells of the sequential grid show more than background."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from patchmill._core import default_num_threads, filter_cells
from patchmill.errors import ConfigError, ShapeError
from patchmill.patching.plan import patch_size_zyx
from patchmill.sources import Image

if TYPE_CHECKING:
    from patchmill.config.filters import PatchFilter

__all__ = ["filter_scores", "kept_cells"]

logger = logging.getLogger(__name__)


def kept_cells(
    images: Sequence[Image],
    patch_size: Sequence[int],
    patch_filter: PatchFilter,
    masks: Sequence[Image] | None = None,
    *,
    num_threads: int | None = None,
) -> NDArray[np.uint64]:
    """List the cells of the sequential grid that a filter keeps: those that reach its thresholds in every score.

    What is kept of an image depends on no other one. So images can be given one at a time: the numbers of the second
    one follow those of the first, which are as many as it has cells.

    Parameters
    ----------
    images : sequence of Image
        The images; their shapes may differ.
    patch_size : sequence of int
        The size of a patch, (Z)YX.
    patch_filter : MaxPatchFilterConfig, MeanStdPatchFilterConfig, ShannonPatchFilterConfig or MaskPatchFilterConfig
        The filter.
    masks : sequence of Image, optional
        For the mask filter, the mask of each image.
    num_threads : int, optional
        The number of threads, by default the cores that this process may run on. The result is the same for any.

    Returns
    -------
    numpy.ndarray
        The numbers of the cells that are kept, in increasing order. Cells are counted as those of the sequential plan.

    Raises
    ------
    ConfigError, DataError, ShapeError
        As `filter_scores` does.

    See Also
    --------
    filter_scores : What the scores are.

    Notes
    -----
    CAREamics 0.3.5 has the same filters, and scores what lies in a square or cube of twice the size of a patch, at the
    same origins, because it draws its patches from there. Here they are drawn from about a cell, so that the cell is
    what is looked at: a patch is not kept because there is something beside it. Nor does a cell that is left out keep
    coming up with a probability of 0.1.
    """
    scores = filter_scores(images, patch_size, patch_filter, masks, num_threads=num_threads)
    kept = np.flatnonzero((scores >= _thresholds(patch_filter, len(patch_size))).all(axis=1)).astype(np.uint64)
    if images:
        where = images[0].name if len(images) == 1 else f"{images[0].name} and {len(images) - 1} more"
        share = 100 * len(kept) / len(scores)
        logger.info(
            "%s: the patch filter %r keeps %d of %d cells (%.1f %%)",
            where,
            patch_filter.name,
            len(kept),
            len(scores),
            share,
        )
    return kept


def filter_scores(
    images: Sequence[Image],
    patch_size: Sequence[int],
    patch_filter: PatchFilter,
    masks: Sequence[Image] | None = None,
    *,
    num_threads: int | None = None,
) -> NDArray[np.float64]:
    """Compute what a filter compares with its thresholds, for each cell of the sequential grid.

    Pixels are taken as they are in the image, in the filter's reference channel, before any normalisation. The scores
    are, by the name of the filter:

    - ``max``: the share of the pixels near which there is one above `threshold`, which is compared with `coverage`.
      Near is a window of half the size of a patch, rounded down, as in the maximum filter of CSBDeep [1]_; where its
      size is even, it reaches one pixel further towards smaller indices. Pixels outside of the patch count for nothing.
    - ``mean_std``: mean and population standard deviation. They are exact for integers, and for floats as exact as
      those of `compute_statistics`.
    - ``shannon``: the entropy [2]_ of the distribution of values, in bits, as in `skimage.measure.shannon_entropy`.
    - ``mask``: the share of the mask's pixels that are not zero, which is compared with `coverage`.

    Parameters
    ----------
    images, patch_size, patch_filter, masks, num_threads
        As for `kept_cells`.

    Returns
    -------
    numpy.ndarray (cells, scores)
        A row for each cell, in the order of the sequential plan. Rows hold one score, or two for ``mean_std``.

    Raises
    ------
    ConfigError
        If the mask filter has no masks, or another one has some.
    DataError
        If a pixel that is looked at is NaN, infinite, or of a magnitude beyond 2**53. It names the first one.
    ShapeError
        If an image is smaller than a patch or has no such channel, or if a mask is not of its image's shape.

    Notes
    -----
    On a patch, the scores are compared as CAREamics 0.3.5 compares them, with these differences. It takes zeros for
    what lies around a patch, so that for a negative `threshold` one bright pixel makes all borders of its patch bright.
    It converts pixels to float32 first, and computes mean and standard deviation in it, so that values near a threshold
    may fall on its other side, and integers beyond 2**24 fall together. It does not refuse NaN.

    References
    ----------
    .. [1] Weigert, Schmidt, Boothe et al.: "Content-aware image restoration: pushing the limits of fluorescence
           microscopy", Nature Methods 15, 2018.
    .. [2] Shannon: "A mathematical theory of communication", Bell System Technical Journal 27, 1948.
    """
    if (patch_filter.name == "mask") != (masks is not None):
        expected, got = ("one mask per image", "none") if masks is None else ("none", str(len(masks)))
        msg = f"masks: expected {expected} for the patch filter {patch_filter.name!r}, got {got}."
        raise ConfigError(msg)
    if masks is not None:
        _check_masks(images, masks)
    return filter_cells(
        [(image.name, image.pixels) for image in (images if masks is None else masks)],
        patch_size_zyx(patch_size),
        patch_filter.name,
        channel=0 if patch_filter.name == "mask" else patch_filter.ref_channel,
        threshold=patch_filter.threshold if patch_filter.name == "max" else None,
        num_threads=num_threads or default_num_threads(),
    )


def _thresholds(patch_filter: PatchFilter, n_dims: int) -> list[float]:
    """Return the least of each score that is kept."""
    match patch_filter.name:
        case "mean_std":
            std_threshold = patch_filter.std_threshold
            return [patch_filter.mean_threshold, -np.inf if std_threshold is None else std_threshold]
        case "shannon":
            return [patch_filter.threshold]
        case "max" | "mask":
            return [0.5**n_dims if patch_filter.coverage is None else patch_filter.coverage]


def _check_masks(images: Sequence[Image], masks: Sequence[Image]) -> None:
    if len(masks) != len(images):
        msg = f"masks: expected one for each of {len(images)} images, got {len(masks)}."
        raise ShapeError(msg)
    for image, mask in zip(images, masks, strict=True):
        s, t, _, *size = image.pixels.shape
        expected = (s, t, 1, *size)
        if mask.pixels.shape != expected:
            msg = (
                f"{image.name}: expected a mask of the shape {expected} (S, T, C, Z, Y, X), got {mask.pixels.shape} in "
                f"{mask.name}. Give a mask of one channel and the size of its image."
            )
            raise ShapeError(msg)
