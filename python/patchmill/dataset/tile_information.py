"""Where a tile lies, and which part of its prediction belongs into the image."""

from __future__ import annotations

from dataclasses import dataclass

from patchmill._core import TileGrid

__all__ = ["TileInformation"]

Coords = tuple[tuple[int, int], ...]


# Not frozen: Lightning moves batches to a device by setting the fields of the dataclasses in them.
@dataclass(kw_only=True)
class TileInformation:
    """What is needed to put the prediction of a tile back into its sample.

    Parameters
    ----------
    array_shape : tuple of int
        The shape of the sample, C(Z)YX.
    last_tile : bool, default=False
        Whether this is the sample's last tile.
    overlap_crop_coords : tuple of (int, int)
        First pixel, and the one after the last, of the part of the tile that is kept, along (Z)YX.
    stitch_coords : tuple of (int, int)
        Where this part lies in the sample, likewise.
    sample_id : int
        The number of the sample, counted over the images of a dataset.
    """

    array_shape: tuple[int, ...]
    last_tile: bool = False
    overlap_crop_coords: Coords
    stitch_coords: Coords
    sample_id: int

    @classmethod
    def of(cls, grid: TileGrid, number: int, *, array_shape: tuple[int, ...], sample_id: int) -> TileInformation:
        """Describe a tile of a grid over a sample.

        Parameters
        ----------
        grid : TileGrid
            The tiles of the sample.
        number : int
            Which of them.
        array_shape : tuple of int
            The shape of the sample, C(Z)YX.
        sample_id : int
            The number of the sample.
        """
        spans = grid.tile(number)[-(len(array_shape) - 1) :]
        return cls(
            array_shape=array_shape,
            last_tile=number == len(grid) - 1,
            overlap_crop_coords=tuple((start, end) for _, start, end, _ in spans),
            stitch_coords=tuple((into, into + end - start) for _, start, end, into in spans),
            sample_id=sample_id,
        )
