"""What CAREamics 0.1.0 makes of the inputs of the tests."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import textwrap
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from careamics.config import DataConfig, InferenceConfig, create_n2v_configuration
from careamics.config.augmentations import N2VManipulateConfig
from careamics.config.data.tile_information import TileInformation
from careamics.dataset import InMemoryDataset, PathIterableDataset
from careamics.dataset.dataset_utils import list_files
from careamics.dataset.patching.random_patching import extract_patches_random
from careamics.dataset.patching.sequential_patching import extract_patches_sequential
from careamics.dataset.tiling.tiled_patching import extract_tiles
from careamics.file_io import read
from careamics.lightning import PredictDataModule, TrainDataModule
from careamics.prediction_utils import stitch_prediction
from careamics.transforms import (
    N2VManipulate,
    N2VManipulateTorch,
    Normalize,
    XYFlip,
    XYRandomRotate90,
    pixel_manipulation,
)
from careamics.utils.reshape_array import reshape_array
from numpy.typing import NDArray

Array = NDArray[Any]

_ONES = {"image_means": [0.0], "image_stds": [1 - 1e-6], "target_means": [0.0], "target_stds": [1 - 1e-6]}
"""Statistics that leave pixels as they are, up to the 1e-6 that is added to the deviation."""


def canonical(image: Array, axes: str) -> Array:
    """Bring an image into the order SC(Z)YX."""
    return reshape_array(image, axes)


def statistics(image: Array, axes: str, patch_size: list[int], target: Array | None = None) -> list[list[float]]:
    """Compute the statistics of an array: means and deviations, those of the target after those of the image."""
    dataset = InMemoryDataset(_config("array", axes, patch_size), image, target)
    found = [dataset.image_stats.means, dataset.image_stats.stds]
    if target is not None:
        found += [dataset.target_stats.means, dataset.target_stats.stds]
    return [[float(value) for value in values] for values in found]


def statistics_of_files(folder: Path, axes: str, patch_size: list[int], *, in_turn: bool) -> tuple[Array, Array]:
    """Compute the statistics of the TIFF files of a folder."""
    files = list_files(folder, "tiff")
    kind = PathIterableDataset if in_turn else InMemoryDataset
    dataset = kind(_config("tiff", axes, patch_size), files, read_source_func=read.read_tiff)
    return np.asarray(dataset.image_stats.means), np.asarray(dataset.image_stats.stds)


def sequential_patches(
    image: Array, axes: str, patch_size: list[int], target: Array | None = None
) -> tuple[Array, Array | None]:
    """Cut an image into its sequential patches, in no order."""
    target = None if target is None else reshape_array(target, axes)
    return extract_patches_sequential(reshape_array(image, axes), patch_size, target)


def items(image: Array, axes: str, patch_size: list[int], target: Array | None = None) -> list[tuple[Array, ...]]:
    """Return the items of a dataset without augmentations, in no order; each without the Nones that may be in it."""
    dataset = InMemoryDataset(_config("array", axes, patch_size, transforms=[]), image, target)
    return [tuple(part for part in dataset[index] if isinstance(part, np.ndarray)) for index in range(len(dataset))]


def random_patches(image: Array, patch_size: list[int]) -> Array:
    """Cut random patches out of samples SC(Z)YX."""
    return np.stack([patch for patch, _ in extract_patches_random(image, patch_size)])


def split_counts(
    image: Array, axes: str, patch_size: list[int], val_percentage: float, val_minimum_split: int
) -> tuple[int, int]:
    """Count the patches for training and for validation."""
    module = TrainDataModule(
        _config("array", axes, patch_size), image, val_percentage=val_percentage, val_minimum_split=val_minimum_split
    )
    module.prepare_data()
    module.setup()
    return len(module.train_dataset), len(module.val_dataset)


def split_file_counts(folder: Path, axes: str, patch_size: list[int], val_percentage: float, minimum: int) -> list[int]:
    """Count the files for training and for validation, where files are read in turn."""
    module = TrainDataModule(
        _config("tiff", axes, patch_size),
        folder,
        val_percentage=val_percentage,
        val_minimum_split=minimum,
        use_in_memory=False,
    )
    module.prepare_data()
    module.setup()
    return [dataset.get_number_of_files() for dataset in (module.train_dataset, module.val_dataset)]


def batch_shapes(config: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Describe the batches of a data module without augmentations: how many, and the shapes and types of the first."""
    module = TrainDataModule(DataConfig(**config, transforms=[]), **data)
    module.prepare_data()
    module.setup()
    batches = list(module.train_dataloader())
    return {"n": len(batches), "first": [(tuple(part.shape), str(part.dtype)) for part in batches[0]]}


def custom_items(folder: Path, axes: str, patch_size: list[int]) -> list[Array]:
    """Return the items of .npy files that a function reads, in no order."""
    module = TrainDataModule(
        _config("custom", axes, patch_size, transforms=[], **_ONES),
        folder,
        val_data=folder,
        read_source_func=lambda path, axes: np.load(path),
        extension_filter="*.npy",
    )
    module.prepare_data()
    module.setup()
    return [module.train_dataset[index][0] for index in range(len(module.train_dataset))]


def predicted_batches(
    data: Any, config: dict[str, Any], custom: bool = False
) -> list[tuple[Array, list[dict[str, Any]]] | tuple[Array]]:
    """Return the batches of a prediction data module: tiles and what is known of them, or whole samples."""
    how = {"read_source_func": lambda path, axes: np.load(path), "extension_filter": "*.npy"} if custom else {}
    module = PredictDataModule(InferenceConfig(**config), data, dataloader_params={"num_workers": 0}, **how)
    module.prepare_data()
    module.setup()
    batches = []
    for batch in module.predict_dataloader():
        if module.tiled:
            (tiles,), infos = batch
            batches.append((tiles.numpy(), [info.model_dump() for info in infos]))
        else:
            samples = batch[0] if isinstance(batch, (list, tuple)) else batch
            batches.append((samples.numpy(),))
    return batches


def tiles(shape: tuple[int, ...], tile_size: list[int], overlaps: list[int]) -> list[dict[str, Any]]:
    """Describe the tiles of samples SC(Z)YX, with the place in its sample that each was cut from."""
    spatial = shape[2:]
    numbers = np.broadcast_to(np.arange(int(np.prod(spatial))).reshape(spatial), shape)
    return [
        {
            "origin": tuple(int(place) for place in np.unravel_index(int(tile.flat[0]), spatial)),
            "shape": tile.shape,
            **info.model_dump(),
        }
        for tile, info in extract_tiles(numbers, tile_size, overlaps)
    ]


def stitched(tiles: list[Array], infos: list[dict[str, Any]]) -> list[Array]:
    """Stitch tiles."""
    return stitch_prediction(tiles, [TileInformation(**info) for info in infos])


def normalized(patch: Array, means: list[float], stds: list[float]) -> Array:
    """Normalise a patch C(Z)YX."""
    return Normalize(means, stds)(patch=patch)[0]


def flipped(patch: Array, axis: int) -> Array:
    """Flip a patch along an axis, counted from the end."""
    transform = XYFlip(flip_x=axis == -1, flip_y=axis == -2, p=1.0)
    return transform(patch)[0]


def turned(patch: Array, n_turns: int) -> Array:
    """Turn a patch by quarter turns."""
    return XYRandomRotate90(p=1.0)._apply(patch, n_turns, (-2, -1))


def draws(transform: str, patch: Array, n: int, **arguments: Any) -> Array:
    """Transform one patch n times."""
    made = {"flip": XYFlip, "turn": XYRandomRotate90}[transform](**arguments)
    return np.stack([made(patch)[0] for _ in range(n)])


def medians(channel: Array, coordinates: Array, roi_size: int) -> Array:
    """Return what the NumPy version replaces the pixels of a channel (Z)YX at given coordinates by."""
    drawn = pixel_manipulation._get_stratified_coords
    pixel_manipulation._get_stratified_coords = lambda *_: coordinates
    try:
        transformed, _ = pixel_manipulation.median_manipulate(channel, 1.0, roi_size)
    finally:
        pixel_manipulation._get_stratified_coords = drawn
    return transformed[tuple(coordinates.T)]


def masked_batch(batch: Array, **config: Any) -> tuple[Array, Array]:
    """Mask the pixels of a batch as training does."""
    masked, _, mask = N2VManipulateTorch(N2VManipulateConfig(**config), device="cpu")(torch.from_numpy(batch))
    return masked.numpy(), mask.numpy()


def masked_patch(patch: Array, **arguments: Any) -> tuple[Array, Array]:
    """Mask the pixels of a patch with the NumPy version."""
    masked, _, mask = N2VManipulate(**arguments)(patch)
    return masked, mask


def orientations_of_workers(image: Array, patch_size: list[int], n_workers: int, n_epochs: int) -> list[list[bytes]]:
    """Return the first batch of each worker of each epoch, of an image that is one patch tiled."""
    config = _config("array", "YX", patch_size)
    config.train_dataloader_params = {"shuffle": False, "num_workers": n_workers}
    module = TrainDataModule(config, image, val_data=image)
    module.prepare_data()
    module.setup()
    loader = module.train_dataloader()
    return [[batch[0].numpy().tobytes() for batch in loader] for _ in range(n_epochs)]


def validation_reads(image: Array, patch_size: list[int], n: int) -> list[bytes]:
    """Read one item of the validation dataset n times."""
    module = TrainDataModule(_config("array", "YX", patch_size), image, val_data=image)
    module.prepare_data()
    module.setup()
    return [module.val_dataset[0][0].tobytes() for _ in range(n)]


def split_patches(image: Array, patch_size: list[int], val_percentage: float) -> tuple[Array, Array]:
    """Return the patches for training and for validation, as they are in the image."""
    module = TrainDataModule(_config("array", "YX", patch_size), image, val_percentage=val_percentage)
    module.prepare_data()
    module.setup()
    return module.train_dataset.data, module.val_dataset.data


def paired_items(folder: Path, target_folder: Path, patch_size: list[int]) -> list[tuple[Array, Array]]:
    """Return the items of files and their targets."""
    config = _config("tiff", "YX", patch_size, transforms=[], **_ONES)
    module = TrainDataModule(
        config, folder, val_data=folder, train_data_target=target_folder, val_data_target=target_folder
    )
    module.prepare_data()
    module.setup()
    return [module.train_dataset[index] for index in range(len(module.train_dataset))]


def predicted_file_order(folder: Path, n_workers: int) -> list[float]:
    """Return the first pixels of the samples of files, in the order in which they are predicted."""
    config = InferenceConfig(data_type="tiff", axes="SYX", image_means=[0.0], image_stds=[1.0])
    module = PredictDataModule(config, folder, dataloader_params={"num_workers": n_workers})
    module.prepare_data()
    module.setup()
    return [float(batch[0].flatten()[0]) for batch in module.predict_dataloader()]


def files_read(folder: Path, one_argument: bool = False) -> int:
    """Count the patches of the .npy files of a folder, one patch each."""
    read_file = (lambda path: np.load(path)) if one_argument else (lambda path, axes: np.load(path))
    config = _config("custom", "YX", [16, 16])
    return len(InMemoryDataset(config, list_files(folder, "custom", "*.npy"), read_source_func=read_file))


def is_masking_accepted(patch_size: list[int]) -> bool:
    """Tell whether the factory accepts a patch size for Noise2Void with its default of 0.2 % masked pixels."""
    try:
        create_n2v_configuration("parity", "array", "YX", patch_size, 1, n_channels=None)
    except ValueError:
        return False
    return True


def public_names(modules: Sequence[str]) -> dict[str, list[str]]:
    """Return the names that modules say are public, or define, if they do not say."""
    found = {}
    for name in modules:
        module = importlib.import_module(name)
        defined = [each for each, value in vars(module).items() if getattr(value, "__module__", None) == name]
        names = getattr(module, "__all__", [each for each in defined if not each.startswith("_")])
        found[name] = sorted(each for each in names if not isinstance(getattr(module, each, None), types.ModuleType))
    return found


def public_members(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the parameters of functions, and the parameters, methods and attributes that classes define."""
    found = {}
    for name in names:
        module, _, attribute = name.rpartition(".")
        thing = getattr(importlib.import_module(module), attribute)
        is_enum = isinstance(thing, enum.EnumMeta)
        members = set() if is_enum else set(_parameters(thing))
        for base in thing.__mro__ if inspect.isclass(thing) else ():
            if base.__module__.startswith("careamics"):
                members |= {*vars(base), *_attributes(base), *getattr(base, "model_fields", {})}
                members -= _validators(base)
        found[name] = sorted(each for each in members if not each.startswith(("_", "model_")))
    return found


def _parameters(thing: Any) -> list[str]:
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]


def _attributes(kind: type) -> set[str]:
    """Return what the methods of a class set."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    targets = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return {node.attr for node in targets if isinstance(node.value, ast.Name) and node.value.id == "self"}


def _validators(kind: type) -> set[str]:
    """Return the methods that pydantic calls."""
    decorators = getattr(kind, "__pydantic_decorators__", None)
    if decorators is None:
        return set()
    kinds = (
        "validators",
        "field_validators",
        "root_validators",
        "field_serializers",
        "model_serializers",
        "model_validators",
    )
    return {name for each in kinds for name in getattr(decorators, each)}


def _config(data_type: str, axes: str, patch_size: list[int], **more: Any) -> DataConfig:
    loader = {"shuffle": True, "num_workers": 0}
    return DataConfig(
        data_type=data_type,
        axes=axes,
        patch_size=patch_size,
        train_dataloader_params=loader,
        val_dataloader_params={"num_workers": 0},
        **more,
    )
