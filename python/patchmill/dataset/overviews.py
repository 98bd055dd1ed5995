"""The images of a dataset, and what becomes of the cells of their grids, to be looked at."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.patching import create_plan, patch_size_zyx
from patchmill.plotting import Cell, Overview
from patchmill.sources import Image, ImageLike
from patchmill.sources.thumbnail import thumbnail

__all__ = ["create_overviews"]

Patches = InMemoryDataset | IterableDataset

MOST_IMAGES = 4

MOST_PIXELS = 1000
"""Along either axis of an image."""


def create_overviews(training: Patches, validation: Patches, regions: NDArray[np.int64]) -> list[Overview]:
    """Shrink some samples of the images, those of given regions first, and look up what becomes of their cells.

    Parameters
    ----------
    training, validation : InMemoryDataset or IterableDataset
        The datasets. If validation has images of its own, one of them is among the overviews.
    regions : numpy.ndarray (n, 5)
        Rows of (image, sample, z, y, x): regions of `training` that are labelled by their numbers from 1 on.

    Returns
    -------
    list of Overview
        Up to four. Of a volume it is the middle plane, or that of the first region in it.
    """
    is_shared = training._sizes is validation._sizes
    grid = _Grid(training, [(training._kept, Cell.LEFT_OUT), (training._plan.kept(), Cell.TRAINING)])
    if is_shared:
        grid.claims.append((validation._plan.kept(), Cell.VALIDATION))
    shown = [(number, sample) for number, sample, *_ in regions.tolist()]
    places = dict.fromkeys(itertools.chain(shown, _first_samples(training._sizes)))
    n_places = MOST_IMAGES if is_shared else MOST_IMAGES - 1
    overviews = [grid.overview(number, sample, regions) for number, sample in itertools.islice(places, n_places)]
    if not is_shared:
        overviews.append(_Grid(validation, [(None, Cell.VALIDATION)], "validation: ").overview(0, 0, regions[:0]))
    return overviews


def _first_samples(images: Sequence[ImageLike]) -> Iterator[tuple[int, int]]:
    """List images and samples: all first samples, all second ones, and so on, as many as may be needed."""
    for sample in range(MOST_IMAGES):
        numbers = (number for number, image in enumerate(images) if sample < image.n_samples)
        yield from ((number, sample) for number in itertools.islice(numbers, MOST_IMAGES))


@dataclass
class _Grid:
    """The cells of a dataset, and who has them.

    Parameters
    ----------
    dataset : InMemoryDataset or IterableDataset
        The dataset.
    claims : list of (numpy.ndarray or None, Cell)
        The numbers of cells, or None for all, and what becomes of them. Later ones win.
    title : str
        How the titles of its images begin.
    """

    dataset: Patches
    claims: list[tuple[NDArray[np.uint64] | None, Cell]]
    title: str = ""

    def overview(self, number: int, sample: int, regions: NDArray[np.int64]) -> Overview:
        """Look at a sample of an image."""
        image = self._open(number)
        config = self.dataset.data_config
        channel = getattr(config.patch_filter, "ref_channel", 0)
        depth, height, width = image.size_zyx
        patch_size = patch_size_zyx(config.patch_size)
        labels = {
            str(label): (z, y, x)
            for label, (of, within, z, y, x) in enumerate(regions.tolist(), start=1)
            if (of, within) == (number, sample)
        }
        plane = next((z + patch_size[0] // 2 for z, _, _ in labels.values()), depth // 2)
        origins, cells = self._cells(number, sample, plane)
        return Overview(
            title=self.title + _title(image, sample, channel, plane),
            plane=thumbnail(image, sample, channel, plane, most_pixels=MOST_PIXELS),
            size=(height, width),
            patch_size=patch_size[1:],
            origins=origins,
            cells=cells,
            patches={label: (y, x) for label, (z, y, x) in labels.items() if z <= plane < z + patch_size[0]},
        )

    def _open(self, number: int) -> Image:
        dataset = self.dataset
        return dataset._images[number] if isinstance(dataset, InMemoryDataset) else dataset._files.open(number)

    def _cells(
        self, number: int, sample: int, plane: int
    ) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.uint8]]:
        """Return where the cells of a plane begin along Y and X, and what becomes of them."""
        sizes, patch_size = self.dataset._sizes, self.dataset.data_config.patch_size
        alone = create_plan(sizes[number : number + 1], patch_size, "sequential")
        n_cells = alone.n_cells // sizes[number].n_samples
        before = create_plan(sizes[:number], patch_size, "sequential").n_cells if number else 0
        first = before + sample * n_cells
        cells = np.full(n_cells, Cell.FILTERED, np.uint8)
        for kept, cell in self.claims:
            cells[_within(kept, first, n_cells)] = cell
        z, y, x = (np.unique(along) for along in alone.cells(np.arange(n_cells, dtype=np.uint64))[:, 2:].T)
        is_seen = (z <= plane) & (plane < z + patch_size_zyx(patch_size)[0])
        layers: NDArray[np.uint8] = cells.reshape(len(z), len(y), len(x))[is_seen].max(axis=0)
        return (y, x), layers


def _within(kept: NDArray[np.uint64] | None, first: int, n_cells: int) -> slice | NDArray[np.uint64]:
    """Return which of `n_cells` cells from number `first` on are among the kept ones, counted from `first`."""
    if kept is None:
        return slice(None)
    start, stop = np.searchsorted(kept, np.array([first, first + n_cells], np.uint64))
    return kept[start:stop] - np.uint64(first)


def _title(image: Image, sample: int, channel: int, plane: int) -> str:
    depth, height, width = image.size_zyx
    parts = [
        Path(image.name).name,
        *([f"sample {sample} of {image.n_samples}"] if image.n_samples > 1 else []),
        *([f"channel {channel}"] if image.n_channels > 1 else []),
        *([f"plane {plane} of {depth}"] if depth > 1 else []),
        f"{height} x {width}",
    ]
    return ", ".join(parts)
