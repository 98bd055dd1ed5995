"""What CAREamics 0.3.5 makes of the inputs of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from careamics.config.algorithms.n2v_manipulation import N2VManipulateConfig, StructMaskConfig
from careamics.config.factories import create_advanced_n2v_config
from careamics.dataset.augmentation import XYFlip, XYRandomRotate90
from careamics.dataset.normalization.mean_std_normalization import MeanStdNormalization
from careamics.dataset.normalization.range_normalization import RangeNormalization
from careamics.dataset.patch_filter import MaskPatchFilter, MaxPatchFilter, MeanStdPatchFilter, ShannonPatchFilter
from careamics.dataset.patching import RandomPatching, SequentialPatching, TiledPatching
from careamics.lightning.data.data_module import CareamicsDataModule
from careamics.lightning.modules.n2v_utils import N2VManipulate, pixel_manipulation
from careamics.utils.reshape_array import reshape_array
from numpy.typing import NDArray

Array = NDArray[Any]


def canonical(image: Array, axes: str) -> Array:
    """Bring an image into the order SC(Z)YX."""
    return reshape_array(image, axes)


def sequential_origins(shape: tuple[int, ...], patch_size: list[int]) -> list[tuple[int, ...]]:
    """Return (sample, origin) of the sequential patches of samples SC(Z)YX that do not overlap but at the end."""
    patching = SequentialPatching([shape], patch_size, overlaps=[0] * len(patch_size))
    specs = [patching.get_patch_spec(index) for index in range(patching.n_patches)]
    return [(spec["sample_idx"], *spec["coords"]) for spec in specs]


def random_origins(shape: tuple[int, ...], patch_size: list[int], n_epochs: int) -> Array:
    """Draw the origins of the random patches of samples SC(Z)YX."""
    patching = RandomPatching([shape], patch_size)
    numbers = range(patching.n_patches)
    return np.array([patching.get_patch_spec(number)["coords"] for _ in range(n_epochs) for number in numbers])


def tiles(shape: tuple[int, ...], tile_size: list[int], overlaps: list[int]) -> list[dict[str, Any]]:
    """Describe the tiles of samples SC(Z)YX."""
    return list(TiledPatching([shape], tile_size, overlaps).tile_specs)


def normalized(kind: str, patch: Array, first: list[float], second: list[float]) -> Array:
    """Normalise a patch C(Z)YX by means and deviations, or by the ends of ranges."""
    return {"mean_std": MeanStdNormalization, "range": RangeNormalization}[kind](first, second)(patch)[0]


def flipped(patch: Array, axis: int) -> Array:
    """Flip a patch along an axis, counted from the end."""
    return XYFlip(flip_x=axis == -1, flip_y=axis == -2, p=1.0)(patch)[0]


def turned(patch: Array, n_turns: int) -> Array:
    """Turn a patch by quarter turns."""
    return XYRandomRotate90(p=1.0)._apply(patch, n_turns, (-2, -1))


def keeps(kind: str, patches: Array, **arguments: Any) -> list[bool]:
    """Tell which patches a filter does not filter out."""
    filters = {
        "max": MaxPatchFilter,
        "mean_std": MeanStdPatchFilter,
        "shannon": ShannonPatchFilter,
        "mask": MaskPatchFilter,
    }
    chosen = filters[kind](**arguments)
    return [not chosen.filter_out(patch) for patch in patches]


def masked_batch(batch: Array, **config: Any) -> tuple[Array, Array]:
    """Mask the pixels of a batch as training does."""
    masked, _, mask = N2VManipulate(N2VManipulateConfig(**config), device="cpu")(torch.from_numpy(batch))
    return masked.numpy(), mask.numpy()


def medians(channel: Array, coordinates: Array, roi_size: int, **struct: Any) -> Array:
    """Return what the pixels of a channel (Z)YX at given coordinates are replaced by.

    The lower of the middle two values of an even number of them is what torch calls the median. The upper one is the
    lower one of the negative, negative.
    """
    lower = _manipulated(pixel_manipulation.median_manipulate, channel, coordinates, roi_size, struct)
    upper = -_manipulated(pixel_manipulation.median_manipulate, -channel, coordinates, roi_size, struct)
    index = tuple(coordinates.T)
    return np.stack([lower[index], upper[index]])


def struct_pixels(channel: Array, coordinates: Array, **struct: Any) -> Array:
    """Return where the pattern of structN2V around given coordinates changes a channel (Z)YX."""
    return _manipulated(pixel_manipulation.uniform_manipulate, channel, coordinates, 3, struct) != channel


def orientations_of_factory(patch: Array, n: int) -> list[bytes]:
    """Return n items of one patch (Y, X), with the augmentations that the factory configures."""
    dataset = _train_dataset(patch, list(patch.shape), normalization="none", masked_pixel_percentage=10.0)
    return [dataset[0][0].data.tobytes() for _ in range(n)]


def statistics(image: Array, patch_size: list[int]) -> list[float]:
    """Compute the mean and the standard deviation of an array (Y, X) as training does."""
    found = _train_dataset(image, patch_size, normalization="mean_std").normalization
    return [float(found.input_means[0]), float(found.input_stds[0])]


def _train_dataset(image: Array, patch_size: list[int], **settings: Any) -> Any:
    config = create_advanced_n2v_config(
        experiment_name="parity",
        data_type="array",
        axes="YX",
        patch_size=patch_size,
        batch_size=8,
        num_workers=0,
        **settings,
    )
    module = CareamicsDataModule(config.data_config, train_data=image, val_data=image)
    module.setup("fit")
    return module.train_dataset


def _manipulated(manipulate: Any, channel: Array, coordinates: Array, roi_size: int, struct: dict[str, Any]) -> Array:
    config = StructMaskConfig(**struct) if struct else None
    centers = torch.from_numpy(np.pad(coordinates, [(0, 0), (1, 0)]).astype(np.int32))
    drawn = pixel_manipulation._get_stratified_coords
    pixel_manipulation._get_stratified_coords = lambda *_: centers
    try:
        batch = torch.from_numpy(channel[np.newaxis])
        transformed, _ = manipulate(batch, 1.0, subpatch_size=roi_size, struct_params=config)
    finally:
        pixel_manipulation._get_stratified_coords = drawn
    return transformed.numpy()[0]
