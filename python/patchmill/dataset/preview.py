"""What a data module makes of its images, as a picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchmill._core import default_num_threads
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.dataset.loader import PatchLoader
from patchmill.dataset.overviews import create_overviews
from patchmill.errors import ConfigError, DataError
from patchmill.plotting import Cell, check_matplotlib, plot_preview
from patchmill.sources import Normalization, input_normalization, target_normalization

if TYPE_CHECKING:
    from patchmill.dataset.data_module import TrainDataModule

__all__ = ["draw_preview"]

Patches = InMemoryDataset | IterableDataset

MOST_CHANNELS = 3
"""Of which the normalisation is written."""


def draw_preview(data_module: TrainDataModule, path: str | os.PathLike[str], *, n_items: int = 4) -> Path:
    """Draw the first training batch, where its patches come from, and which are kept for training and validation.

    Parameters
    ----------
    data_module : TrainDataModule
        The data. It is set up if it was not.
    path : path
        The PNG file. It is replaced in one step.
    n_items : int, default=4
        How many items of the batch are drawn at most.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If there is no item to draw.
    MissingPackageError
        If matplotlib is not installed.
    DataError
        If training has no batch.
    OutputError
        If the file cannot be written.
    PatchmillError
        If the data cannot be trained on.
    """
    if not isinstance(n_items, Integral) or n_items < 1:
        msg = f"n_items: expected a whole number of at least 1, got {n_items!r}. Leave it out to draw 4."
        raise ConfigError(msg)
    check_matplotlib()
    if not hasattr(data_module, "train_dataset"):
        data_module.setup()
    training, validation = data_module.train_dataset, data_module.val_dataset
    batch, regions = _first_items(_loader(data_module), training, n_items)
    plot_preview(
        batch,
        create_overviews(training, validation, regions),
        path,
        legend=_legend(training, validation),
        captions=[*_captions(training, validation)],
    )
    return Path(path)


def _loader(data_module: TrainDataModule) -> PatchLoader:
    """Return a loader of the batches that training has, even if that is another kind of loader."""
    loader, dataset = data_module.train_dataloader(), data_module.train_dataset
    if isinstance(loader, PatchLoader):
        return loader
    if isinstance(dataset, IterableDataset):
        return PatchLoader(dataset, data_module.batch_size)
    return PatchLoader(dataset, batch_sampler=loader.batch_sampler)


def _first_items(
    loader: PatchLoader, dataset: Patches, n_items: int
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Make the first items of the first batch; return their parts by title, and their regions."""
    batch = next(loader._index_batches(0, 0), None)
    if batch is None:
        msg = (
            f"preview: expected a training batch, got none: there are {len(dataset)} patches, batches of "
            f"{loader.batch_size} patches, and incomplete ones are left out. Use a smaller batch_size."
        )
        raise DataError(msg)
    items = batch[:n_items]
    parts = tuple(np.empty((len(items), *shape), dtype) for shape, dtype in dataset.item_layout)
    loader._create_mill(0).submit(items, parts, seed=loader._seed, num_threads=default_num_threads()).wait()
    titles = {1: ("patch",), 2: ("input", "target"), 3: ("masked", "original", "mask")}[len(parts)]
    return dict(zip(titles, parts, strict=True)), dataset._plan.regions(items, seed=loader._seed)


def _legend(training: Patches, validation: Patches) -> dict[Cell, str]:
    """Say what the tints mean, as far as they occur."""
    plan, is_shared = training._plan, training._sizes is validation._sizes
    n_kept = plan.n_cells if training._kept is None else len(training._kept)
    n_validation = validation._plan.n_kept if is_shared else 0
    counts = {
        Cell.TRAINING: (plan.n_kept, "training"),
        Cell.VALIDATION: (validation._plan.n_kept, "validation"),
        Cell.FILTERED: (plan.n_cells - n_kept, "filtered out"),
        Cell.LEFT_OUT: (n_kept - plan.n_kept - n_validation, "left out beside validation"),
    }
    return {
        cell: f"{what}: {number:,} {'cell' if number == 1 else 'cells'}"
        for cell, (number, what) in counts.items()
        if number
    }


def _captions(training: Patches, validation: Patches) -> Iterator[str]:
    config = training.data_config
    size = " x ".join(map(str, config.patch_size))
    origin = "of the same images" if training._sizes is validation._sizes else "of images of their own"
    yield (
        f"{len(training):,} patches of {size} for training, {len(validation):,} for validation, {origin}. "
        f"Patching: {training._patching}. Images: {_kinds(training)}."
    )
    if config.patch_filter is not None and training._kept is not None:
        n_kept, n_cells = len(training._kept), training._plan.n_cells
        share = n_kept / n_cells
        yield f"Filter: {config.patch_filter.name}, which keeps {n_kept:,} of {n_cells:,} cells ({share:.0%})."
    described = _normalization(input_normalization(config, training.n_channels))
    if training.n_target_channels is not None:
        targets = _normalization(target_normalization(config, training.n_target_channels))
        described = f"{described}; targets: {targets}"
    yield f"Normalisation: {config.normalization.name}. {described}."


def _kinds(dataset: Patches) -> str:
    """Say how many images there are, and where their pixels live."""
    if isinstance(dataset, IterableDataset):
        return f"{len(dataset._sizes):,} files, read in turn"
    kinds = Counter("mapped" if image.is_mapped else "in memory" for image in dataset._sizes)
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())


def _normalization(normalization: Normalization) -> str:
    if normalization == Normalization.identity(normalization.n_channels):
        return "pixels as they are"
    shown = [f"(x - {shift:.4g}) / {1 / scale:.4g}" for shift, scale in normalization.pairs]
    more = f" and {len(shown) - MOST_CHANNELS} more" if len(shown) > MOST_CHANNELS else ""
    return ", ".join(shown[:MOST_CHANNELS]) + more
