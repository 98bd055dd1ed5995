"""Random quarter turns."""

from __future__ import annotations

from patchmill.config import XYRandomRotate90Config
from patchmill.transforms.settings import checked
from patchmill.transforms.spatial import SpatialTransform

__all__ = ["XYRandomRotate90"]


class XYRandomRotate90(SpatialTransform):
    """Turn patches in YX by one, two or three quarter turns; those that are not square make half turns only.

    Parameters
    ----------
    p : float, default=0.5
        Probability that a patch is turned, 0 to 1.
    seed : int, optional
        Seed of the draws, 0 to 2**63 - 1; drawn once if None.

    Raises
    ------
    ConfigError
        If an argument is out of range.
    """

    def __init__(self, p: float = 0.5, seed: int | None = None) -> None:
        self.p = checked(XYRandomRotate90Config, p=p).p
        super().__init__(flip_y=False, flip_x=False, flip_probability=0.0, rotation_probability=self.p, seed=seed)
