"""The loader that ``train_dataloader_params`` and ``val_dataloader_params`` ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader

from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.loader import PatchLoader
from patchmill.dataset.sampler import PatchSampler

__all__ = ["create_loader"]

logger = logging.getLogger(__name__)

_FOREIGN = ("collate_fn", "generator", "multiprocessing_context", "worker_init_fn")
"""What only torch's own DataLoader can do."""

_WITHOUT_MEANING = ("in_order", "persistent_workers", "pin_memory_device", "timeout")
"""What is about worker processes, which threads do not need."""


def create_loader(dataset: InMemoryDataset, batch_size: int, params: Mapping[str, Any]) -> DataLoader[Any]:
    """Create the loader for a dataset.

    Parameters
    ----------
    dataset : InMemoryDataset
        The dataset.
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
    if any(name in given for name in _FOREIGN):
        for name in ("num_threads", "prefetch", "seed"):
            if given.pop(name, None) is not None:
                logger.info("%s is ignored by a plain DataLoader, which these parameters ask for", name)
        if "sampler" not in given and "batch_sampler" not in given:
            given["sampler"] = PatchSampler(dataset, shuffle=given.pop("shuffle", False))
        return DataLoader(dataset, batch_size if "batch_sampler" not in given else 1, **given)
    ignored = [name for name in _WITHOUT_MEANING if given.pop(name, None)]
    if ignored:
        logger.info("%s: ignored, patches are made by threads and not by processes", ", ".join(ignored))
    num_workers, prefetch_factor = given.pop("num_workers", 0), given.pop("prefetch_factor", None)
    if num_workers:
        given.setdefault("num_threads", num_workers)
    if prefetch_factor:
        given.setdefault("prefetch", prefetch_factor)
    return PatchLoader(dataset, batch_size if "batch_sampler" not in given else 1, **given)
