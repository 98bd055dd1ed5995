"""The recipe: what is done to the patches of a dataset, whatever images they are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patchmill._core import Augmentation, N2vManipulate, PatchDataset, Plan
from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.errors import ConfigError
from patchmill.sources import Image, input_normalization, target_normalization

__all__ = ["Recipe", "check_targets_are_allowed"]


def check_targets_are_allowed(config: DataConfig) -> None:
    """Check that a configuration whose data has targets does not mask pixels.

    Raises
    ------
    ConfigError
        If it does.
    """
    if config.masks_pixels:
        msg = "targets: expected none for Noise2Void, got some. Use CARE or Noise2Noise, or leave them out."
        raise ConfigError(msg)


@dataclass(frozen=True)
class Recipe:
    """What is done to patches: normalisation, augmentation, masking.

    Parameters
    ----------
    data_config : DataConfig
        The configuration, with all statistics.
    n_channels : int
        The number of channels of the images.
    n_target_channels : int or None
        That of the targets; None without targets.
    is_validation : bool
        Whether patches are left as they lie, and masked at the same pixels in every epoch.
    """

    data_config: DataConfig
    n_channels: int
    n_target_channels: int | None
    is_validation: bool

    @property
    def fixed_epoch(self) -> int | None:
        """The epoch that every epoch is: 0 for validation, None for training."""
        return 0 if self.is_validation else None

    @property
    def item_layout(self) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        """The shape, C(Z)YX, and the data type of each array of an item."""
        size = tuple(self.data_config.patch_size)
        shape = (self.n_channels, *size)
        float32, uint8 = np.dtype(np.float32), np.dtype(np.uint8)
        if self.data_config.masks_pixels:
            return [(shape, float32), (shape, float32), (shape, uint8)]
        if self.n_target_channels is not None:
            return [(shape, float32), ((self.n_target_channels, *size), float32)]
        return [(shape, float32)]

    def create_core(
        self,
        images: Sequence[Image],
        targets: Sequence[Image] | None,
        plan: Plan,
        *,
        numbers: Sequence[int] | None = None,
    ) -> PatchDataset:
        """Create what makes the items.

        Parameters
        ----------
        images, targets : sequence of Image
            The images, and their targets if there are some.
        plan : Plan
            The regions of all images.
        numbers : sequence of int, optional
            The plan's numbers of the images, rising, where they are only some of its.

        Returns
        -------
        PatchDataset
            The core's dataset.
        """
        config, of_targets = self.data_config, None
        if self.n_target_channels is not None:
            of_targets = target_normalization(config, self.n_target_channels).pairs
        return PatchDataset(
            [(image.name, image.pixels) for image in images],
            input_normalization(config, self.n_channels).pairs,
            plan,
            numbers=numbers,
            targets=None if targets is None else [(image.name, image.pixels) for image in targets],
            target_normalization=of_targets,
            n2v_manipulate=_n2v_manipulate(config),
            augmentation=None if self.is_validation else _augmentation(config),
            fixed_epoch=self.fixed_epoch,
        )


def _augmentation(config: DataConfig) -> Augmentation:
    flips = [transform for transform in config.transforms if isinstance(transform, XYFlipConfig)]
    turns = [transform for transform in config.transforms if isinstance(transform, XYRandomRotate90Config)]
    return Augmentation(
        flip_y=any(flip.flip_y for flip in flips),
        flip_x=any(flip.flip_x for flip in flips),
        flip_probability=flips[0].p if flips else 0.0,
        rotation_probability=turns[0].p if turns else 0.0,
    )


def _n2v_manipulate(config: DataConfig) -> N2vManipulate | None:
    if not config.masks_pixels:
        return None
    transform = config.transforms[-1]
    assert isinstance(transform, N2VManipulateConfig)
    return N2vManipulate(
        strategy=transform.strategy,
        roi_size=transform.roi_size,
        masked_pixel_percentage=transform.masked_pixel_percentage,
        is_3d=len(config.patch_size) == 3,
        struct_axis=transform.struct_mask_axis,
        struct_span=transform.struct_mask_span,
    )
