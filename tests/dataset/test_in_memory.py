"""Items are the oracle's, whatever the images, the targets, the patching and the masking."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from patchmill.config import XYFlipConfig, XYRandomRotate90Config
from patchmill.dataset import EpochIndex, InMemoryDataset, PatchSampler
from patchmill.errors import ConfigError, PatchmillWarning, ShapeError
from tests.dataset.milling import assert_is_item, assert_is_the_oracle, data_config, noise, oracle
from tests.images import AXES, dtypes, layouts, random_image, seeds
from tests.oracles.item import Masking

MASKINGS = [None, Masking("uniform", 11, 0.7), Masking("median", 5, 2.0)]


@given(
    st.data(),
    st.sampled_from(AXES),
    dtypes,
    layouts,
    st.sampled_from(["sequential", "random"]),
    st.sampled_from(MASKINGS),
    seeds,
)
def test_items_of_any_images_are_the_oracles(
    data: st.DataObject, axes: str, dtype: np.dtype, layout: str, patching: str, masking: Masking | None, seed: int
) -> None:
    images = []
    for number in range(data.draw(st.integers(1, 3), "images")):
        sizes = {letter: data.draw(st.integers(1, 2), letter) for letter in "ST"}
        sizes |= {"C": 2, "Z": data.draw(st.integers(8, 11), "Z")}
        sizes |= {letter: data.draw(st.integers(16, 40), letter) for letter in "YX"}
        images.append(random_image(axes, sizes, dtype, layout=layout, seed=seed % 1000 + number))
    config = data_config(axes, masking=masking, patching=patching, seed=seed)
    dataset = InMemoryDataset(config, images)
    assert_is_the_oracle(dataset, oracle(dataset.data_config, images), epochs=[0, 7])


@given(st.lists(st.sampled_from([8, 9, 12, 17, 32]), min_size=2, max_size=3), st.sampled_from(MASKINGS), seeds)
def test_patches_of_any_size_are_the_oracles(patch_size: list[int], masking: Masking | None, seed: int) -> None:
    axes = "ZYX" if len(patch_size) == 3 else "TYX"
    image = noise((33, 40, 37), seed=seed % 99)
    dataset = InMemoryDataset(data_config(axes, masking=masking, patch_size=patch_size, seed=seed), image)
    assert dataset[0][0].shape == (1, *patch_size)
    assert_is_the_oracle(dataset, oracle(dataset.data_config, [image]), epochs=[3])


@pytest.mark.parametrize("patching", ["sequential", "random"])
@pytest.mark.parametrize("channels", [(1, 1), (1, 3), (3, 2)])
def test_inputs_and_targets_may_differ_in_their_channels(channels: tuple[int, int], patching: str) -> None:
    images = [noise((channels[0], 40, 40), seed=1), noise((channels[0], 20, 50), seed=2)]
    targets = [noise((channels[1], 40, 40), np.float32, seed=3), noise((channels[1], 20, 50), np.float32, seed=4)]
    dataset = InMemoryDataset(data_config("CYX", patching=patching), images, targets)
    assert [array.shape for array in dataset[0]] == [(channels[0], 16, 16), (channels[1], 16, 16)]
    assert_is_the_oracle(dataset, oracle(dataset.data_config, images, targets), epochs=range(4))


def test_a_target_lies_as_its_input_does() -> None:
    image = noise((40, 40))
    config = data_config()
    dataset = InMemoryDataset(config, image, image)
    for index in range(len(dataset)):
        found, target = dataset[index]
        np.testing.assert_array_equal(found, target)


def test_images_of_different_shapes_are_one_dataset() -> None:
    images = [noise((2, 16, 16)), noise((1, 50, 20), seed=1), noise((4, 17, 33), seed=2)]
    dataset = InMemoryDataset(data_config("TYX", masking=MASKINGS[1]), images)
    assert len(dataset) == 2 + 4 * 2 + 4 * 2 * 3
    assert_is_the_oracle(dataset, oracle(dataset.data_config, images), epochs=[0, 1])


def test_images_may_differ_in_their_byte_order() -> None:
    images = [noise((40, 40), "<u2"), noise((30, 50), ">u2", seed=1)]
    dataset = InMemoryDataset(data_config(), images)
    native = InMemoryDataset(data_config(), [image.astype(np.uint16) for image in images])
    assert dataset.image_stats == native.image_stats
    assert_is_the_oracle(dataset, oracle(dataset.data_config, images))


def test_given_statistics_are_used_and_missing_ones_are_set() -> None:
    image, target = noise((2, 20, 20)), noise((2, 20, 20), seed=1)
    given_config = data_config("CYX", image_means=[1.5, 2.5], image_stds=[10.0, 0.0])
    dataset = InMemoryDataset(given_config, image, target)
    assert dataset.image_stats.means == (1.5, 2.5)
    assert dataset.image_stats.stds == (10.0, 0.0)
    assert dataset.target_stats.means == tuple(target.mean((1, 2)).tolist())
    assert given_config.target_means is None, "the configuration is copied"
    assert_is_the_oracle(dataset, oracle(dataset.data_config, [image], [target]))


def test_items_are_normalised_over_the_whole_image() -> None:
    image = noise((32, 32))
    dataset = InMemoryDataset(data_config(), image)
    patches = np.stack([dataset[index][0] for index in range(len(dataset))])
    assert abs(patches.mean()) < 1e-6
    assert abs(patches.std() - 1) < 1e-6


def test_an_item_depends_on_seed_epoch_and_index_alone() -> None:
    image = noise((64, 64))
    config = data_config(masking=MASKINGS[1], patching="random")
    one, other = InMemoryDataset(config, image), InMemoryDataset(config, image)
    later = [other[index] for index in reversed(range(len(other)))][::-1]
    for index in range(len(one)):
        assert_is_item(one[index], later[index])
    one.epoch = 5
    assert_is_item(other[EpochIndex(3, 5)], one[3])
    assert one[3][0].tobytes() != other[3][0].tobytes()
    another = InMemoryDataset(config.model_copy(update={"seed": 43}), image)
    assert another[3][0].tobytes() != other[3][0].tobytes()


def test_several_items_are_those_that_are_asked_for_one_by_one() -> None:
    dataset = InMemoryDataset(data_config(masking=MASKINGS[2]), noise((64, 64)))
    indices = [5, EpochIndex(5, 1), 0, 15, EpochIndex(2, 9), 5]
    for index, item in zip(indices, dataset.__getitems__(indices), strict=True):
        dataset.epoch = getattr(index, "epoch", 0)
        assert_is_item(dataset[int(index)], item)
    assert dataset.__getitems__([]) == []


def test_indices_count_from_the_end_and_stop_at_it() -> None:
    dataset = InMemoryDataset(data_config(), noise((32, 48)))
    assert len(dataset) == 6
    assert_is_item(dataset[-1], dataset[5])
    assert_is_item(dataset[np.int64(2)], dataset[2])
    for index in (6, -7, 10**12):
        with pytest.raises(IndexError):
            dataset[index]
    assert len(list(dataset)) == 6


def test_a_negative_index_keeps_its_epoch() -> None:
    dataset = InMemoryDataset(data_config(masking=MASKINGS[2]), noise((32, 48)))
    assert_is_item(dataset[EpochIndex(-1, 4)], dataset[EpochIndex(5, 4)])


@pytest.mark.parametrize("patching", ["sequential", "random"])
@pytest.mark.parametrize("masking", MASKINGS)
def test_both_parts_of_a_split_are_the_oracles(patching: str, masking: Masking | None) -> None:
    images = [noise((2, 50, 40)), noise((1, 70, 30), seed=1)]
    dataset = InMemoryDataset(data_config("TYX", masking=masking, patching=patching), images)
    validation = dataset.split_dataset(0.1, 2)
    config = dataset.data_config
    for epochs, part, found in (([0, 3], "training", dataset), ([0, 3], "validation", validation)):
        expected = oracle(config, images, part=part, percentage=0.1, minimum=2)
        assert_is_the_oracle(found, expected, epochs=epochs)


def test_validation_is_never_augmented_and_the_same_in_every_epoch() -> None:
    image = noise((64, 64))
    config = data_config(
        masking=MASKINGS[1],
        transforms=[XYFlipConfig(p=1), XYRandomRotate90Config(p=1), *data_config(masking=MASKINGS[1]).transforms[2:]],
    )
    for patching in ("sequential", "random"):
        validation = InMemoryDataset(config.model_copy(update={"patching": patching}), image, validation=True)
        expected = oracle(validation.data_config, [image])
        expected.is_validation = True
        assert_is_the_oracle(validation, expected, epochs=[0, 1, 9])
        assert_is_item(validation[EpochIndex(1, 8)], validation[1])


def test_a_dataset_is_split_once() -> None:
    dataset = InMemoryDataset(data_config(), noise((64, 64)))
    dataset.split_dataset(0.2)
    with pytest.raises(ConfigError, match="was split"):
        dataset.split_dataset(0.2)


def test_a_split_that_fails_leaves_the_dataset_whole() -> None:
    dataset = InMemoryDataset(data_config(), noise((64, 64)))
    with pytest.raises(ConfigError, match="val_percentage"):
        dataset.split_dataset(10)
    assert len(dataset) == 16
    assert len(dataset.split_dataset(0.1)) == 2


def test_a_split_that_leaves_nothing_is_an_error() -> None:
    dataset = InMemoryDataset(data_config(), noise((17, 17)))
    with pytest.raises(ShapeError, match="expected training patches to be left"):
        dataset.split_dataset(0.1, 1)


def test_arrays_are_referenced_and_not_copied() -> None:
    image, target = noise((32, 32)), noise((32, 32), np.float32)
    dataset = InMemoryDataset(data_config(transforms=[]), image, target)
    validation = dataset.split_dataset(0.25)
    for part in (dataset, validation):
        assert np.shares_memory(part._images[0].pixels, image)
        assert np.shares_memory(part._targets[0].pixels, target)
    before = dataset[0][0].copy()
    image += 1
    assert not np.array_equal(dataset[0][0], before)


@pytest.mark.parametrize("layout", ["columns", "reversed", "sparse", "unaligned", "read-only"])
def test_views_are_referenced_and_not_copied(layout: str) -> None:
    image = random_image("XTY", {"X": 20, "T": 2, "Y": 30}, np.dtype(">u2"), layout=layout, seed=1)
    dataset = InMemoryDataset(data_config("XTY"), image)
    assert np.shares_memory(dataset._images[0].pixels, image)


def test_an_array_lives_as_long_as_its_dataset() -> None:
    def make() -> InMemoryDataset:
        return InMemoryDataset(data_config(), noise((300, 300)))

    dataset = make()
    noise((300, 300), seed=9)
    assert_is_the_oracle(dataset, oracle(dataset.data_config, [noise((300, 300))]))


def mapped(path: Path, image: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, image, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_mapped_file_is_the_array_it_holds(tmp_path: Path, byteorder: str) -> None:
    image = noise((3, 40, 50))
    path = mapped(tmp_path / "stack.tif", image, byteorder=byteorder)
    dataset = InMemoryDataset(data_config("TYX", data_type="tiff", masking=MASKINGS[1]), path)
    assert dataset._images[0].is_mapped
    assert_is_the_oracle(dataset, oracle(dataset.data_config, [image]), epochs=[0, 2])


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("kind", ["array", "tiff"])
def test_a_dataset_survives_pickling(tmp_path: Path, kind: str, is_split: bool) -> None:
    image = noise((3, 60, 60))
    data: Any = image if kind == "array" else mapped(tmp_path / "stack.tif", image)
    dataset = InMemoryDataset(data_config("TYX", data_type=kind, masking=MASKINGS[1], patching="random"), data)
    dataset.epoch = 3
    parts = [dataset, dataset.split_dataset(0.2, 3)] if is_split else [dataset]
    for part in parts:
        stored = pickle.dumps(part)
        if kind == "tiff":
            assert len(stored) < 10_000, "a mapped file travels as its path"
        again = pickle.loads(stored)
        assert (len(again), again.epoch, again.data_config) == (len(part), part.epoch, part.data_config)
        for index in range(0, len(part), 5):
            assert_is_item(again[index], part[index])


def test_a_pair_survives_pickling() -> None:
    dataset = InMemoryDataset(data_config(), noise((40, 40)), noise((40, 40), np.float64))
    again = pickle.loads(pickle.dumps(dataset))
    assert_is_item(again[3], dataset[3])


def test_unpickling_does_not_warn_again() -> None:
    dataset = InMemoryDataset(data_config(), noise((32, 32)))
    with pytest.warns(PatchmillWarning, match="only 2 are kept"):
        dataset.split_dataset(0.1, 5)
    assert len(pickle.loads(pickle.dumps(dataset))) == 2


def test_items_are_fresh_memory() -> None:
    dataset = InMemoryDataset(data_config(), noise((32, 32)))
    first = dataset[0][0]
    kept = first.copy()
    dataset[1][0][...] = 7
    dataset[0][0][...] = 7
    np.testing.assert_array_equal(first, kept)


def test_datasets_with_nothing_in_common_do_not_disturb_each_other() -> None:
    one = InMemoryDataset(data_config(), noise((32, 32), np.uint8))
    two = InMemoryDataset(data_config("ZYX"), noise((8, 20, 20), np.float64))
    first, second = one[1][0].copy(), two[1][0].copy()
    assert_is_item(one[1], (first,))
    assert_is_item(two[1], (second,))


def test_outputs_that_share_memory_are_refused() -> None:
    dataset = InMemoryDataset(data_config(masking=Masking("uniform", 5, 2.0)), noise((32, 32)))
    (shape, _), *_ = dataset.item_layout
    both, mask = np.empty((1, *shape), np.float32), np.empty((1, *shape), np.uint8)
    with pytest.raises(ShapeError, match="apart from the others"):
        dataset.submit(np.zeros((1, 2), np.int64), (both, both, mask), seed=0, num_threads=1)


def test_a_loop_that_sees_the_same_draws_again_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    dataset = InMemoryDataset(data_config(patching="random"), noise((64, 64)))
    for epoch in range(4):
        dataset.epoch = epoch
        list(DataLoader(dataset, 4))
    for _ in range(4):
        list(DataLoader(dataset, 4, sampler=PatchSampler(dataset)))
    assert not caplog.text
    for _ in range(6):
        list(DataLoader(dataset, 4, shuffle=True))
    assert caplog.text.count("sampler=PatchSampler(dataset)") == 1
