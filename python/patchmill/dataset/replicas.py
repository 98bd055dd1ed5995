"""The processes that share an epoch: how many there are, which of them this is, and what they agree on."""

from __future__ import annotations

import torch.distributed

__all__ = ["n_own_items", "replicas", "shared_seed"]


def replicas() -> tuple[int, int]:
    """Return how many processes share an epoch, and which of them this is: 1 and 0 unless torch's are connected."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size(), torch.distributed.get_rank()
    return 1, 0


def shared_seed(seed: int) -> int:
    """Return the first process's seed. All of them have to ask together."""
    if replicas()[0] == 1:
        return seed
    shared = [seed]
    torch.distributed.broadcast_object_list(shared, src=0)
    return shared[0]


def n_own_items(n_items: int) -> int:
    """Count the items of an evaluation that are this process's: others fill up its last batch."""
    n_replicas, rank = replicas()
    return -(-(n_items - rank) // n_replicas)
