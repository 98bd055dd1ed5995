"""The dataset of what is predicted: tiles of images, or whole samples, in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, get_worker_info

from patchmill._core import TileGrid, default_num_threads, statistics, tiles_into
from patchmill.config import InferenceConfig
from patchmill.dataset.tile_information import TileInformation
from patchmill.sources import (
    Image,
    ImageFiles,
    ImageLike,
    ReadFunction,
    are_open,
    input_normalization,
    list_files,
    open_images,
    survey_files,
)

__all__ = ["PredDataset", "collate_tiles"]

Item = tuple[NDArray[np.float32]] | tuple[NDArray[np.float32], TileInformation]


class PredDataset(Dataset[Item]):
    """Tiles of images, or whole samples, normalised and in order.

    Arrays are referenced, files opened one at a time. Items are ``(tile, TileInformation)`` if the configuration has a
    tile size, else ``(sample,)``; tiles and samples are float32 of the shape C(Z)YX. An axis that is shorter than a
    tile is padded by reflection.

    Parameters
    ----------
    prediction_config : InferenceConfig
        The axes, the tiles, and the statistics that pixels are normalised by.
    inputs : numpy.ndarray, path, or a sequence of either
        The images, as `InferenceConfig.data_type` says.
    read_source_func : callable, optional
        What reads files of the data type "custom": called with a path and the axes, or with the path alone.
    extension_filter : str, default=""
        Which files of a folder are read then, such as ``"*.npy"``.

    Raises
    ------
    PatchmillError
        If the images cannot be predicted; see `patchmill.errors`.
    """

    def __init__(
        self,
        prediction_config: InferenceConfig,
        inputs: Any,
        read_source_func: ReadFunction | None = None,
        *,
        extension_filter: str = "",
    ) -> None:
        config = self.pred_config = prediction_config.model_copy(deep=True)
        self._images: list[Image] | ImageFiles
        self._sizes: Sequence[ImageLike]
        if config.data_type == "array" or are_open(inputs):
            self._images = self._sizes = open_images(inputs, config.data_type, config.axes, channels=config.channels)
            for image in self._images:
                _check_pixels(image)
        else:
            files = list_files(inputs, config.data_type, extension_filter)
            self._images = ImageFiles(
                files, config.data_type, config.axes, read_source_func=read_source_func, channels=config.channels
            )
            self._sizes = survey_files(self._images).headers
        self._opened: tuple[int, Image] | None = None
        self._normalization = input_normalization(config, self._sizes[0].n_channels)
        self._grids = {size: self._grid(size) for size in {image.size_zyx for image in self._sizes}}
        counts = [image.n_samples * len(self._grids[image.size_zyx]) for image in self._sizes]
        self._ends = np.cumsum(counts)
        self._first_samples = [0, *itertools.accumulate(image.n_samples for image in self._sizes)]

    @property
    def is_tiled(self) -> bool:
        """Whether items are tiles, and not whole samples."""
        return self.pred_config.tile_size is not None

    def __len__(self) -> int:
        return int(self._ends[-1])

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape, C(Z)YX, of an item's tile or sample."""
        image = self._sizes[self._locate(index)[0]]
        size = self.pred_config.tile_size or image.size_zyx[-self._n_dims :]
        return (image.n_channels, *size)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Return several items; tiles of one sample that follow each other are made together.

        Parameters
        ----------
        indices : sequence of int
            Their indices.

        Returns
        -------
        list of tuple
            The items.
        """
        items: list[Item] = []
        for (number, sample), run in itertools.groupby(map(self._locate, indices), key=lambda place: place[:2]):
            tiles = [tile for _, _, tile in run]
            for first, n_tiles in _stretches(tiles):
                items += self._make(number, sample, first, n_tiles)
        return items

    def _make(self, number: int, sample: int, first: int, n_tiles: int) -> Iterator[Item]:
        image = self._open(number)
        grid = self._grids[image.size_zyx]
        size = self.pred_config.tile_size or image.size_zyx[-self._n_dims :]
        out = np.empty((n_tiles, image.n_channels, *size), np.float32)
        tiles_into(
            (image.name, image.pixels),
            sample,
            grid,
            first=first,
            normalization=self._normalization.pairs,
            out=out,
            # A worker of a torch DataLoader is one of several processes that share the cores.
            num_threads=default_num_threads() if get_worker_info() is None else 1,
        )
        if not self.is_tiled:
            return iter([(out[0],)])
        array_shape = (image.n_channels, *image.size_zyx[-self._n_dims :])
        sample_id = self._first_samples[number] + sample
        described = (
            TileInformation.of(grid, tile, array_shape=array_shape, sample_id=sample_id)
            for tile in range(first, first + n_tiles)
        )
        return zip(out, described, strict=True)

    def _open(self, number: int) -> Image:
        """Return an image; of files, the one that was opened last is kept."""
        if not isinstance(self._images, ImageFiles):
            return self._images[number]
        if self._opened is None or self._opened[0] != number:
            self._opened = None
            image = self._images.open(number)
            _check_pixels(image)
            self._opened = number, image
        return self._opened[1]

    def _locate(self, index: int) -> tuple[int, int, int]:
        """Return an item's image, sample and tile."""
        index = range(len(self))[index]
        number = int(np.searchsorted(self._ends, index, side="right"))
        image = self._sizes[number]
        n_tiles = len(self._grids[image.size_zyx])
        within = index - (int(self._ends[number]) - image.n_samples * n_tiles)
        return number, *divmod(within, n_tiles)

    @property
    def _n_dims(self) -> int:
        return 3 if "Z" in self.pred_config.axes else 2

    def _grid(self, size_zyx: tuple[int, int, int]) -> TileGrid:
        """Return the tiles of a sample; a whole sample is one."""
        tile_size, overlap = self.pred_config.tile_size, self.pred_config.tile_overlap
        if tile_size is None or overlap is None:
            return TileGrid(size_zyx, tile_size=size_zyx, tile_overlap=(0, 0, 0))
        if self._n_dims == 2:
            tile_size, overlap = [1, *tile_size], [0, *overlap]
        return TileGrid(size_zyx, tile_size=tile_size, tile_overlap=overlap)

    def __getstate__(self) -> dict[str, Any]:
        # Grids are computed; what was opened is opened again.
        return {**self.__dict__, "_grids": list(self._grids), "_opened": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._grids = {size: self._grid(size) for size in state["_grids"]}


def collate_tiles(
    items: Sequence[tuple[NDArray[np.float32], TileInformation]],
) -> tuple[torch.Tensor, list[TileInformation]]:
    """Make a batch of tiles.

    Parameters
    ----------
    items : sequence of (tile, TileInformation)
        The items.

    Returns
    -------
    tiles : torch.Tensor (B, C, (Z), Y, X), float32
        The tiles.
    infos : list of TileInformation
        Where they lie.
    """
    return torch.from_numpy(np.stack([tile for tile, _ in items])), [info for _, info in items]


def _check_pixels(image: Image) -> None:
    """Look for pixels that are no numbers: one of them would spread as far as a network sees."""
    if image.dtype.kind == "f" or image.dtype.itemsize == 8:
        statistics([(image.name, image.pixels)], num_threads=default_num_threads())


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Group numbers that follow each other, each group as its first number and its length."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield numbers[start], place - start
            start = place
