"""The Rust core of patchmill.

Arrays of pixels have the axes S, T, C, Z, Y, X here, in any strides. Sizes and origins are along Z, Y and X; a 2D patch
has a size of 1 along Z. Errors are those of `patchmill.errors`.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Augmentation",
    "Batch",
    "N2vManipulate",
    "PatchDataset",
    "Plan",
    "TileGrid",
    "__version__",
    "default_num_threads",
    "order",
    "quantiles",
    "random_words",
    "statistics",
    "stitch_into",
    "tiles_into",
]

__version__: str

_NamedArray: TypeAlias = tuple[str, NDArray[Any]]
_ImageSize: TypeAlias = tuple[str, int, Sequence[int]]
_Normalization: TypeAlias = Sequence[tuple[float, float]]
_Span: TypeAlias = tuple[int, int, int, int]

def default_num_threads() -> int:
    """Return the number of cores that this process may run on."""

def statistics(
    inputs: Sequence[_NamedArray], *, num_threads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean, population standard deviation, minimum and maximum of every channel.

    Parameters
    ----------
    inputs : sequence of (name, array)
        Images with the same number of channels.
    num_threads : int
        The number of threads; the result is the same for any.

    Returns
    -------
    tuple of four arrays (C,), float64
        Exact for integers; floats are summed over fixed blocks.

    Raises
    ------
    DataError
        If a pixel is NaN, infinite or of a magnitude beyond 2**53.
    """

def quantiles(inputs: Sequence[_NamedArray], levels: Sequence[float], *, num_threads: int) -> list[list[float]]:
    """Compute quantiles of every channel, by linear interpolation as `numpy.quantile` does, in float64.

    Parameters
    ----------
    inputs : sequence of (name, array)
        Images with the same number of channels and, but for the byte order, the same data type.
    levels : sequence of float
        Which quantiles, each from 0 to 1.
    num_threads : int
        The number of threads; the result is the same for any.

    Returns
    -------
    list of list of float
        For each channel a quantile for each level. Exact: pixels are read once for each 16 bits of their type.

    Raises
    ------
    ConfigError
        If a level is not a number from 0 to 1.
    DataError
        If a pixel is NaN, infinite or of a magnitude beyond 2**53.
    """

def random_words(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Make the four words of Philox4x64-10 [1]_ for a counter (four words) and a key (two).

    References
    ----------
    .. [1] Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """

def order(n_items: int, *, seed: int, epoch: int, start: int, stop: int, step: int) -> NDArray[np.int64]:
    """Look up the items at places ``range(start, stop, step)`` in the random order of an epoch."""

def tiles_into(
    image: _NamedArray,
    sample: int,
    grid: TileGrid,
    *,
    first: int,
    normalization: _Normalization,
    out: NDArray[np.float32],
    num_threads: int,
) -> None:
    """Cut the tiles from number `first` on out of a sample into `out` (B, C, Z, Y, X), as many as it holds."""

def stitch_into(
    tiles: NDArray[np.float32],
    grid: TileGrid,
    *,
    first: int,
    normalization: _Normalization,
    out: NDArray[np.float32],
) -> None:
    """Put the predicted tiles from number `first` on into `out` (C, Z, Y, X), back on the scale of the pixels."""

@final
class Augmentation:
    """Random flips and quarter turns.

    Parameters
    ----------
    flip_y, flip_x : bool
        The axes that may be flipped; one of them is, with `flip_probability`.
    flip_probability, rotation_probability : float
        How likely a patch is flipped, and how likely it is turned by one to three quarter turns.
    """

    def __new__(
        cls, *, flip_y: bool, flip_x: bool, flip_probability: float, rotation_probability: float
    ) -> Augmentation: ...

@final
class N2vManipulate:
    """The pixel masking of Noise2Void (Krull et al., CVPR 2019) and N2V2 (Höck et al., ECCV Workshops 2022).

    Parameters
    ----------
    strategy : {"uniform", "median"}
        What replaces a masked pixel.
    roi_size : int
        The side of the region around it that replacements come from, odd.
    masked_pixel_percentage : float
        The share of the pixels that is masked, in percent.
    is_3d : bool
        Whether patches have a Z axis of their own.
    """

    def __new__(cls, *, strategy: str, roi_size: int, masked_pixel_percentage: float, is_3d: bool) -> N2vManipulate: ...
    def draw(
        self, *, seed: int, epoch: int, item: int, channel: int, size: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw the masked pixels of one channel of an item and their replacements, as rows of (z, y, x)."""

@final
class Plan:
    """The regions that an epoch can draw from. Images are given as (name, number of samples, size)."""

    @staticmethod
    def sequential(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Lay regions side by side, at 0, p, 2p, ... and size - p along every axis."""

    @staticmethod
    def random(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Draw regions anew in every epoch, ``ceil(pixels of a sample / pixels of a patch)`` per sample."""

    def __len__(self) -> int: ...
    def regions(self, items: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
        """List the regions of items (rows of index and epoch), as rows of (image, sample, z, y, x)."""

    def split(self, *, percentage: float, minimum: int, seed: int) -> tuple[Plan, Plan, int, bool]:
        """Split into training and validation.

        Returns
        -------
        tuple
            The plans for training and validation, the number of regions dropped because they overlap a validation
            patch, and whether `minimum` was lowered because it would have been most of the patches.
        """

@final
class TileGrid:
    """The overlapping tiles of a sample of `size`."""

    def __new__(cls, size: Sequence[int], *, tile_size: Sequence[int], tile_overlap: Sequence[int]) -> TileGrid: ...
    def __len__(self) -> int: ...
    def tile(self, number: int) -> list[_Span]:
        """Describe a tile along Z, Y and X, each as (origin, crop_start, crop_end, stitch_start)."""

@final
class PatchDataset:
    """Images, the plan of their patches, and what is done to each.

    Parameters
    ----------
    inputs : sequence of (name, array)
        The images. They are read whenever a batch is made.
    normalization : sequence of (shift, scale)
        For every channel: pixels become ``(x - shift) * scale``.
    plan : Plan
        The regions.
    targets, target_normalization : optional
        The same for the targets, image by image.
    n2v_manipulate : N2vManipulate, optional
        The masking of pixels; not with targets.
    augmentation : Augmentation, optional
        Flips and turns.
    fixed_epoch : int, optional
        The epoch that every epoch is, for validation.
    """

    def __new__(
        cls,
        inputs: Sequence[_NamedArray],
        normalization: _Normalization,
        plan: Plan,
        *,
        targets: Sequence[_NamedArray] | None = None,
        target_normalization: _Normalization | None = None,
        n2v_manipulate: N2vManipulate | None = None,
        augmentation: Augmentation | None = None,
        fixed_epoch: int | None = None,
    ) -> PatchDataset: ...
    def __len__(self) -> int: ...
    def draw(self, items: NDArray[np.int64], *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw the random parameters of items (rows of index and epoch).

        Returns
        -------
        regions : numpy.ndarray (n, 5)
            Rows of (image, sample, z, y, x).
        orientations : numpy.ndarray (n, 3)
            Rows of (transpose, flip_y, flip_x): the oriented patch at (y, x) is the original at (y, x), or (x, y) if
            transposed, counted from the far end of the original's Y or X if flipped.
        """

    def submit(
        self, items: NDArray[np.int64], outputs: tuple[NDArray[Any], ...], *, seed: int, num_threads: int
    ) -> Batch:
        """Begin to fill the outputs with items (rows of index and epoch).

        Parameters
        ----------
        items : numpy.ndarray (n, 2), int64
            Which items, and for which epochs.
        outputs : tuple of numpy.ndarray (n, C, Z, Y, X)
            Contiguous: float32 (patches), or (inputs, targets), or (masked, originals) and the uint8 masks. Nobody may
            read or write them before `Batch.wait` has returned.
        seed : int
            The seed of all draws.
        num_threads : int
            The size of the pool that fills them.
        """

@final
class Batch:
    """A batch that the threads of a pool are filling. Dropped, it is given up."""

    def wait(self) -> None:
        """Wait until the batch is done, without the GIL; Ctrl-C is heard meanwhile."""
