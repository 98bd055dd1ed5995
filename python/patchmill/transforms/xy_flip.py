"""Random flips."""

from __future__ import annotations

from patchmill.config import XYFlipConfig
from patchmill.transforms.settings import checked
from patchmill.transforms.spatial import SpatialTransform

__all__ = ["XYFlip"]


class XYFlip(SpatialTransform):
    """Flip patches along Y or X, one of them at a time.

    Parameters
    ----------
    flip_x, flip_y : bool, default=True
        The axes that may be flipped. Where both may be, each is as likely as the other.
    p : float, default=0.5
        Probability that a patch is flipped, 0 to 1.
    seed : int, optional
        Seed of the draws, 0 to 2**63 - 1; drawn once if None.

    Raises
    ------
    ConfigError
        If an argument is out of range, or no axis may be flipped.
    """

    def __init__(
        self,
        flip_x: bool = True,  # noqa: FBT001, FBT002 - the signature of CAREamics
        flip_y: bool = True,  # noqa: FBT001, FBT002 - as above
        p: float = 0.5,
        seed: int | None = None,
    ) -> None:
        config = checked(XYFlipConfig, flip_x=flip_x, flip_y=flip_y, p=p)
        self.flip_x, self.flip_y, self.p = config.flip_x, config.flip_y, config.p
        super().__init__(
            flip_y=self.flip_y, flip_x=self.flip_x, flip_probability=self.p, rotation_probability=0.0, seed=seed
        )
