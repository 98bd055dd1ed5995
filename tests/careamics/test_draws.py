"""What is drawn by default: as many patches, from the same places, but independently of each other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("careamics")

import careamics.dataset.patching.stratified_patching as theirs
from careamics.config.data import DataConfig
from careamics.dataset.factory.val_split import create_val_split
from careamics.lightning.data import CareamicsDataModule
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.careamics import accelerated
from patchmill.careamics.stratified_patching import StratifiedPatching

sizes_2d = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(8, 60), st.integers(8, 60))
sizes_3d = st.tuples(st.integers(1, 2), st.just(1), st.integers(8, 30), st.integers(8, 30), st.integers(8, 30))


def pair(shapes: list[tuple[int, ...]]) -> tuple[Any, StratifiedPatching]:
    patch_size = [8] * (len(shapes[0]) - 2)
    return theirs.StratifiedPatching(shapes, patch_size, seed=1), StratifiedPatching(shapes, patch_size, seed=1)


@settings(max_examples=30, deadline=None)
@given(
    st.one_of(st.lists(sizes_2d, min_size=1, max_size=3), st.lists(sizes_3d, min_size=1, max_size=2)),
    st.integers(0, 3),
    st.floats(0, 1),
)
def test_there_are_as_many_patches_and_the_same_are_kept_for_validation(
    shapes: list[tuple[int, ...]], n_val: int, probability: float
) -> None:
    own, ours = pair(shapes)
    assert ours.n_patches == own.n_patches
    for key, cells in own.get_all_grid_coords().items():
        assert ours.get_all_grid_coords()[key] == list(cells)
        for patching in (own, ours):
            patching.set_region_probs(*key, dict.fromkeys(cells[::3], probability))
    assert ours.n_patches == own.n_patches
    if n_val >= own.n_patches:
        return
    kept = [create_val_split(patching, n_val, np.random.default_rng(2))[1] for patching in (own, ours)]
    assert kept[1].fixed_patch_specs == kept[0].fixed_patch_specs
    assert ours.n_patches == own.n_patches
    for image in range(len(shapes)):
        assert list(ours.get_patch_indices(image)) == list(own.get_patch_indices(image))


def test_no_patch_touches_one_that_is_excluded() -> None:
    shapes = [(2, 1, 70, 50), (1, 1, 40, 90)]
    patching = StratifiedPatching(shapes, [8, 8], seed=1)
    excluded = {(0, 0): [(0, 0), (3, 2)], (0, 1): [(7, 5)], (1, 0): [(4, 10), (2, 2), (2, 3)]}
    for key, cells in excluded.items():
        patching.exclude_patches(*key, cells)
    rng = np.random.default_rng(0)
    for _ in range(50):
        images, samples, origins = patching.draw(np.arange(patching.n_patches), rng)
        for key, cells in excluded.items():
            here = origins[(images == key[0]) & (samples == key[1])]
            for cell in cells:
                assert (np.abs(here - np.array(cell) * 8) >= 8).any(axis=1).all()


def test_all_origins_are_equally_likely_but_for_what_is_filtered() -> None:
    patching = StratifiedPatching([(1, 1, 40, 27)], [8, 8], seed=1)
    patching.exclude_patches(0, 0, [(2, 1)])
    patching.set_region_probs(0, 0, {(0, 0): 0.25})
    rng = np.random.default_rng(0)
    n_epochs = 4000
    drawn = np.concatenate([patching.draw(np.arange(patching.n_patches), rng)[2] for _ in range(n_epochs)])
    counts = np.zeros((33, 20))
    np.add.at(counts, tuple(drawn.T), 1)
    likely = np.ones_like(counts)
    likely[:8, :8] = 0.25
    likely[9:24, 1:16] = 0
    expected = likely * (patching.n_patches * n_epochs / likely.sum())
    assert not counts[likely == 0].any()
    assert counts.sum() == patching.n_patches * n_epochs
    # Of independent counts, about one in 500 million is six standard deviations away.
    assert (np.abs(counts - expected) < 6 * np.sqrt(np.maximum(expected, 1))).all()


def ramp(shape: tuple[int, ...]) -> NDArray[np.uint16]:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def orientations(patches: NDArray[Any]) -> list[tuple[bool, ...]]:
    """Tell how patches of a ramp lie: what grows along an axis, and which way."""
    steps_y, steps_x = patches[:, 1, 0] - patches[:, 0, 0], patches[:, 0, 1] - patches[:, 0, 0]
    return [(abs(y) > abs(x), bool(y > 0), bool(x > 0)) for y, x in zip(steps_y, steps_x, strict=True)]


def training(data: NDArray[Any], **changes: Any) -> CareamicsDataModule:
    config = DataConfig(
        mode="training",
        data_type="array",
        axes="SYX",
        patching={"name": "stratified", "patch_size": [8, 8], "seed": 3},
        normalization={"name": "none"},
        batch_size=16,
        n_val_patches=3,
        seed=3,
        **changes,
    )
    module = CareamicsDataModule(config, train_data=data)
    module.setup("fit")
    return module


def epochs(module: CareamicsDataModule, n: int) -> list[NDArray[Any]]:
    """Return the patches of some epochs, (n, Y, X)."""
    loader = module.train_dataloader()
    return [np.concatenate([batch[0].data[:, 0].numpy().copy() for batch in loader]) for _ in range(n)]


def test_all_eight_orientations_come_as_often_as_they_should() -> None:
    with accelerated():
        patches = np.concatenate(epochs(training(ramp((4, 128, 128))), 8))
    counts = Counter(orientations(patches))
    assert len(counts) == 8
    shares = sorted(count / len(patches) for count in counts.values())
    # Three turns and two transpositions, two flips (alone, or the other one and half a turn), and nothing at all.
    np.testing.assert_allclose(shares, [1 / 12] * 5 + [1 / 6] * 2 + [1 / 4], atol=0.02)


def test_every_epoch_has_patches_of_its_own_and_the_same_seed_the_same() -> None:
    with accelerated():
        torch.manual_seed(1)
        first, second = epochs(training(ramp((2, 64, 64))), 2)
        torch.manual_seed(1)
        again = epochs(training(ramp((2, 64, 64))), 2)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(again, [first, second])


def test_patches_are_the_pixels_at_their_coordinates() -> None:
    data = ramp((3, 70, 50))
    with accelerated():
        module = training(data, augmentations=[])
        for batch in module.train_dataloader():
            spec = batch[0].region_spec
            for number, patch in enumerate(batch[0].data[:, 0].numpy()):
                y, x = (int(along[number]) for along in spec["coords"])
                sample = int(spec["sample_idx"][number])
                np.testing.assert_array_equal(patch, data[sample, y : y + 8, x : x + 8])


def test_statistics_are_those_of_the_images() -> None:
    data = np.random.default_rng(0).integers(0, 4000, (3, 2, 70, 50)).astype(np.uint16)
    data[0, 0, :10, :10] = 60000
    found = {}
    for name in ("mean_std", "min_max", "quantile"):
        config = DataConfig(
            mode="training", data_type="array", axes="SCYX", normalization={"name": name}, n_val_patches=3,
            patching={"name": "stratified", "patch_size": [16, 16]},
        )  # fmt: skip
        with accelerated():
            module = CareamicsDataModule(config, train_data=data, train_data_target=data[:, :1])
            module.setup("fit")
        found[name] = module.config.normalization
    channels, targets = data.transpose(1, 0, 2, 3).reshape(2, -1), data[:, 0].ravel()
    np.testing.assert_allclose(found["mean_std"].input_means, channels.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found["mean_std"].input_stds, channels.std(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found["mean_std"].target_means, [targets.mean()], rtol=1e-6)
    assert found["min_max"].input_mins == channels.min(axis=1).tolist()
    assert found["min_max"].input_maxes == channels.max(axis=1).tolist()
    np.testing.assert_allclose(found["quantile"].input_upper_quantile_values, np.quantile(channels, 0.99, axis=1))
    np.testing.assert_allclose(found["quantile"].target_lower_quantile_values, [np.quantile(targets, 0.01)])
