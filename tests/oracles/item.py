"""What ``dataset[i]`` is: everything put together, from the arrays and the settings alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.crop import crop, samples
from tests.oracles.n2v_manipulate import manipulate
from tests.oracles.normalize import affine
from tests.oracles.orientation import Orientation, draw_flipped_axis, draw_quarter_turns, orient
from tests.oracles.plan import Plan
from tests.oracles.sequential import ImageSize, Region, Size

Normalization = list[tuple[float, float]]
"""For each channel the shift and the scale: pixels become (x - shift) * scale."""


@dataclass
class Masking:
    """The settings of Noise2Void."""

    strategy: str = "uniform"
    roi_size: int = 11
    percentage: float = 0.2
    struct_axis: str = "none"
    struct_span: int = 5


@dataclass
class Dataset:
    """Images (in `axes`), how they are cut into patches (Z, Y, X), and what is done to those."""

    images: list[NDArray[Any]]
    axes: str
    patch: Size
    normalization: Normalization
    seed: int
    targets: list[NDArray[Any]] | None = None
    target_normalization: Normalization = field(default_factory=list)
    patching: str = "sequential"
    flipped_axes: list[int] = field(default_factory=list)
    flip_p: float = 0.0
    rotation_p: float = 0.0
    masking: Masking | None = None
    is_validation: bool = False
    validation: list[Region] | None = None
    """Of a training part, the regions that are kept for validation."""
    regions: list[Region] | None = None
    """Of a part, the cells that are left; of the whole, None."""

    @property
    def sizes(self) -> list[ImageSize]:
        shapes = [samples(image, self.axes).shape for image in self.images]
        return [(shape[0], shape[2:]) for shape in shapes]

    @property
    def plan(self) -> Plan:
        """The plan of the regions."""
        return Plan(self.patching, self.sizes, self.patch, left=self.regions, validation=self.validation)

    def __len__(self) -> int:
        return len(self.plan)

    def region(self, index: int, epoch: int) -> Region:
        """Return the region of an item."""
        return self.plan.region(index, epoch=epoch, seed=self.seed)

    def orientation(self, index: int, epoch: int) -> Orientation:
        """Return the orientation of an item. Validation patches lie as they do in the image."""
        if self.is_validation:
            return Orientation()
        _, height, width = self.patch
        return Orientation(
            draw_flipped_axis(self.seed, epoch, index, axes=self.flipped_axes, p=self.flip_p),
            draw_quarter_turns(self.seed, epoch, index, is_square=height == width, p=self.rotation_p),
        )

    def item(self, index: int, epoch: int = 0) -> tuple[NDArray[Any], ...]:
        """Return an item, its arrays with the axes C, Z, Y, X. Every epoch of validation is epoch 0."""
        epoch = 0 if self.is_validation else epoch
        region, orientation = self.region(index, epoch), self.orientation(index, epoch)
        patch = self._patch(self.images, self.normalization, region, orientation)
        if self.targets is not None:
            return patch, self._patch(self.targets, self.target_normalization, region, orientation)
        if self.masking is None:
            return (patch,)
        masked, mask = manipulate(
            patch,
            seed=self.seed,
            epoch=epoch,
            item=index,
            strategy=self.masking.strategy,
            roi_size=self.masking.roi_size,
            percentage=self.masking.percentage,
            is_3d="Z" in self.axes,
            struct_axis=self.masking.struct_axis,
            struct_span=self.masking.struct_span,
        )
        return masked, patch, mask

    def _patch(
        self, images: list[NDArray[Any]], normalization: Normalization, region: Region, orientation: Orientation
    ) -> NDArray[np.float32]:
        pixels = crop([samples(image, self.axes) for image in images], region, self.patch)
        return np.ascontiguousarray(orient(affine(pixels, normalization), orientation))
