"""Means over what several processes have, where each has another number of things."""

from __future__ import annotations

import torch
from torch import distributed

__all__ = ["share_of_ranks"]


def share_of_ranks(count: torch.Tensor) -> torch.Tensor | float:
    """Return by what the mean of this rank is to be multiplied, so that the mean over the ranks is that of all things.

    Parameters
    ----------
    count : Tensor
        How many things this rank has the mean of, a scalar; a rank without any counts as one that has one.

    Returns
    -------
    Tensor or float
        Its count over the mean count of the ranks. 1 for a single process.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1.0
    count = count.clamp(min=1)
    total = count.clone()
    distributed.all_reduce(total)
    return count * distributed.get_world_size() / total
