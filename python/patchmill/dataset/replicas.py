"""How many processes share an epoch, and which of them this is."""

from __future__ import annotations

import torch.distributed

__all__ = ["replicas"]


def replicas() -> tuple[int, int]:
    """Return how many processes share an epoch, and which of them this is: 1 and 0 unless torch's are connected."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size(), torch.distributed.get_rank()
    return 1, 0
