"""Which items make each batch: what torch's samplers say, without an object for each item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

__all__ = ["index_batches"]

Indices = NDArray[np.int64]


def index_batches(loader: DataLoader[Any]) -> Iterator[Indices]:
    """Iterate over the items of the batches of an epoch, in the order of the loader's samplers.

    Parameters
    ----------
    loader : DataLoader
        The loader. Of torch's own samplers, the order is made at once, by the same draws of the same generators; others
        are asked for each item.

    Yields
    ------
    numpy.ndarray (n,)
        The indices of the items of a batch.
    """
    sampler: Any = loader.batch_sampler
    order = _order(sampler.sampler) if type(sampler) is BatchSampler else None
    if order is None:
        for indices in loader._index_sampler:
            yield np.asarray(indices, dtype=np.int64)
        return
    for number in range(len(sampler)):
        yield order[number * sampler.batch_size : (number + 1) * sampler.batch_size]


def _order(sampler: Any) -> Indices | None:
    """Return all items in the order of a sampler, if it is one of torch's that is known."""
    if type(sampler) is SequentialSampler:
        return np.arange(len(sampler))
    if type(sampler) is not RandomSampler or sampler.replacement or sampler.num_samples != len(sampler.data_source):
        return None
    generator = sampler.generator
    if generator is None:
        # As the sampler does.
        seed = int(torch.empty((), dtype=torch.int64).random_().item())
        generator = torch.Generator()
        generator.manual_seed(seed)
    return torch.randperm(sampler.num_samples, generator=generator).numpy()
