"""The loader that ``train_dataloader_params`` and ``val_dataloader_params`` ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data import IterableDataset as TorchIterableDataset

from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.dataset.loader import PatchLoader
from patchmill.dataset.replicas import replicas
from patchmill.dataset.sampler import PatchSampler

__all__ = ["create_loader"]

logger = logging.getLogger(__name__)

_FOREIGN = ("collate_fn", "generator", "multiprocessing_context", "worker_init_fn")
"""What only torch's own DataLoader can do."""

_WITHOUT_MEANING = ("in_order", "persistent_workers", "pin_memory_device", "timeout")
"""What is about worker processes, which threads do not need."""


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
    """
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
