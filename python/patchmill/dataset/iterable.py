"""The dataset of files that are read in turn, because together they do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset as TorchIterableDataset
from torch.utils.data import get_worker_info

from patchmill._core import PatchDataset, default_num_threads, split_order
from patchmill.config import DataConfig
from patchmill.dataset.file_mill import FileMill
from patchmill.dataset.file_sampler import FileSampler
from patchmill.dataset.masks import check_masks_are_used, mask_files, masks_of
from patchmill.dataset.planned import Item, PlannedDataset, checked_copy
from patchmill.dataset.recipe import Recipe, check_targets_are_allowed
from patchmill.dataset.replicas import replicas
from patchmill.dataset.worker_epochs import WorkerEpochs
from patchmill.patching import check_split, count_cells, kept_cells
from patchmill.progress import Tracked, track
from patchmill.sources import (
    Image,
    ImageFiles,
    ImageHeader,
    ImageLike,
    PathLike,
    ReadFunction,
    Survey,
    complete_statistics,
    pair_files,
    survey_files,
)

__all__ = ["IterableDataset", "PathIterableDataset"]

_ITEMS_AT_ONCE = 64
"""How many items are made together for those who take them one by one."""


class IterableDataset(PlannedDataset, TorchIterableDataset[Item]):
    """Patches of files that are read one after the other, the next one while patches are cut from this one.

    Headers and statistics are read when the dataset is made. `DataConfig.n_files_mixed` files are held, and their
    patches mixed, at a time. Items are those of `InMemoryDataset`.

    A `PatchLoader` supplies the order of an epoch. Under a plain ``torch.utils.data.DataLoader``, the groups of files
    are shared out to the workers, and the items to the ranks of a distributed run, none of them twice.

    Parameters
    ----------
    data_config : DataConfig
        What the patches are. It is copied; statistics that it does not have are computed and set in the copy.
        `DataConfig.patching` is "random" by default.
    src_files : sequence of paths, or Survey
        The files, of the data type "tiff" or "custom"; or what `survey_files` found of them and their targets.
    target_files : sequence of paths, optional
        The targets, paired with the files by their names as `pair_files` does, of the same samples and size; their
        channels may differ.
    read_source_func : callable, optional
        What reads files of the data type "custom": called with a path and the axes, or with the path alone.
    filter_mask_files : sequence of paths, optional
        The masks of `MaskPatchFilterConfig`, in the axes of the images without C: paired with the files by their names,
        or one for each file of a `Survey`, in their order.
    validation : bool, default=False
        Whether to leave order and patches as they lie, keep all of them, and mask the same pixels in every epoch.

    Attributes
    ----------
    data_config : DataConfig
        The configuration with all statistics.

    Raises
    ------
    PatchmillError
        If the data cannot be trained on; see `patchmill.errors`.
    """

    def __init__(
        self,
        data_config: DataConfig,
        src_files: Sequence[PathLike] | Survey,
        target_files: Sequence[PathLike] | None = None,
        read_source_func: ReadFunction | None = None,
        *,
        filter_mask_files: Sequence[PathLike] | None = None,
        validation: bool = False,
    ) -> None:
        config = checked_copy(data_config)
        check_masks_are_used(config, filter_mask_files)
        self._epochs = WorkerEpochs()
        self._replicas = replicas()
        if isinstance(src_files, Survey):
            survey = src_files
        else:
            survey = _survey(config, src_files, target_files, read_source_func)
            if filter_mask_files is not None:
                filter_mask_files = masks_of(survey.files.paths, src_files, filter_mask_files, config)
        self._files, self._targets = survey.files, survey.targets
        self._target_headers = survey.target_headers
        complete_statistics(config, Tracked(self._files, "Statistics of the images"), "input")
        if self._targets is not None:
            check_targets_are_allowed(config)
            complete_statistics(config, Tracked(self._targets, "Statistics of the targets"), "target")
        self._kept_by_file: list[NDArray[np.uint64]] | None = None
        if config.patch_filter is not None and not validation:
            masks = None if filter_mask_files is None else mask_files(filter_mask_files, config, read_source_func)
            self._kept_by_file = _kept_by_file(config, self._files, masks)
        n_target_channels = survey.target_headers[0].n_channels if self._targets is not None else None
        recipe = Recipe(config, survey.headers[0].n_channels, n_target_channels, is_validation=validation)
        kept = _joined(self._kept_by_file, survey.headers, config.patch_size)
        super().__init__(recipe, survey.headers, config.patching or "random", kept)

    @property
    def item_ends(self) -> NDArray[np.int64]:
        """The number of items up to the end of each file."""
        return self._plan.image_ends()

    @property
    def epoch(self) -> int:
        """The epoch of the next iteration in this process."""
        return self._epochs.next(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, of those that no loader of patchmill begins.

        Parameters
        ----------
        epoch : int
            The epoch, from 0.
        """
        self._epochs.set(epoch)

    @property
    def data_files(self) -> list[Path]:
        """The files."""
        return list(self._files.paths)

    @property
    def target_files(self) -> list[Path] | None:
        """Their targets; None without targets."""
        return None if self._targets is None else list(self._targets.paths)

    def get_number_of_files(self) -> int:
        """Return the number of files."""
        return len(self._files)

    def mill(self, sampler: FileSampler, epoch: int, *, step: int = 1) -> FileMill:
        """Return what makes the batches of an epoch in the order of a sampler, of every `step`-th group of files."""
        return FileMill(self._read, sampler.schedule(epoch), self.item_ends, step)

    def fingerprint(self) -> str:
        """Return a digest of a few items of the first file, which is read for it; see `InMemoryDataset.fingerprint`."""
        file = int(np.flatnonzero(self.item_ends)[0])
        first = int(self.item_ends[file - 1]) if file else 0
        return self._digest(self._read(np.array([file])), first, int(self.item_ends[file]))

    def _read(self, numbers: NDArray[np.int64]) -> PatchDataset:
        """Open some files and return what makes their items."""
        rising = np.sort(numbers).tolist()
        images = [_opened(self._files, self._sizes, number) for number in rising]
        targets = None
        if self._targets is not None:
            targets = [_opened(self._targets, self._target_headers, number) for number in rising]
        return self._recipe.create_core(images, targets, self._plan, numbers=rising)

    def __iter__(self) -> Iterator[Item]:
        worker = get_worker_info()
        number, n_workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return self._iterate(self._epochs.take(number), number, n_workers)

    def _iterate(self, epoch: int, worker: int, n_workers: int) -> Iterator[Item]:
        sampler = FileSampler(self, *self._shares())
        schedule, mill = sampler.schedule(epoch), self.mill(sampler, epoch, step=n_workers)
        num_threads = default_num_threads() if n_workers == 1 else 1
        ends = [0, *schedule.ends.tolist()]
        # Places of the global order; this rank has every n-th of them.
        n, rank = sampler.num_replicas, sampler.rank
        firsts = [min(-((rank - end) // n), len(sampler)) for end in ends]
        for group in range(worker, len(schedule.groups), n_workers):
            for start in range(firsts[group], firsts[group + 1], _ITEMS_AT_ONCE):
                items = sampler.items(epoch, start, min(start + _ITEMS_AT_ONCE, firsts[group + 1]))
                outputs = tuple(np.empty((len(items), *shape), dtype) for shape, dtype in self.item_layout)
                mill.submit(items, outputs, seed=self.seed, num_threads=num_threads).wait()
                yield from zip(*outputs, strict=True)

    def _shares(self) -> tuple[int, int]:
        """Return what `replicas` does, also in a spawned worker: that is not connected, and its parent was."""
        connected = replicas()
        return self._replicas if get_worker_info() is not None and connected == (1, 0) else connected

    def split_dataset(self, percentage: float = 0.1, minimum_number: int = 5) -> IterableDataset:
        """Give some of the files to a validation dataset; of too few files, some of the patches.

        Parameters
        ----------
        percentage : float, default=0.1
            The share of the files, or patches, that is given away, 0 to 1.
        minimum_number : int, default=5
            The least number of files given away. Where it would be most of them, patches are given away instead, and
            training keeps those that share no pixel with them.

        Returns
        -------
        IterableDataset
            The validation dataset.

        Raises
        ------
        ConfigError
            If an argument is out of range.
        ShapeError
            If nothing is left to train on.
        """
        check_split(percentage, minimum_number)
        n_files = len(self._files)
        n_given = max(round(n_files * percentage), minimum_number)
        validation: IterableDataset = self._as_validation()
        validation._epochs = WorkerEpochs()
        if 2 * minimum_number > n_files or n_given >= n_files:
            self._split_patches(validation, percentage, minimum_number)
            return validation
        drawn = split_order(n_files, seed=self.seed)
        validation._select(np.sort(drawn[:n_given]))
        self._select(np.sort(drawn[n_given:]))
        return validation

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_replicas": replicas()}

    def _select(self, numbers: NDArray[np.int64]) -> None:
        """Keep some of the files."""
        chosen = numbers.tolist()
        self._files = self._files.select(chosen)
        self._targets = None if self._targets is None else self._targets.select(chosen)
        self._sizes = [self._sizes[number] for number in chosen]
        self._target_headers = [self._target_headers[number] for number in chosen] if self._target_headers else []
        if self._kept_by_file is not None:
            self._kept_by_file = [self._kept_by_file[number] for number in chosen]
        self._kept = _joined(self._kept_by_file, self._sizes, self.data_config.patch_size)
        self._plan = self._create_plan()


def _survey(
    config: DataConfig,
    src_files: Sequence[PathLike],
    target_files: Sequence[PathLike] | None,
    read_source_func: ReadFunction | None,
) -> Survey:
    """Look at all files; those that are skipped take their targets along."""
    how: dict[str, Any] = {"data_type": config.data_type, "axes": config.axes, "read_source_func": read_source_func}
    targets = None
    if target_files is not None:
        pairs = pair_files(src_files, target_files, config.data_type)
        src_files, target_files = zip(*pairs, strict=True)
        targets = ImageFiles(target_files, **how)
    files = ImageFiles(src_files, **how, channels=config.channels)
    return survey_files(files, targets, on_error=config.on_error).decodable(on_error=config.on_error)


def _opened(files: ImageFiles, headers: Sequence[ImageLike], number: int) -> Image:
    """Open a file, which must hold what it held when the patches were planned."""
    image = files.open(number)
    ImageHeader.of(headers[number]).check_same(image)
    return image


def _kept_by_file(config: DataConfig, files: ImageFiles, masks: ImageFiles | None) -> list[NDArray[np.uint64]]:
    """Filter the cells of one file after the other."""
    assert config.patch_filter is not None
    kept = []
    for number in track(range(len(files)), "Filtering patches"):
        of_file = None if masks is None else [masks.open(number)]
        kept.append(kept_cells([files.open(number)], config.patch_size, config.patch_filter, of_file))
    return kept


def _joined(
    kept: list[NDArray[np.uint64]] | None, sizes: Sequence[ImageLike], patch_size: Sequence[int]
) -> NDArray[np.uint64] | None:
    """Return the numbers of the kept cells, counted over all files."""
    if kept is None:
        return None
    ends = np.cumsum([count_cells(image, patch_size) for image in sizes], dtype=np.uint64)
    starts = [0, *ends[:-1].tolist()]
    return np.concatenate([cells + np.uint64(start) for cells, start in zip(kept, starts, strict=True)])


PathIterableDataset = IterableDataset
