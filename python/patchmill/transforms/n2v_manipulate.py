"""The pixel masking of Noise2Void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from patchmill._core import N2vManipulate
from patchmill.config import N2VManipulateConfig
from patchmill.errors import ConfigError
from patchmill.transforms.arrays import as_float32, check_axes, like, pixels_of
from patchmill.transforms.draws import Draws
from patchmill.transforms.settings import checked

if TYPE_CHECKING:
    import torch

__all__ = ["N2VManipulate"]


class N2VManipulate:
    """Replace a few pixels of a patch by others near them: Noise2Void [1]_, N2V2 [2]_ and structN2V [3]_.

    Parameters
    ----------
    roi_size : int or N2VManipulateConfig, default=11
        Side of the region around a masked pixel that its replacement comes from, odd, 3 to 21. A configuration stands
        for all parameters but the seed.
    masked_pixel_percentage : float, default=0.2
        Share of the pixels that is masked, in percent, 0.05 to 10.
    strategy : {"uniform", "median"}, default="uniform"
        The replacement: a pixel drawn from the region, or the median of the region without its centre.
    remove_center : bool, default=True
        Always True: a pixel that is replaced by itself would teach the network to copy. See the notes for corners.
    struct_mask_axis : {"none", "horizontal", "vertical", "cross", "square"}, default="none"
        Which pixels around masked ones are overwritten by random values in the range of the patch.
    struct_mask_span : int, default=5
        The longest side of that pattern, odd, 3 to 15.
    seed : int, optional
        Seed of the draws, 0 to 2**63 - 1; drawn once if None.

    Attributes
    ----------
    config : N2VManipulateConfig
        All parameters but the seed.

    Raises
    ------
    ConfigError
        If an argument is out of range.

    Notes
    -----
    The steps to a replacement are drawn without 0 along every axis: away from the border, it never comes from the
    masked pixel's own row, column or plane.

    Places of the region beyond the border of the patch are clamped to the patch, as in CAREamics, so that pixels on the
    border count several times. A masked corner pixel may thus be replaced by itself, and the median around a masked
    pixel on the border may contain that pixel.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    .. [3] Broaddus, Krull, Weigert, Schmidt, Myers: "Removing Structured Noise with Self-Supervised Blind-Spot
       Networks", ISBI 2020.
    """

    def __init__(
        self,
        roi_size: int | N2VManipulateConfig = 11,
        masked_pixel_percentage: float = 0.2,
        strategy: Literal["uniform", "median"] = "uniform",
        remove_center: bool = True,  # noqa: FBT001, FBT002 - the signature of CAREamics
        struct_mask_axis: Literal["none", "horizontal", "vertical", "cross", "square"] = "none",
        struct_mask_span: int = 5,
        seed: int | None = None,
    ) -> None:
        if not remove_center:
            msg = "remove_center: expected True, got False. A pixel is never replaced by itself: leave it out."
            raise ConfigError(msg)
        settings = {
            "masked_pixel_percentage": masked_pixel_percentage,
            "strategy": strategy,
            "struct_mask_axis": struct_mask_axis,
            "struct_mask_span": struct_mask_span,
        }
        if not isinstance(roi_size, N2VManipulateConfig):
            self.config = checked(N2VManipulateConfig, roi_size=roi_size, **settings)
        elif settings == N2VManipulateConfig().model_dump(include=set(settings)):
            self.config = roi_size.checked_copy()
        else:
            msg = f"N2VManipulate: expected a configuration or parameters, got one and {settings}. Set them in it."
            raise ConfigError(msg)
        self._draws = Draws(seed)

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self._draws.seed

    @overload
    def __call__(
        self, patch: NDArray[Any], *, item: SupportsIndex | None = None, epoch: SupportsIndex | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]: ...
    @overload
    def __call__(
        self, patch: torch.Tensor, *, item: SupportsIndex | None = None, epoch: SupportsIndex | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]: ...
    def __call__(
        self, patch: Any, *, item: SupportsIndex | None = None, epoch: SupportsIndex | None = None
    ) -> tuple[Any, Any, Any]:
        """Mask a patch.

        Parameters
        ----------
        patch : numpy.ndarray or torch.Tensor, C(Z)YX
            The patch, and not a batch of them: four axes are taken for CZYX.
        item : int, optional
            The number of the patch: the masked pixels are those that the datasets draw for this item. An index of
            `PatchSampler` knows its epoch. By default, calls are counted, in every worker of a torch DataLoader apart.
        epoch : int, optional
            The epoch of the item, by default 0.

        Returns
        -------
        tuple of three arrays
            The masked patch, the patch as it was, and the mask, 1 at masked pixels, else 0: float32, float32, uint8.

        Raises
        ------
        ShapeError
            If the patch is not C(Z)YX.
        DtypeError
            If it does not hold real numbers.
        ConfigError
            If the item or the epoch is out of range, or the pattern leaves nothing to take the median of.
        """
        original = as_float32("patch", pixels_of("patch", patch))
        check_axes("patch", original, "CYX")
        masking = N2vManipulate(
            strategy=self.config.strategy,
            roi_size=self.config.roi_size,
            masked_pixel_percentage=self.config.masked_pixel_percentage,
            is_3d=original.ndim == 4,
            struct_axis=self.config.struct_mask_axis,
            struct_span=self.config.struct_mask_span,
        )
        masked, mask = np.empty_like(original), np.empty(original.shape, np.uint8)
        masking.manipulate_into(original, masked, mask, **self._draws.of_call(item, epoch))
        return like(patch, masked), like(patch, original), like(patch, mask)
