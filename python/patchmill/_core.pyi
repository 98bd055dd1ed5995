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
    "Blend",
    "N2vManipulate",
    "PatchDataset",
    "Plan",
    "QuantilesAccumulator",
    "StatisticsAccumulator",
    "TileGrid",
    "__version__",
    "default_num_threads",
    "filter_cells",
    "order",
    "quantiles",
    "random_words",
    "split_order",
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
    inputs: Sequence[_NamedArray], *, per_channel: bool = True, num_threads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean, population standard deviation, minimum and maximum of every channel.

    Parameters
    ----------
    inputs : sequence of (name, array)
        Images with the same number of channels.
    per_channel : bool
        If not, every channel has the statistics of all channels.
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
    ShapeError
        If the images differ in their number of channels.
    """

def quantiles(
    inputs: Sequence[_NamedArray], levels: Sequence[float], *, per_channel: bool = True, num_threads: int
) -> list[list[float]]:
    """Compute quantiles of every channel, by linear interpolation as `numpy.quantile` does, in float64.

    Parameters
    ----------
    inputs : sequence of (name, array)
        Images with the same number of channels and, but for the byte order, the same data type.
    levels : sequence of float
        Which quantiles, each from 0 to 1.
    per_channel : bool
        If not, every channel has the quantiles of all channels.
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
    ShapeError
        If the images differ in their number of channels or their data type.
    """

@final
class StatisticsAccumulator:
    """Statistics of images that come one after the other: those of `statistics` of all of them, to the last bit."""

    def __new__(cls, *, per_channel: bool = True) -> StatisticsAccumulator: ...
    def update(self, inputs: Sequence[_NamedArray], *, num_threads: int) -> None:
        """Add all pixels of some images. If they cannot be used, as in `statistics`, nothing is added."""

    def finish(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return mean, population standard deviation, minimum and maximum of every channel so far."""

@final
class QuantilesAccumulator:
    """Quantiles of images that come one after the other, in one pass or several: those of `quantiles` of all of them.

    Each channel takes 1 MiB or, after the first pass, as much for each pixel that is looked for. In every thread, up to
    four channels take as much again.
    """

    def __new__(cls, levels: Sequence[float], *, per_channel: bool = True) -> QuantilesAccumulator: ...
    def update(self, inputs: Sequence[_NamedArray], *, num_threads: int) -> None:
        """Count all pixels of some images in this pass. If they cannot be used, as in `quantiles`, all is forgotten."""

    def end_pass(self) -> list[list[float]] | None:
        """End a pass over all images.

        Returns
        -------
        list of list of float, or None
            For each channel a quantile for each level; None if all images are needed once more, in any order.

        Raises
        ------
        ConfigError
            If the passes had not the same number of pixels.
        """

def filter_cells(
    inputs: Sequence[_NamedArray],
    patch_size: Sequence[int],
    name: str,
    *,
    channel: int,
    threshold: float | None = None,
    num_threads: int,
) -> NDArray[np.float64]:
    """Score every cell of the sequential grid by its pixels in one channel.

    Parameters
    ----------
    inputs : sequence of (name, array)
        The images, or masks.
    patch_size : sequence of int
        The size of a cell.
    name : {"max", "mean_std", "shannon", "mask"}
        What the scores are: the share of the pixels near which, in a window of half a patch, one is above the
        threshold; mean and population standard deviation; entropy in bits; or the share of pixels that are not zero.
    channel : int
        Which channel is looked at.
    threshold : float, optional
        For ``max``.
    num_threads : int
        The number of threads; the result is the same for any.

    Returns
    -------
    numpy.ndarray (cells, scores), float64
        In the order of the plan's regions.

    Raises
    ------
    DataError
        If a pixel of the channel is NaN, infinite or of a magnitude beyond 2**53.
    ShapeError
        If an image is smaller than a patch or has no such channel.
    """

def random_words(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Make the four words of Philox4x64-10 [1]_ for a counter (four words) and a key (two).

    References
    ----------
    .. [1] Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """

def order(n_items: int, *, seed: int, epoch: int, part: int = 0, start: int, stop: int, step: int) -> NDArray[np.int64]:
    """Look up the items at places ``range(start, stop, step)`` in the random order of an epoch.

    An epoch that is ordered part by part has an order for each `part`.
    """

def split_order(n_items: int, *, seed: int) -> NDArray[np.int64]:
    """List all items in the order in which a split keeps them for validation: the first n are kept."""

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
    origin: Sequence[int] | None = None,
    blend: Blend | None = None,
) -> None:
    """Put the predicted tiles from number `first` on into `out`, back on the scale of the pixels.

    Parameters
    ----------
    tiles : numpy.ndarray (B, C, Z, Y, X), float32
        The predicted tiles.
    grid : TileGrid
        Where they lie.
    first : int
        The number of the first of them.
    normalization : sequence of (shift, scale)
        What the channels of the prediction are brought back by.
    out : numpy.ndarray (C, Z, Y, X), float32
        The sample, or a part of it that holds all that these tiles fill. With a blend they are added to it, so that it
        is zero at first.
    origin : sequence of int, optional
        Where this part begins in the sample, along Z, Y and X; the sample's own beginning by default.
    blend : Blend, optional
        The weights of the tiles of this grid. Without, half of each overlap is taken from either neighbour.

    Raises
    ------
    ShapeError
        If the arrays do not fit the grid, or are not contiguous.
    """

@final
class Blend:
    """The weights of the tiles of a grid, which add up to 1 at every pixel.

    A weight is 1 but in overlaps, over the whole of which it falls towards the edge of the tile: along a straight line
    ("linear"), or as the flank of a Gaussian whose standard deviation is a third of the overlap ("gaussian").

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    profile : {"linear", "gaussian"}
        How weights fall.

    Raises
    ------
    ConfigError
        If there is no such profile.
    """

    def __new__(cls, grid: TileGrid, profile: str) -> Blend: ...

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
    def draw(self, *, seed: int, epoch: int, item: int, is_square: bool) -> tuple[bool, bool, bool]:
        """Draw the orientation of an item.

        Returns
        -------
        tuple of bool
            (transpose, flip_y, flip_x), as `PatchDataset.draw` lists them. Patches that are not square in YX make half
            turns only.
        """

@final
class N2vManipulate:
    """The pixel masking of Noise2Void [1]_, N2V2 [2]_ and structN2V [3]_.

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
    struct_axis : {"none", "horizontal", "vertical", "cross", "square"}
        The shape, in YX, of what is overwritten around masked pixels: nothing, a line along X, a line along Y, both, or
        all that lies between them.
    struct_span : int
        The longest side of that shape, odd, 3 to 15; the masked pixel is its middle.

    Raises
    ------
    ConfigError
        If an argument is out of range, or a square leaves nothing to take the median of.

    Notes
    -----
    When all masked pixels of a channel have their replacements, the pixels of the patterns around them, but for the
    middle, are given values that are uniform from the least to the greatest pixel of the channel as it was. A masked
    pixel in the pattern of another one loses its replacement that way. The mask holds the masked pixels alone. The
    median leaves the pattern out of its region.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    .. [3] Broaddus, Krull, Weigert, Schmidt, Myers: "Removing Structured Noise with Self-Supervised Blind-Spot
       Networks", ISBI 2020.
    """

    def __new__(
        cls,
        *,
        strategy: str,
        roi_size: int,
        masked_pixel_percentage: float,
        is_3d: bool,
        struct_axis: str = "none",
        struct_span: int = 5,
    ) -> N2vManipulate: ...
    def draw(
        self, *, seed: int, epoch: int, item: int, channel: int, size: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw the masked pixels of one channel of an item and their replacements, as rows of (z, y, x)."""

    def manipulate_into(
        self,
        original: NDArray[np.float32],
        masked: NDArray[np.float32],
        mask: NDArray[np.uint8],
        *,
        seed: int,
        epoch: int,
        item: int,
    ) -> None:
        """Fill `masked` and `mask` (1 at masked pixels, else 0) from a patch.

        All have the axes C(Z)YX, with Z if and only if patches are 3D, and lie in C order, apart from each other in
        memory.

        Raises
        ------
        ShapeError
            If they do not, or have no pixels.
        """

    def manipulate_batch_into(
        self,
        originals: NDArray[np.float32],
        masked: NDArray[np.float32],
        masks: NDArray[np.uint8],
        *,
        seed: int,
        epoch: int,
        num_threads: int,
    ) -> None:
        """Fill `masked` and `masks` from the patches of a batch, BC(Z)YX, as items 0, 1, 2, ... of an epoch.

        Raises
        ------
        ShapeError
            As for `manipulate_into`.
        """

@final
class Plan:
    """The regions that an epoch can draw from. Images are given as (name, number of samples, size).

    Below them all lies a grid of cells, each the size of a patch, at 0, p, 2p, ... and size - p along every axis, which
    are numbered sample by sample with X fastest. The stratum of a cell is the origins that are nearest to its own.
    """

    @staticmethod
    def sequential(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Take the cells themselves."""

    @staticmethod
    def stratified(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Draw a region in the stratum of every cell, anew in every epoch."""

    @staticmethod
    def random(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Draw regions anew in every epoch, ``ceil(pixels of a sample / pixels of a patch)`` per sample."""

    @staticmethod
    def fixed_random(images: Sequence[_ImageSize], patch_size: Sequence[int]) -> Plan:
        """Draw as many regions as `random`, those of epoch 0 in every epoch."""

    def keep(self, kept: NDArray[np.uint64]) -> Plan:
        """Keep only the cells with the given numbers (n,).

        Random regions then lie in the strata of kept cells, each of them as likely, and there are as many per sample as
        the share of its cells that is kept asks for, rounded up.

        Raises
        ------
        ConfigError
            If a number is not below `n_cells`, or no cell is left.
        """

    def __len__(self) -> int: ...
    @property
    def n_cells(self) -> int:
        """The number of cells of the grid."""

    @property
    def n_kept(self) -> int:
        """The number of cells that `keep` and `split` have left."""

    def kept(self) -> NDArray[np.uint64] | None:
        """List the numbers (n,) of the cells that `keep` and `split` have left, in order; None if it is all of them."""

    def image_ends(self) -> NDArray[np.int64]:
        """List the number of items up to the end of each image."""

    def cells(self, numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
        """List the regions of cells with the given numbers (n,), as rows of (image, sample, z, y, x)."""

    def regions(self, items: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
        """List the regions of items (rows of index and epoch), as rows of (image, sample, z, y, x)."""

    def split(self, *, percentage: float, minimum: int, seed: int) -> tuple[Plan, Plan, int, bool]:
        """Split into training and validation.

        Returns
        -------
        tuple
            The plans for training and validation, the number of items in neither because they overlap a validation
            patch (0 if the plan is random: they are drawn again), and whether `minimum` was lowered because it would
            have been most of the patches.
        """

@final
class TileGrid:
    """The overlapping tiles of a sample of `size` (all Z, Y, X).

    With a margin (0 by default), each tile that is cut has as many more pixels on either side: those of its neighbours
    or, beyond the border of the sample, reflected ones.
    """

    def __new__(
        cls,
        size: Sequence[int],
        *,
        tile_size: Sequence[int],
        tile_overlap: Sequence[int],
        margin: Sequence[int] = ...,
    ) -> TileGrid: ...
    def __len__(self) -> int: ...
    def tile(self, number: int) -> list[_Span]:
        """Describe a tile without its margin along Z, Y and X: (origin, crop_start, crop_end, stitch_start) each."""

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
    numbers : sequence of int, optional
        The plan's numbers of the images, rising, where they are only some of its. Only their items can be made.
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
        numbers: Sequence[int] | None = None,
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
        self,
        items: NDArray[np.int64],
        outputs: tuple[NDArray[Any], ...],
        *,
        seed: int,
        num_threads: int,
        draws: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
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
        draws : tuple of numpy.ndarray, optional
            How each of the items was drawn, as `draw` lists it, where that is not left to the plan and the
            augmentation. The items need not be the plan's then: they decide on masks alone.

        Raises
        ------
        ConfigError
            If an item is of an image that the dataset does not have.
        IndexError
            If an item does not exist.
        ShapeError
            If the outputs do not fit, or a draw does not lie within its image.
        """

@final
class Batch:
    """A batch that the threads of a pool are filling. Dropped, it is given up."""

    def wait(self) -> None:
        """Wait until the batch is done, without the GIL; Ctrl-C is heard meanwhile."""
