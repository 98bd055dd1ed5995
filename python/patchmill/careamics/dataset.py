"""CAREamics' dataset over patchmill's images, whose batches the engine makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from careamics.dataset.dataset import CareamicsDataset
from careamics.dataset.normalization import MeanStdNormalization, NoNormalization, RangeNormalization
from numpy.typing import NDArray

from patchmill._core import PatchDataset, Plan
from patchmill.careamics.augmentation import OrientationSource, orientation_source
from patchmill.careamics.fallback import CannotAccelerateError
from patchmill.careamics.patching import Regions, RegionSource, reach_beyond, region_source
from patchmill.careamics.region_data import HAS_TARGET_AXES, RegionData
from patchmill.careamics.stacks import FileStack, PixelStack
from patchmill.careamics.statistics import complete_normalization
from patchmill.sources import Image

__all__ = ["Draws", "EngineDataset"]

_Normalization = list[tuple[float, float]]

Layout = list[tuple[tuple[int, ...], np.dtype[Any]]]


@dataclass(frozen=True)
class Draws:
    """How the items of a batch were drawn.

    Parameters
    ----------
    regions : Regions
        Where they lie.
    orientations : numpy.ndarray (n, 3)
        How they are laid down, as rows of (transpose, flip_y, flip_x).
    """

    regions: Regions
    orientations: NDArray[np.int64]

    @property
    def patch_size(self) -> tuple[int, ...]:
        """The size of all of them, (Z)YX."""
        return tuple(self.regions.patch_sizes[0].tolist())

    @property
    def images(self) -> NDArray[np.int64]:
        """The image of each."""
        return self.regions.rows[:, 0]

    def part(self, first: int, end: int) -> Draws:
        """Return those of some of the items, which follow each other."""
        regions = self.regions
        tiles = {name: values[first:end] for name, values in regions.tiles.items()}
        part = Regions(regions.rows[first:end], regions.patch_sizes[first:end], tiles)
        return Draws(part, self.orientations[first:end])


class EngineDataset(CareamicsDataset):  # type: ignore[misc]  # it has no types here
    """A `CareamicsDataset` that can also make whole batches, on Rust threads.

    Parameters
    ----------
    data_config : DataConfig
        CAREamics' configuration.
    patch_constructor : BasicPatchConstr
        Its patching, and its extractors over `PixelStack`.
    model_constraints : ModelConstraints, optional
        What the model asks of the data.
    faithful : bool
        Whether statistics and orientations are drawn as CAREamics draws them.
    """

    def __init__(
        self, data_config: Any, patch_constructor: Any, model_constraints: Any = None, *, faithful: bool
    ) -> None:
        self._inputs: list[PixelStack] = patch_constructor.input_extractor.image_stacks
        extractor = patch_constructor.target_extractor
        self._targets: list[PixelStack] | None = None if extractor is None else extractor.image_stacks
        self._channels: Sequence[int] | None = patch_constructor.channels
        # Before 0.3.3, CAREamics cuts the same channels out of targets.
        self._target_channels = None if HAS_TARGET_AXES else self._channels
        if not faithful:
            complete_normalization(
                data_config.normalization,
                lambda: self._images(self._inputs, self._channels),
                None if self._targets is None else lambda: self._images(self._targets or [], self._target_channels),
            )
        super().__init__(data_config, patch_constructor, model_constraints)
        self.is_faithful = faithful
        self._cores: dict[tuple[int, ...], PatchDataset] = {}

    @property
    def is_in_turn(self) -> bool:
        """Whether the images are files that are opened one after the other."""
        return any(isinstance(stack, FileStack) for stack in (*self._inputs, *(self._targets or [])))

    @property
    def reaches_beyond(self) -> bool:
        """Whether a patch that is kept for validation ends one pixel behind its image, which CAREamics takes as 0."""
        tiled = self.config.patching.name in ("tiled", "whole")
        return not tiled and reach_beyond(self._draw_regions, [stack.data_shape for stack in self._inputs])

    @cached_property
    def _draw_regions(self) -> RegionSource:
        return region_source(self.patch_constructor.patching_strategy, faithful=self.is_faithful)

    @cached_property
    def _draw_orientations(self) -> OrientationSource:
        transforms = [] if self.transforms is None else self.transforms.transforms
        return orientation_source(transforms, faithful=self.is_faithful)

    @cached_property
    def image_of_item(self) -> NDArray[np.int64]:
        """The image of each item."""
        images = np.empty(len(self), dtype=np.int64)
        for image in range(len(self._inputs)):
            images[self.patch_constructor.get_patch_indices(image)] = image
        return images

    @cached_property
    def region_data(self) -> tuple[RegionData, RegionData | None]:
        """What makes batches of the inputs, and of the targets."""
        nothing = np.empty(0, dtype=np.float32)
        target = None if self._targets is None else nothing
        specs: list[Any] = [{"data_idx": image} for image in range(len(self._inputs))]
        inputs, targets = zip(*(self._create_image_regions(nothing, target, spec) for spec in specs), strict=True)
        return RegionData(inputs), None if target is None else RegionData(targets)

    def patch_size(self, image: int) -> tuple[int, ...]:
        """Return the size of the items of an image, (Z)YX."""
        patching = self.config.patching
        return tuple(self._inputs[image].data_shape[2:] if patching.name == "whole" else patching.patch_size)

    def check(self) -> None:
        """Check that the engine can make the items, as far as that is known before any file is opened in turn.

        Raises
        ------
        CannotAccelerateError
            If the statistics do not fit, or a transform is not known.
        PatchmillError
            If the images and their targets do not.
        """
        # None are drawn, but what cannot draw says so.
        self.draw(np.empty(0, dtype=np.int64), np.random.default_rng(0))
        if self.is_in_turn:
            self._normalizations()
        else:
            self.core(self.patch_size(0))

    def item_layout(self, patch_size: tuple[int, ...]) -> Layout:
        """Return the shape, C(Z)YX, and the data type of each array of an item."""
        counts = [_n_channels(self._inputs[0], self._channels)]
        if self._targets is not None:
            counts.append(_n_channels(self._targets[0], self._target_channels))
        return [((n_channels, *patch_size), np.dtype(np.float32)) for n_channels in counts]

    def draw(self, indices: NDArray[np.int64], rng: np.random.Generator) -> Draws:
        """Draw some items.

        Parameters
        ----------
        indices : numpy.ndarray (n,)
            Their indices.
        rng : numpy.random.Generator
            What draws.

        Returns
        -------
        Draws
            How they were drawn.
        """
        return Draws(self._draw_regions(indices, rng), self._draw_orientations(len(indices), rng))

    def core(self, patch_size: tuple[int, ...]) -> PatchDataset:
        """Return what makes items of a size, of all images that are at hand and large enough, or padded to be."""
        if patch_size not in self._cores:
            numbers = [image for image in range(len(self._inputs)) if self.patch_size(image) == patch_size]
            self._cores[patch_size] = self.create_core(numbers, patch_size)
        return self._cores[patch_size]

    def create_core(self, numbers: Sequence[int], patch_size: tuple[int, ...]) -> PatchDataset:
        """Create what makes items of some images.

        Parameters
        ----------
        numbers : sequence of int
            Which images, rising.
        patch_size : tuple of int
            The size of the items, (Z)YX.

        Returns
        -------
        PatchDataset
            The core's dataset.
        """
        size = (1, *patch_size)[-3:]
        images = self._named_pixels([self._inputs[number] for number in numbers], self._channels, size)
        targets = None
        if self._targets is not None:
            chosen = [self._targets[number] for number in numbers]
            targets = self._named_pixels(chosen, self._target_channels, size)
        sizes = [(name, pixels.shape[0] * pixels.shape[1], pixels.shape[3:]) for name, pixels in images]
        # The plan has no say: CAREamics' own patching has drawn.
        plan = Plan.sequential(sizes, size)
        normalization, of_targets = self._normalizations()
        return PatchDataset(
            images, normalization, plan, numbers=numbers, targets=targets, target_normalization=of_targets
        )

    def _named_pixels(
        self, stacks: Sequence[PixelStack], channels: Sequence[int] | None, size: tuple[int, ...]
    ) -> list[tuple[str, NDArray[Any]]]:
        images = self._images(stacks, channels)
        return [(image.name, _padded(image.pixels, size)) for image in images]

    def _images(self, stacks: Sequence[PixelStack], channels: Sequence[int] | None) -> Iterable[Image]:
        """Return images; of files that are opened in turn, one at a time."""
        opened = (stack.open() if isinstance(stack, FileStack) else stack.image for stack in stacks)
        chosen = opened if channels is None else (image.select_channels(channels) for image in opened)
        return chosen if self.is_in_turn else list(chosen)

    def _normalizations(self) -> tuple[_Normalization, _Normalization | None]:
        """Return the normalisation of the images, and of their targets."""
        of_images = self._normalization(self._inputs[0], self._channels, is_target=False)
        if self._targets is None:
            return of_images, None
        return of_images, self._normalization(self._targets[0], self._target_channels, is_target=True)

    def _normalization(self, stack: PixelStack, channels: Sequence[int] | None, *, is_target: bool) -> _Normalization:
        """Return the shift and the scale of each channel, as CAREamics' normalisation has them."""
        norm, n_channels = self.normalization, _n_channels(stack, channels)
        side = "target" if is_target else "input"
        if type(norm) is NoNormalization or (is_target and getattr(norm, "skip_target", False)):
            return [(0.0, 1.0)] * n_channels
        if type(norm) is MeanStdNormalization:
            shifts, widths = getattr(norm, f"{side}_means"), getattr(norm, f"{side}_stds")
        elif type(norm) is RangeNormalization:
            shifts, highs = getattr(norm, f"{side}_mins"), getattr(norm, f"{side}_maxes")
            widths = None if highs is None else [high - low for low, high in zip(shifts, highs, strict=True)]
        else:
            msg = f"the normalisation {type(norm).__name__} is not one that patchmill knows"
            raise CannotAccelerateError(msg)
        if shifts is None or widths is None or not {len(shifts), len(widths)} <= {1, n_channels}:
            msg = f"there are no statistics for each of {n_channels} channel(s) of the {side}"
            raise CannotAccelerateError(msg)
        pairs = zip(shifts, widths, strict=True)
        found = [(float(shift), 1 / (float(width) + norm.eps)) for shift, width in pairs]
        return found * n_channels if len(found) == 1 else found

    def __getstate__(self) -> dict[str, Any]:
        # What batches are made with is made again where it is needed.
        made = ("_draw_regions", "_draw_orientations", "region_data")
        return {name: value for name, value in self.__dict__.items() if name not in made} | {"_cores": {}}


def _padded(pixels: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Return pixels with zeros behind them where a tile is larger than the image, as CAREamics has it."""
    missing = [max(along - has, 0) for along, has in zip(size, pixels.shape[3:], strict=True)]
    if not any(missing):
        return pixels
    return np.pad(pixels, [(0, 0)] * 3 + [(0, more) for more in missing])


def _n_channels(stack: PixelStack, channels: Sequence[int] | None) -> int:
    return int(stack.data_shape[1]) if channels is None else len(channels)
