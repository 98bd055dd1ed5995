"""Noise2Void's configuration, from CAREamics' factory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from careamics.config.factories import create_advanced_n2v_config

__all__ = ["configure"]


def configure(axes: str, patch_size: Sequence[int], batch_size: int, **settings: Any) -> Any:
    """Configure what a user gets by default, but for what is said.

    Parameters
    ----------
    axes : str
        The axes of the array.
    patch_size : sequence of int
        The size of a patch along (Z)YX.
    batch_size : int
        The patches of a batch.
    **settings
        What else the factory takes.
    """
    return create_advanced_n2v_config(
        experiment_name="drop_in",
        data_type="array",
        axes=axes,
        patch_size=list(patch_size),
        batch_size=batch_size,
        **{"seed": 1, "trainer_params": {"accelerator": "cpu"}, **settings},
    )
