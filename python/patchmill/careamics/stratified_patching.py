"""CAREamics' stratified patching as arrays: the same regions and as many patches, drawn many at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import careamics.dataset.patching.stratified_patching as careamics_patching
import numpy as np
from numpy.typing import NDArray

__all__ = ["StratifiedPatching"]

Integers = NDArray[np.int64]
Cell = tuple[int, ...]


class StratifiedPatching(careamics_patching.StratifiedPatching):  # type: ignore[misc]  # it has no types here
    """Patches whose origins spread evenly over each sample, less what is excluded or filtered.

    A sample has a grid of cells of the size of a patch. The origins that belong to a cell are those within it; where a
    cell is kept back for validation, those whose patches would touch it are left out; where a filter has found
    background, they are less likely. CAREamics packs the cells into as many bins as there are patches, and draws a
    patch from each bin. Here the origins are laid end to end, and cut into as many equal stretches: every origin is
    exactly as likely as its cell says, and no table is searched for a packing.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        The shapes of the images, SC(Z)YX.
    patch_size : sequence of int
        The size of a patch, (Z)YX.
    seed : int, optional
        The seed of regions that are asked for one at a time.
    """

    def __init__(
        self, data_shapes: Sequence[Sequence[int]], patch_size: Sequence[int], seed: int | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.patch_size = patch_size
        self.data_shapes = data_shapes
        grids: dict[tuple[int, ...], _Grid] = {}
        self.image_patching = []
        for shape in data_shapes:
            grid = grids.setdefault(tuple(shape[2:]), _Grid(shape[2:], patch_size))
            self.image_patching.append([_Sample(grid) for _ in range(shape[0])])
        self._table: _Table | None = None

    @property
    def n_patches(self) -> int:
        """The number of patches of an epoch."""
        return self._tabulated().n_patches

    def exclude_patches(self, data_idx: int, sample_idx: int, grid_coords: Sequence[Cell]) -> None:
        """Let no patch of a sample touch some of its cells.

        Parameters
        ----------
        data_idx, sample_idx : int
            The image, and the sample in it.
        grid_coords : sequence of tuple of int
            The cells, by their place in the grid.
        """
        if len(grid_coords) > 0:
            self.image_patching[data_idx][sample_idx].exclude(grid_coords)
            self._table = None

    def set_region_probs(self, data_idx: int, sample_idx: int, probs: dict[Cell, float]) -> None:
        """Set how likely the patches of some cells are, beside 1 for others.

        Parameters
        ----------
        data_idx, sample_idx : int
            The image, and the sample in it.
        probs : dict of tuple of int to float
            For each of the cells, 0 to 1.
        """
        if probs:
            self.image_patching[data_idx][sample_idx].relative_probs.update(probs)
            self._table = None

    def draw(self, indices: Integers, rng: np.random.Generator) -> tuple[Integers, Integers, Integers]:
        """Draw the regions of some items.

        Parameters
        ----------
        indices : numpy.ndarray (n,)
            The items.
        rng : numpy.random.Generator
            What draws.

        Returns
        -------
        images, samples : numpy.ndarray (n,)
            The images, and the samples in them.
        origins : numpy.ndarray (n, 2 or 3)
            The origins, (Z)YX.
        """
        return self._tabulated().draw(indices, rng)

    def get_patch_spec(self, index: int) -> dict[str, Any]:
        """Draw the region of one item, as CAREamics specifies it."""
        images, samples, origins = self.draw(np.array([index]), self.rng)
        return {
            "data_idx": int(images[0]),
            "sample_idx": int(samples[0]),
            "coords": tuple(origins[0].tolist()),
            "patch_size": self.patch_size,
        }

    def get_patch_indices(self, data_idx: int) -> list[int]:
        """List the items of an image."""
        ends = self._tabulated().image_ends
        return list(range(0 if data_idx == 0 else int(ends[data_idx - 1]), int(ends[data_idx])))

    def get_included_grid_coords(self) -> Mapping[tuple[int, int], list[Cell]]:
        """List the cells that are not excluded, by image and sample."""
        return _BySample(self.image_patching, _Sample.included)

    def get_all_grid_coords(self) -> Mapping[tuple[int, int], list[Cell]]:
        """List all cells, by image and sample."""
        return _BySample(self.image_patching, lambda sample: sample.grid.cells())

    def grid_shape(self, data_idx: int) -> tuple[int, ...]:
        """Return how many cells the samples of an image have along each axis, (Z)YX."""
        return self.image_patching[data_idx][0].grid.shape

    def _tabulated(self) -> _Table:
        if self._table is None:
            self._table = _Table.of(self.image_patching)
        return self._table

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": None}


class _Grid:
    """The cells of samples of one size, and the origins that belong to each.

    Parameters
    ----------
    size : sequence of int
        The size of a sample, (Z)YX.
    patch_size : sequence of int
        The size of a patch.
    """

    def __init__(self, size: Sequence[int], patch_size: Sequence[int]) -> None:
        self.shape = tuple((along + 1) // patch for along, patch in zip(size, patch_size, strict=True))
        self.n_patches = math.prod(along / patch for along, patch in zip(size, patch_size, strict=True))
        self._patch_size = np.array(patch_size)
        self._end = np.array(size) - self._patch_size + 1
        firsts = np.indices(self.shape).reshape(len(self.shape), -1).T * self._patch_size
        self.boxes = _Boxes.between(firsts, np.minimum(firsts + self._patch_size, self._end))

    def cells(self) -> list[Cell]:
        """List all cells."""
        return list(itertools.product(*map(range, self.shape)))

    def number(self, cell: Cell) -> int | None:
        """Return the number of a cell, if there is one at that place."""
        if not all(0 <= place < along for place, along in zip(cell, self.shape, strict=True)):
            return None
        return int(np.ravel_multi_index(cell, self.shape))

    def without(self, cell: Cell, sides: set[Cell]) -> _Boxes:
        """Return the origins of a cell whose patches reach over none of some sides, each given as 0 or 1 per axis.

        A patch lies on the first pixel of a cell along an axis, and does not reach into the next one, or behind it, and
        does.
        """
        parts = itertools.product((0, 1), repeat=len(cell))
        kept = [part for part in parts if not any(all(map(int.__ge__, part, side)) for side in sides)]
        first = np.array(cell) * self._patch_size
        lows = np.array([first + part for part in kept]).reshape(-1, len(cell))
        highs = np.array([first + np.where(part, self._patch_size, 1) for part in kept]).reshape(-1, len(cell))
        return _Boxes.between(lows, np.minimum(highs, self._end))


@dataclass(frozen=True)
class _Boxes:
    """Boxes of origins.

    Parameters
    ----------
    lows, sizes : numpy.ndarray (n, 2 or 3)
        Where they begin, and their sizes.
    weights : numpy.ndarray (n,)
        How likely each of them is.
    """

    lows: Integers
    sizes: Integers
    weights: NDArray[np.float64]

    @classmethod
    def between(cls, lows: Integers, highs: Integers) -> _Boxes:
        """Return boxes between corners, as likely as they are large."""
        sizes = np.maximum(highs - lows, 0)
        return cls(lows, sizes, sizes.prod(axis=1, dtype=np.float64))


class _Sample:
    """The cells of one sample: which are excluded, and how likely the others are."""

    def __init__(self, grid: _Grid) -> None:
        self.grid = grid
        self.excluded: set[Cell] = set()
        self.relative_probs: dict[Cell, float] = {}

    def exclude(self, cells: Sequence[Cell]) -> None:
        """Exclude cells."""
        self.excluded.update(cells)

    def included(self) -> list[Cell]:
        """List the cells that are not excluded, in the order in which CAREamics' own patching happens to list them.

        So the same seed keeps back the same cells for validation.
        """
        return list(set(self.grid.cells()).difference(self.excluded))

    @property
    def n_patches(self) -> int:
        """The number of patches of an epoch."""
        return self.patches()[0]

    def patches(self) -> tuple[int, _Boxes]:
        """Return the number of patches of an epoch, and the boxes of their origins."""
        boxes, factors = self._boxes()
        if not boxes.weights.any():
            return 0, boxes
        n_patches = self.grid.n_patches
        for probability in self.relative_probs.values():
            n_patches -= 1 - probability
        n_whole = max(math.ceil(n_patches - len(self.excluded)), 0)
        return n_whole, _Boxes(boxes.lows, boxes.sizes, boxes.weights * factors)

    def _boxes(self) -> tuple[_Boxes, NDArray[np.float64]]:
        """Return the boxes, and a factor of the weight of each."""
        whole = self.grid.boxes
        factors = np.ones(len(whole.weights))
        for cell, probability in self.relative_probs.items():
            factors[np.ravel_multi_index(cell, self.grid.shape)] = probability
        if not self.excluded:
            return whole, factors
        touched = self._touched()
        kept = np.ones(len(whole.weights), dtype=bool)
        kept[list(touched)] = False
        groups = [_Boxes(whole.lows[kept], whole.sizes[kept], whole.weights[kept]), *touched.values()]
        counts = [len(boxes.weights) for boxes in touched.values()]
        joined = _Boxes(*(np.concatenate([getattr(g, name) for g in groups]) for name in ("lows", "sizes", "weights")))
        return joined, np.concatenate([factors[kept], np.repeat(factors[list(touched)], counts)])

    def _touched(self) -> dict[int, _Boxes]:
        """Return what is left of the cells that are excluded, and of those whose patches reach into one that is."""
        sides: dict[Cell, set[Cell]] = {}
        for cell in self.excluded:
            for side in itertools.product((0, 1), repeat=len(cell)):
                neighbour = tuple(place - step for place, step in zip(cell, side, strict=True))
                sides.setdefault(neighbour, set()).add(side)
        numbers = {cell: self.grid.number(cell) for cell in sides}
        return {number: self.grid.without(cell, sides[cell]) for cell, number in numbers.items() if number is not None}


@dataclass(frozen=True)
class _Table:
    """The boxes of all samples, end to end: sample by sample as long as it has patches.

    Parameters
    ----------
    sample_ends : numpy.ndarray (samples,)
        The number of patches up to the end of each sample.
    images, samples : numpy.ndarray (samples,)
        The image of each sample, and its number in it.
    image_ends : numpy.ndarray (images,)
        The number of patches up to the end of each image.
    box_ends : numpy.ndarray (boxes,), float64
        Where each box ends, counted in patches.
    first_boxes, last_boxes : numpy.ndarray (samples,)
        The boxes of each sample.
    lows, sizes : numpy.ndarray (boxes, 2 or 3)
        Where the boxes begin, and their sizes.
    """

    sample_ends: Integers
    images: Integers
    samples: Integers
    image_ends: Integers
    box_ends: NDArray[np.float64]
    first_boxes: Integers
    last_boxes: Integers
    lows: NDArray[np.int32]
    sizes: NDArray[np.int32]

    @classmethod
    def of(cls, image_patching: Sequence[Sequence[_Sample]]) -> _Table:
        """Lay the boxes of all samples end to end."""
        places = [(image, number) for image, samples in enumerate(image_patching) for number in range(len(samples))]
        ends, lows, sizes, n_boxes, counts = [], [], [], [], []
        n_patches = 0
        for image, number in places:
            n, boxes = image_patching[image][number].patches()
            likely = boxes.weights > 0
            weights = np.cumsum(boxes.weights[likely])
            if n > 0 and len(weights) > 0:
                ends.append(n_patches + n * (weights / weights[-1]))
                lows.append(boxes.lows[likely].astype(np.int32))
                sizes.append(boxes.sizes[likely].astype(np.int32))
                n_boxes.append(len(weights))
                n_patches += n
            else:
                n_boxes.append(0)
            counts.append(n_patches)
        sample_ends, box_counts = np.array(counts, dtype=np.int64), np.cumsum(n_boxes, dtype=np.int64)
        samples_up_to = np.cumsum([len(samples) for samples in image_patching])
        images, numbers = np.array(places, dtype=np.int64).reshape(-1, 2).T
        return cls(
            sample_ends=sample_ends,
            images=images,
            samples=numbers,
            image_ends=sample_ends[samples_up_to - 1],
            box_ends=np.concatenate(ends) if ends else np.empty(0),
            first_boxes=box_counts - n_boxes,
            last_boxes=box_counts - 1,
            lows=np.concatenate(lows) if lows else np.empty((0, 2), np.int32),
            sizes=np.concatenate(sizes) if sizes else np.empty((0, 2), np.int32),
        )

    @property
    def n_patches(self) -> int:
        """The number of patches of an epoch."""
        return int(self.sample_ends[-1]) if len(self.sample_ends) else 0

    def draw(self, indices: Integers, rng: np.random.Generator) -> tuple[Integers, Integers, Integers]:
        """Draw a place in the stretch of each item, and an origin in the box there."""
        places = np.searchsorted(self.sample_ends, indices, side="right")
        boxes = np.searchsorted(self.box_ends, indices + rng.random(len(indices)), side="right")
        # What is rounded may end a little early, or late.
        boxes = np.clip(boxes, self.first_boxes[places], self.last_boxes[places])
        sizes = self.sizes[boxes]
        within = (rng.random(sizes.shape) * sizes).astype(np.int64)
        return self.images[places], self.samples[places], self.lows[boxes] + within


class _BySample(Mapping[tuple[int, int], list[Cell]]):
    """Something of each sample, by image and sample, found when it is asked for: cells are many."""

    def __init__(self, image_patching: Sequence[Sequence[_Sample]], find: Callable[[_Sample], list[Cell]]) -> None:
        self._image_patching = image_patching
        self._find = find
        self._last: tuple[tuple[int, int], list[Cell]] | None = None

    def __getitem__(self, key: tuple[int, int]) -> list[Cell]:
        if self._last is None or self._last[0] != key:
            image, sample = key
            self._last = key, self._find(self._image_patching[image][sample])
        return self._last[1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for image, samples in enumerate(self._image_patching):
            for sample in range(len(samples)):
                yield image, sample

    def __len__(self) -> int:
        return sum(map(len, self._image_patching))
