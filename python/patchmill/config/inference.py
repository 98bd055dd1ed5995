"""Which images are predicted, and in which tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic import field_validator

from patchmill.config.images import ImagesConfig, checked_sizes, dimension_problems
from patchmill.config.normalization import RangeConfig
from patchmill.config.problems import problem

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["InferenceConfig"]


class InferenceConfig(ImagesConfig):
    """The images to predict, their tiles, and the statistics that the network was trained with.

    Parameters
    ----------
    data_type : {"array", "tiff", "custom"}
        Where the pixels are: NumPy arrays, TIFF files, or files that a function of the user reads.
    axes : str
        One letter per axis of the images, in their order: any order of a subset of STCZYX with Y and X.
    channels : list of int, optional
        The channels of the images that the network takes, in this order; all of them if None. Needs C in the axes.
    normalization : MeanStdConfig, MinMaxConfig, QuantileConfig or NoNormConfig, optional
        What the pixels are normalised by, as in training and with its statistics; `MeanStdConfig` by default.
    image_means, image_stds : list of float
        Mean and standard deviation of each channel of the images that were trained on. Needed by `MeanStdConfig`, and
        by no other.
    batch_size : int, default=1
        Number of tiles in a batch.
    tile_size : list of int, optional
        Size of a tile in pixels, (Z)YX, at least 8 along each axis and a multiple of ``2**depth`` of the network. Each
        sample at once if None.
    tile_overlap : list of int, optional
        How far tiles overlap, (Z)YX: even, and less than the tile. Needed with `tile_size`, and only then.
    tta_transforms : bool, default=True
        Whether predictions are to be averaged over the eight flips and quarter turns of the images. Data modules pass
        it on to whoever predicts, and do nothing else with it.
    """

    tile_size: list[int] | None = None
    tile_overlap: list[int] | None = None
    tta_transforms: bool = True

    def set_3D(  # noqa: N802 - as in CAREamics
        self, axes: str, tile_size: Iterable[int] | None, tile_overlap: Iterable[int] | None
    ) -> None:
        """Set axes and tiles together, as a change between 2D and 3D needs.

        Parameters
        ----------
        axes : str
            One letter per axis of the images.
        tile_size, tile_overlap : iterable of int or None
            Size of a tile, and how far tiles overlap, (Z)YX.

        Raises
        ------
        ValidationError
            If they are not valid, or do not fit each other.
        """
        tiles = {"tile_size": tile_size, "tile_overlap": tile_overlap}
        self.assign(axes=axes, **{name: None if sizes is None else list(sizes) for name, sizes in tiles.items()})

    @field_validator("tile_size")
    @classmethod
    def _check_tile_is_not_small(cls, size: list[int] | None) -> list[int] | None:
        return None if size is None else checked_sizes(size)

    @field_validator("tile_overlap")
    @classmethod
    def _check_overlap_is_even(cls, overlap: list[int] | None) -> list[int] | None:
        if overlap is not None and any(size < 0 or size % 2 for size in overlap):
            even = [max(size, 0) // 2 * 2 for size in overlap]
            msg = (
                f"expected even numbers of at least 0, half for either tile, got {overlap}. Use, for instance, {even}."
            )
            raise ValueError(msg)
        return overlap

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        yield from self._tile_problems()
        advice = "Take those of the data_config that was trained with."
        if self.normalization.name == "mean_std" and self.image_means is None and self.image_stds is None:
            message = f"expected the means of the training, and image_stds, got None. {advice}"
            yield problem("image_means", message, None)
        if isinstance(self.normalization, RangeConfig):
            lower, upper, _ = self.normalization.ranges[0]
            if getattr(self.normalization, lower) is None:
                message = f"expected the values of the training, and {upper}, got None. {advice}"
                yield problem(f"normalization.{lower}", message, None)

    def _tile_problems(self) -> Iterator[InitErrorDetails]:
        size, overlap = self.tile_size, self.tile_overlap
        if (size is None) != (overlap is None):
            missing = "tile_size" if size is None else "tile_overlap"
            message = "expected tile_size and tile_overlap, or neither, got one of them. Give both."
            yield problem(missing, message, None)
        for field, sizes in (("tile_size", size), ("tile_overlap", overlap)):
            if sizes is not None:
                yield from dimension_problems(field, sizes, self.axes)
        if size and overlap and len(size) == len(overlap) and any(o >= s for s, o in zip(size, overlap, strict=True)):
            message = f"expected less than the tile, {size}, along every axis, got {overlap}. Use a smaller overlap."
            yield problem("tile_overlap", message, overlap)
