"""Which regions of CAREamics' stratified patching are background, found for all regions of a sample at once."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from careamics.dataset.factory.filter_bg import filter_background as their_filter_background
from numpy.typing import NDArray

from patchmill._core import default_num_threads, filter_cells
from patchmill.careamics.stratified_patching import StratifiedPatching

__all__ = ["filter_background"]

logger = logging.getLogger(__name__)

_N_SCORES = {"max": 1, "mean_std": 2, "shannon": 1, "mask": 1}

# As float32, 64 MB.
_N_PIXELS_AT_ONCE = 1 << 24


def filter_background(config: Any, patching: StratifiedPatching, extractor: Any) -> None:
    """Make patches less likely that begin where a filter finds background, as the functions of CAREamics do.

    A region is the pixels that patches of a cell can reach: twice the size of a patch from the cell on, with zeros for
    what lies outside of the image.

    Parameters
    ----------
    config : PatchFilterConfig
        CAREamics' configuration of the filter.
    patching : StratifiedPatching
        Where it is said how likely patches are.
    extractor : PatchExtractor
        The images, or their masks.

    Raises
    ------
    DataError
        If a pixel is NaN or infinite.
    """
    if not _is_known(config):
        their_filter_background(config, patching, extractor)
        return
    n_regions = n_background = 0
    for image, sample in patching.get_all_grid_coords():
        scores = _scores(config, extractor, (image, sample), patching.grid_shape(image), patching.patch_size)
        cells = [tuple(cell) for cell in np.argwhere(_is_background(config, scores)).tolist()]
        patching.set_region_probs(image, sample, dict.fromkeys(cells, config.filtered_patch_prob))
        n_regions += scores[..., 0].size
        n_background += len(cells)
    logger.info("The patch filter %r takes %d of %d regions for background.", config.name, n_background, n_regions)


def _is_known(config: Any) -> bool:
    """Whether patchmill's scores decide as CAREamics does.

    Below 0, it takes the zeros around a region for bright; with a coverage of 0, it still wants one pixel that bright.
    """
    return config.name in _N_SCORES and (config.name != "max" or (config.threshold >= 0 and config.coverage > 0))


def _is_background(config: Any, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    match config.name:
        case "mean_std":
            least = [config.mean_threshold, -np.inf if config.std_threshold is None else config.std_threshold]
        case "shannon":
            least = [config.threshold]
        case _:
            least = [config.coverage]
    found: NDArray[np.bool_] = np.any(scores < least, axis=-1)
    return found


def _scores(
    config: Any, extractor: Any, place: tuple[int, int], grid: Sequence[int], patch_size: Sequence[int]
) -> NDArray[np.float64]:
    """Score the regions of a sample, by slabs along its first axis."""
    scores = np.empty((*grid, _N_SCORES[config.name]))
    beyond_first = [(n + 1) * patch for n, patch in zip(grid[1:], patch_size[1:], strict=True)]
    n_at_once = max(_N_PIXELS_AT_ONCE // (patch_size[0] * math.prod(beyond_first)) - 1, 1)
    for first in range(0, grid[0], n_at_once):
        slab = scores[first : first + n_at_once]
        pixels = extractor.extract_channel_patch(
            place[0],
            sample_idx=place[1],
            channels=[config.ref_channel],
            coords=(first * patch_size[0], *(0 for _ in beyond_first)),
            patch_size=((len(slab) + 1) * patch_size[0], *beyond_first),
        )[0]
        for cells, part in _side_by_side(pixels, slab.shape[:-1], patch_size):
            slab[cells] = _score(config, part, patch_size).reshape(slab[cells].shape)
    return scores


def _side_by_side(
    pixels: NDArray[np.float32], grid: Sequence[int], patch_size: Sequence[int]
) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
    """Take every second cell along each axis, so that their regions lie side by side: the cells, and the pixels."""
    for starts in itertools.product((0, 1), repeat=len(grid)):
        counts = [(n - start + 1) // 2 for n, start in zip(grid, starts, strict=True)]
        if all(counts):
            spans = zip(starts, counts, patch_size, strict=True)
            part = tuple(slice(start * patch, (start + 2 * count) * patch) for start, count, patch in spans)
            yield tuple(slice(start, None, 2) for start in starts), pixels[part]


def _score(config: Any, pixels: NDArray[np.float32], patch_size: Sequence[int]) -> NDArray[np.float64]:
    """Score regions that lie side by side."""
    n_missing = 3 - pixels.ndim
    return filter_cells(
        [("image", pixels[(None,) * (3 + n_missing)])],
        [1] * n_missing + [2 * patch for patch in patch_size],
        config.name,
        channel=0,
        threshold=config.threshold if config.name == "max" else None,
        num_threads=default_num_threads(),
    )
