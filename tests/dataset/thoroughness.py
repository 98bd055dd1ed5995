"""How often to repeat what a few repetitions show and many prove: `HYPOTHESIS_PROFILE=slow` asks for many."""

from __future__ import annotations

import os

IS_SLOW = os.environ.get("HYPOTHESIS_PROFILE") == "slow"


def times(usual: int, *, slow: int) -> int:
    """Return how often to repeat a test."""
    return slow if IS_SLOW else usual
