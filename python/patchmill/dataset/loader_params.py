"""The loader that ``train_dataloader_params`` and ``val_dataloader_params`` ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from torch.utils.data import DataLoader
from torch.utils.data import IterableDataset as TorchIterableDataset

from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.dataset.loader import MOST_THREADS, PatchLoader
from patchmill.dataset.replicas import replicas
from patchmill.dataset.sampler import PatchSampler
from patchmill.errors import ConfigError

__all__ = ["check_params", "create_loader", "go_on_after"]

logger = logging.getLogger(__name__)

_FOREIGN = ("collate_fn", "generator", "multiprocessing_context", "worker_init_fn")
"""What only torch's own DataLoader can do."""

_WITHOUT_MEANING = ("in_order", "persistent_workers", "pin_memory_device", "timeout")
"""What is about worker processes, which threads do not need."""

_SWITCHES = ("drop_last", "in_order", "persistent_workers", "pin_memory", "shuffle")
"""What is so or not so; any other value would be one of the two, and perhaps not the one that is meant."""


def check_params(params: Mapping[str, Any]) -> None:
    """Check the values that mean the same to every loader.

    Parameters
    ----------
    params : mapping
        Arguments of `PatchLoader` or of torch's DataLoader. One that is None is not given.

    Raises
    ------
    ConfigError
        If ``num_workers`` is no number of threads, or a switch neither True nor False.
    """
    given = {name: value for name, value in params.items() if value is not None}
    for name in _SWITCHES:
        if not isinstance(given.get(name, False), (bool, np.bool_)):
            msg = f"dataloader_params, {name}: expected True or False, got {given[name]!r}. Give one of them."
            raise ConfigError(msg)
    number = given.get("num_workers", 0)
    if not isinstance(number, Integral) or isinstance(number, bool) or not 0 <= int(number) <= MOST_THREADS:
        msg = (
            f"dataloader_params, num_workers: expected a whole number from 0 to {MOST_THREADS}, got {number!r}. Use 0 "
            "for all cores."
        )
        raise ConfigError(msg)


def create_loader(dataset: Any, batch_size: int, params: Mapping[str, Any]) -> DataLoader[Any]:
    """Create the loader for a dataset.

    Parameters
    ----------
    dataset : InMemoryDataset, IterableDataset, or any other
        The dataset. One that is not patchmill's gets a plain DataLoader.
    batch_size : int
        The number of items in a batch.
    params : mapping
        Arguments of `PatchLoader` or of torch's DataLoader. ``num_workers`` is read as the number of threads (0: all
        cores), ``prefetch_factor`` as ``prefetch``. A ``collate_fn``, ``worker_init_fn``, ``generator`` or
        ``multiprocessing_context`` gets a plain DataLoader, with worker processes.

    Returns
    -------
    PatchLoader or torch.utils.data.DataLoader
        The loader.

    Raises
    ------
    ConfigError
        If a parameter has a value that no loader takes.
    """
    check_params(params)
    given = {name: value for name, value in params.items() if value is not None}
    is_ours = isinstance(dataset, (InMemoryDataset, IterableDataset))
    if not is_ours or any(name in given for name in _FOREIGN):
        return _create_plain_loader(dataset, batch_size, given)
    ignored = [name for name in _WITHOUT_MEANING if given.pop(name, None)]
    if ignored:
        logger.info("%s: ignored, patches are made by threads and not by processes", ", ".join(ignored))
    num_workers, prefetch_factor = given.pop("num_workers", 0), given.pop("prefetch_factor", None)
    if num_workers:
        given.setdefault("num_threads", num_workers)
    if prefetch_factor:
        given.setdefault("prefetch", prefetch_factor)
    if "sampler" not in given and "batch_sampler" not in given and isinstance(dataset, InMemoryDataset):
        given["sampler"] = _sampler(dataset, given)
    return PatchLoader(dataset, batch_size if "batch_sampler" not in given else 1, **given)


def go_on_after(earlier: DataLoader[Any], loader: DataLoader[Any]) -> None:
    """Let a loader begin with the epoch that an earlier one of the same dataset would have gone on with.

    Parameters
    ----------
    earlier, loader : PatchLoader or torch.utils.data.DataLoader
        The loaders. Epochs of foreign samplers, and those of files that worker processes read in turn, count by
        themselves.
    """
    if isinstance(earlier, PatchLoader) and isinstance(loader, PatchLoader):
        loader.set_epoch(earlier.next_epoch)
    elif isinstance(earlier.sampler, PatchSampler) and isinstance(loader.sampler, PatchSampler):
        loader.sampler.set_epoch(earlier.sampler.epoch)


def _create_plain_loader(dataset: Any, batch_size: int, given: dict[str, Any]) -> DataLoader[Any]:
    for name in ("num_threads", "prefetch", "seed"):
        if given.pop(name, None) is not None:
            logger.info("%s is ignored by a plain DataLoader, which these parameters ask for", name)
    if isinstance(dataset, TorchIterableDataset):
        given.pop("shuffle", None)
    elif isinstance(dataset, InMemoryDataset) and "sampler" not in given and "batch_sampler" not in given:
        given["sampler"] = _sampler(dataset, given)
    return DataLoader(dataset, batch_size=batch_size if "batch_sampler" not in given else 1, **given)


def _sampler(dataset: InMemoryDataset, given: dict[str, Any]) -> PatchSampler:
    """Create the sampler of this process's share of an epoch: training leaves a remainder out, validation pads."""
    is_training = dataset.fixed_epoch is None
    shuffle, seed = given.pop("shuffle", False), given.get("seed")
    return PatchSampler(dataset, *replicas(), shuffle=shuffle, seed=seed, drop_last=is_training)
