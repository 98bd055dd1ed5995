"""What ``docs/careamics.md`` says of CAREamics' mistakes is so, and patchmill does not make them.

The tests are named after what patchmill does.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from patchmill.config import DataConfig, InferenceConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.dataset import InMemoryDataset, PredictDataModule, TrainDataModule
from patchmill.errors import PairError, ReadError
from patchmill.transforms import N2VManipulate
from tests.parity.images import Array, config, noise, unnormalized
from tests.parity.peer import Peer, PeerError

AUGMENTED = [XYFlipConfig(), XYRandomRotate90Config()]


def _coverage(patches: Array, n_pixels: int) -> float:
    return len(np.unique(patches)) / n_pixels


@pytest.mark.parametrize(("size", "patch", "theirs"), [(100, 32, 0.960), (200, 64, 0.990), (1000, 64, 0.988)])
def test_sequential_patches_cover_every_pixel(v01: Peer, size: int, patch: int, theirs: float) -> None:
    image = np.arange(size * size, dtype=np.float64).reshape(size, size)
    patches, _ = v01.call("sequential_patches", image=image, axes="YX", patch_size=[patch, patch])
    assert _coverage(patches, image.size) == pytest.approx(theirs, abs=1e-3)
    dataset = InMemoryDataset(unnormalized("YX", [patch, patch]), image.astype(np.float32))
    assert _coverage(np.round([item for (item,) in dataset]), image.size) == 1


def test_every_patch_and_epoch_is_augmented_anew(v01: Peer) -> None:
    patch = noise((16, 16), np.float32)
    image = np.tile(patch, (8, 8))
    epochs = v01.call("orientations_of_workers", image=image, patch_size=[16, 16], n_workers=2, n_epochs=2)
    assert epochs[0] == epochs[1]
    assert epochs[0][::2] == epochs[0][1::2]

    settings = config(
        "YX", [16, 16], transforms=AUGMENTED, train_dataloader_params={"shuffle": False, "num_workers": 2}
    )
    module = TrainDataModule(settings, image, val_data=image)
    module.setup()
    loader = module.train_dataloader()
    ours = [[batch[0].numpy().tobytes() for batch in loader] for _ in range(2)]
    assert ours[0] != ours[1]
    assert ours[0][::2] != ours[0][1::2]


def test_validation_patches_are_not_augmented(v01: Peer) -> None:
    patch = noise((16, 16), np.float32)
    image = np.tile(patch, (2, 2))
    assert len(set(v01.call("validation_reads", image=image, patch_size=[16, 16], n=100))) == 8
    module = TrainDataModule(config("YX", [16, 16], transforms=AUGMENTED), image, val_data=image)
    module.setup()
    assert len({module.val_dataset[0][0].tobytes() for _ in range(100)}) == 1


def test_training_and_validation_patches_share_no_pixel(v01: Peer) -> None:
    image = np.arange(120 * 120, dtype=np.float32).reshape(120, 120)
    training, validation = v01.call("split_patches", image=image, patch_size=[32, 32], val_percentage=0.2)
    assert len(np.intersect1d(training, validation)) > 0.05 * validation.size
    settings = unnormalized("YX", [32, 32])
    module = TrainDataModule(settings, image, val_percentage=0.2, val_minimum_split=2)
    module.setup()
    parts = [np.round([item for (item,) in each]) for each in (module.train_dataset, module.val_dataset)]
    assert len(np.intersect1d(*parts)) == 0


def test_patches_that_are_not_square_keep_their_shape(v01: Peer) -> None:
    patch = noise((1, 8, 16), np.float32)
    assert v01.call("turned", patch=patch, n_turns=1).shape == (1, 16, 8)
    dataset = InMemoryDataset(config("YX", [8, 16], transforms=AUGMENTED), patch[0])
    for dataset.epoch in range(50):
        assert dataset[0][0].shape == (1, 8, 16)


def test_all_eight_orientations_occur(v03: Peer) -> None:
    patch = noise((32, 32), np.float32)
    theirs = Counter(v03.call("orientations_of_factory", patch=patch, n=2000))
    assert len(theirs) == 4
    assert max(theirs.values()) / 2000 == pytest.approx(0.5, abs=0.05)
    dataset = InMemoryDataset(config("YX", [32, 32], transforms=AUGMENTED), patch)
    found = set()
    for dataset.epoch in range(200):
        found.add(dataset[0][0].tobytes())
    assert len(found) == 8


def test_statistics_are_those_of_all_pixels_whatever_the_patch_size(v03: Peer) -> None:
    image = np.zeros((300, 300), np.float32)
    image[:100, :100] = noise((100, 100), np.float32)
    theirs = [v03.call("statistics", image=image, patch_size=[128, 128])[0] for _ in range(8)]
    assert np.ptp(theirs) > 0.1 * image.mean(dtype=np.float64)
    for patch_size in ([32, 32], [128, 128]):
        ours = InMemoryDataset(config("YX", patch_size), image).data_config
        np.testing.assert_allclose(ours.image_means, [image.mean(dtype=np.float64)], rtol=1e-12)


def test_statistics_of_files_count_every_pixel_once(v01: Peer, tmp_path: Path) -> None:
    image = np.zeros((100, 100), np.float64)
    image[:, 22:32] = 1000  # where two of their patches overlap
    tifffile.imwrite(tmp_path / "image.tif", image)
    means, _ = v01.call("statistics_of_files", folder=tmp_path, axes="YX", patch_size=[32, 32], in_turn=False)
    assert means[0] == pytest.approx(2 / 1.28 * image.mean())
    ours = InMemoryDataset(config("YX", [32, 32], data_type="tiff"), tmp_path).data_config
    assert ours.image_means == pytest.approx([image.mean()])


def test_files_are_paired_by_name_or_not_at_all(v01: Peer, tmp_path: Path) -> None:
    for where, name in (("s/x", 1), ("s/y", 0), ("t/x", 0), ("t/y", 1)):
        (tmp_path / where).mkdir(parents=True)
        tifffile.imwrite(tmp_path / where / f"{name}.tif", np.full((16, 16), name, np.float32))
    folders = {"folder": tmp_path / "s", "target_folder": tmp_path / "t"}
    pairs = v01.call("paired_items", **folders, patch_size=[16, 16])
    assert all(round(float(patch.mean())) != round(float(target.mean())) for patch, target in pairs)
    module = TrainDataModule(config("YX", [16, 16], data_type="tiff"), tmp_path / "s", train_data_target=tmp_path / "t")
    with pytest.raises(PairError):
        module.prepare_data()


def test_predictions_come_in_the_order_of_the_files_with_any_number_of_workers(v01: Peer, tmp_path: Path) -> None:
    for number in range(2):
        samples = np.arange(3, dtype=np.float32)[:, None, None] + 10 * number
        tifffile.imwrite(tmp_path / f"{number}.tif", np.broadcast_to(samples, (3, 16, 16)), photometric="minisblack")
    theirs = [round(value) for value in v01.call("predicted_file_order", folder=tmp_path, n_workers=2)]
    assert theirs == [0, 10, 1, 11, 2, 12]
    prediction = InferenceConfig(data_type="tiff", axes="SYX", image_means=[0.0], image_stds=[1.0])
    for n_workers in (0, 2):
        module = PredictDataModule(prediction, tmp_path, dataloader_params={"num_workers": n_workers})
        module.setup()
        ours = [round(float(batch[0].flatten()[0])) for batch in module.predict_dataloader()]
        assert ours == [0, 1, 2, 10, 11, 12]


def test_a_file_that_cannot_be_read_is_an_error(v01: Peer, tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", noise((16, 16)))
    (tmp_path / "1.npy").write_bytes(b"damaged")
    assert v01.call("files_read", folder=tmp_path) == 2
    with pytest.raises(ReadError, match=r"1\.npy"):
        InMemoryDataset(
            config("YX", [16, 16], data_type="custom"), tmp_path, read_source_func=np.load, extension_filter="*.npy"
        )


def test_a_reading_function_may_take_the_path_alone(v01: Peer, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", noise((16, 16)))
    with pytest.raises(PeerError, match="No valid samples"):
        v01.call("files_read", folder=tmp_path, one_argument=True)
    dataset = InMemoryDataset(
        config("YX", [16, 16], data_type="custom"),
        tmp_path,
        read_source_func=lambda path: np.load(path),
        extension_filter="*.npy",
    )
    assert len(dataset) == 1


def test_targets_may_have_other_channels_than_images(v01: Peer) -> None:
    image, target = noise((2, 32, 32)), noise((1, 32, 32))
    with pytest.raises(PeerError, match="same shape"):
        v01.call("statistics", image=image, axes="CYX", patch_size=[16, 16], target=target)
    patch, of_target = InMemoryDataset(config("CYX", [16, 16]), image, target)[0]
    assert (patch.shape, of_target.shape) == ((2, 16, 16), (1, 16, 16))


def test_an_axis_that_is_shorter_than_its_tile_is_padded(v01: Peer) -> None:
    image = noise((60, 70), np.float32)
    settings = {
        "data_type": "array",
        "axes": "YX",
        "image_means": [0.0],
        "image_stds": [1.0],
        "tile_size": [64, 64],
        "tile_overlap": [16, 16],
    }
    batches = v01.call("predicted_batches", data=image, config=settings)
    assert [tiles.shape for tiles, _ in batches] == [(1, 1, 60, 64)] * 2
    with pytest.raises(PeerError, match="broadcast"):
        v01.call("stitched", tiles=[tiles[0] for tiles, _ in batches], infos=[infos[0] for _, infos in batches])
    module = PredictDataModule(InferenceConfig(**settings), image)
    module.setup()
    assert [tuple(tiles.shape) for tiles, _ in module.predict_dataloader()] == [(1, 1, 64, 64)] * 2


def test_the_mask_holds_every_chosen_pixel(v01: Peer) -> None:
    faint = np.random.default_rng(0).poisson(1, (64, 1, 64, 64)).astype(np.float32)
    _, mask = v01.call("masked_batch", batch=faint, masked_pixel_percentage=1.0)
    assert mask.mean() == pytest.approx(0.0068, abs=0.0005)


@pytest.mark.parametrize(("percentage", "theirs"), [(0.2, 0.22), (0.5, 0.61), (1.0, 1.19), (5.0, 6.2)])
def test_as_many_pixels_are_masked_as_are_asked_for(v01: Peer, percentage: float, theirs: float) -> None:
    patches = [noise((1, 64, 64), np.float32, seed=seed) for seed in range(40)]
    masked = [v01.call("masked_patch", patch=patch, masked_pixel_percentage=percentage)[1].mean() for patch in patches]
    assert 100 * np.mean(masked) == pytest.approx(theirs, rel=0.05)
    ours = N2VManipulate(masked_pixel_percentage=percentage)
    assert 100 * np.mean([ours(patch)[2].mean() for patch in patches]) == pytest.approx(percentage, rel=0.05)


def test_draws_of_numpy_torch_and_random_elsewhere_change_nothing() -> None:
    image = noise((64, 64))
    settings = DataConfig(data_type="array", axes="YX", patch_size=[16, 16], seed=1)
    found = []
    for seed in range(2):
        np.random.seed(seed)  # noqa: NPY002 - what others do
        torch.manual_seed(seed)
        module = TrainDataModule(settings, image, val_minimum_split=2)
        module.setup()
        found.append([batch[0].numpy().tobytes() for batch in module.train_dataloader()])
    assert found[0] == found[1]
