"""Composed transforms of a patch are the items of the datasets, byte for byte, for every item, epoch and setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill.config import (
    DataConfig,
    N2VManipulateConfig,
    NormalizeConfig,
    XYFlipConfig,
    XYRandomRotate90Config,
)
from patchmill.dataset import EpochIndex, InMemoryDataset
from patchmill.errors import ConfigError, DataError
from patchmill.transforms import (
    Compose,
    N2VManipulate,
    Normalize,
    XYFlip,
    XYRandomRotate90,
    get_all_transforms,
)
from tests.images import dtypes, epochs, lay_out, layouts, random_pixels, seeds
from tests.oracles.crop import crop, samples
from tests.oracles.sequential import sequential_regions

STATISTICS = {"image_means": [100.0, 50.5], "image_stds": [33.0, 7.25]}
TARGET_STATISTICS = {"target_means": [-3.0, 8.0], "target_stds": [0.5, 1000.0]}
maskings = st.one_of(
    st.none(),
    st.builds(
        N2VManipulateConfig,
        roi_size=st.sampled_from([3, 11]),
        masked_pixel_percentage=st.sampled_from([0.5, 3.0]),
        strategy=st.sampled_from(["uniform", "median"]),
        struct_mask_axis=st.sampled_from(["none", "horizontal", "vertical", "cross"]),
        struct_mask_span=st.sampled_from([3, 5, 15]),
    ),
)


def patches(image: NDArray[Any], config: DataConfig) -> list[NDArray[Any]]:
    """Cut the patches of the sequential plan out of an image, as they lie in it: C(Z)YX."""
    whole = samples(image, config.axes)
    size = tuple(config.patch_size) if "Z" in config.axes else (1, *config.patch_size)
    cut = [crop([whole], region, size) for region in sequential_regions([(len(whole), whole.shape[2:])], size)]
    return cut if "Z" in config.axes else [patch[:, 0] for patch in cut]


def data_config(axes: str, transforms: list[Any], seed: int, **settings: Any) -> DataConfig:
    patch_size = [8, 8, 9] if "Z" in axes else [8, 12]
    defaults = {"data_type": "array", "patch_size": patch_size, "transforms": transforms, "seed": seed}
    return DataConfig(axes=axes, **{**defaults, **STATISTICS, **settings})


@given(
    st.sampled_from(["CYX", "YXC", "ZCYX"]),
    st.booleans(),
    dtypes,
    layouts,
    maskings,
    st.builds(XYFlipConfig, flip_x=st.booleans(), flip_y=st.just(True), p=st.sampled_from([0.0, 0.5, 1.0])),
    st.builds(XYRandomRotate90Config, p=st.sampled_from([0.0, 0.5, 1.0])),
    seeds,
    epochs,
)
def test_items_of_a_dataset_are_composed_of_its_patches(
    axes: str,
    is_square: bool,
    dtype: np.dtype,
    layout: str,
    masking: N2VManipulateConfig | None,
    flip: XYFlipConfig,
    turn: XYRandomRotate90Config,
    seed: int,
    epoch: int,
) -> None:
    sizes = {"C": 2, "Z": 9, "Y": 15, "X": 17}
    image = lay_out(random_pixels(tuple(sizes[letter] for letter in axes), dtype, seed % 100), layout)
    transforms = [flip, turn, *([] if masking is None else [masking])]
    square = {"patch_size": [8, 8, 8] if "Z" in axes else [8, 8]} if is_square else {}
    config = data_config(axes, transforms, seed, **square)
    dataset = InMemoryDataset(config, image)
    compose = Compose([NormalizeConfig(**STATISTICS), *config.transforms], seed=config.seed)
    cut = patches(image, config)
    items = dataset.__getitems__([EpochIndex(index, epoch) for index in range(len(dataset))])
    assert len(cut) == len(items)
    for index, (patch, item) in enumerate(zip(cut, items, strict=True)):
        found = compose(patch, item=index, epoch=epoch)
        assert len(found) == len(item)
        for one, other in zip(found, item, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert one.tobytes() == other.tobytes()


def test_items_with_targets_are_composed_of_their_patches() -> None:
    image, target = (random_pixels((2, 20, 21), np.dtype(kind), 3) for kind in ("u2", "f8"))
    config = data_config("CYX", [XYFlipConfig(), XYRandomRotate90Config()], 9, patch_size=[8, 8], **TARGET_STATISTICS)
    dataset = InMemoryDataset(config, image, target)
    compose = Compose([NormalizeConfig(**STATISTICS, **TARGET_STATISTICS), *config.transforms], seed=9)
    pairs = zip(patches(image, config), patches(target, config), strict=True)
    for index, (patch, of_target) in enumerate(pairs):
        expected = dataset[index]
        for found in (
            compose(patch, of_target, item=index),
            compose.transform_with_additional_arrays(patch, of_target, item=index)[:2],
        ):
            assert [array.tobytes() for array in found] == [array.tobytes() for array in expected]


def test_callables_one_after_the_other_are_the_composed_ones() -> None:
    patch = random_pixels((2, 16, 16), np.dtype(np.uint16), 4)
    normalize, flip, turn = Normalize(**STATISTICS), XYFlip(seed=5), XYRandomRotate90(seed=5)
    masking = N2VManipulateConfig(masked_pixel_percentage=5.0, struct_mask_axis="cross")
    compose = Compose(
        [NormalizeConfig(**STATISTICS), XYFlipConfig(), XYRandomRotate90Config(), masking],
        seed=5,
    )
    mask = N2VManipulate(masking, seed=5)
    for _ in range(20):
        # All count their own calls.
        normalized, _, _ = normalize(patch)
        flipped, _, _ = flip(normalized)
        turned, _, _ = turn(flipped)
        by_hand = mask(turned)
        assert [array.tobytes() for array in by_hand] == [array.tobytes() for array in compose(patch)]


def test_results_are_tuples_without_what_is_not_there() -> None:
    patch = np.zeros((2, 8, 8), dtype=np.uint8)
    compose = Compose([NormalizeConfig(**STATISTICS, **TARGET_STATISTICS), XYFlipConfig()])
    assert len(compose(patch)) == 1
    assert len(compose(patch, patch)) == 2
    found, target, others = compose.transform_with_additional_arrays(patch, labels=patch)
    assert target is None
    np.testing.assert_array_equal(others["labels"], found)
    assert Compose([])(patch) == (patch,)


def test_all_transforms_are_known_by_their_names() -> None:
    assert get_all_transforms() == {
        "Normalize": Normalize,
        "XYFlip": XYFlip,
        "XYRandomRotate90": XYRandomRotate90,
        "N2VManipulate": N2VManipulate,
    }


def test_a_seed_is_shared_by_all() -> None:
    compose = Compose([XYFlipConfig(), XYRandomRotate90Config(), N2VManipulateConfig()])
    assert len({transform.seed for transform in compose.transforms}) == 1


def test_tensors_are_collated_by_a_loader() -> None:
    compose = Compose([NormalizeConfig(**STATISTICS), XYFlipConfig(), N2VManipulateConfig()], seed=1)
    patch = torch.zeros((2, 16, 16), dtype=torch.uint8)
    loader = torch.utils.data.DataLoader([compose(patch, item=item) for item in range(6)], batch_size=3)
    for masked, original, mask in loader:
        assert masked.shape == original.shape == mask.shape == (3, 2, 16, 16)
        assert (masked.dtype, original.dtype, mask.dtype) == (torch.float32, torch.float32, torch.uint8)


def test_what_cannot_be_composed_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected N2VManipulate to be the last one, got N2VManipulate, XYFlip"):
        Compose([N2VManipulateConfig(), XYFlipConfig()])
    for wrong in (XYFlip(), "XYFlip", {"name": "XYFlip"}):
        with pytest.raises(ConfigError, match="transform_list: expected configurations of Normalize, XYFlip, "):
            Compose([wrong])
    patch = np.zeros((1, 8, 8), dtype=np.float32)
    masking = Compose([N2VManipulateConfig()])
    with pytest.raises(ConfigError, match="target: expected none with N2VManipulate"):
        masking(patch, patch)
    with pytest.raises(ConfigError, match="additional arrays: expected none with N2VManipulate"):
        masking.transform_with_additional_arrays(patch)
    with pytest.raises(DataError, match="expected a tensor without a gradient"):
        masking(torch.zeros((1, 8, 8), requires_grad=True))
