"""The data module: from arrays and files to loaders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from torch.utils.data import DataLoader, default_collate

from patchmill import TrainDataModule
from patchmill.config import create_care_configuration, create_n2v_configuration
from patchmill.dataset import InMemoryDataset, IterableDataset, PatchLoader
from patchmill.errors import ConfigError, MissingFileError, PairError, PatchmillWarning
from tests.dataset.milling import as_bytes, assert_is_the_oracle, copied, data_config, noise, oracle
from tests.oracles.item import Masking

MASKING = Masking("uniform", 11, 1.0)


def ready(config: Any, *data: Any, **options: Any) -> TrainDataModule:
    module = TrainDataModule(config, *data, **options)
    module.prepare_data()
    module.setup()
    return module


def write(path: Path, image: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image, photometric="minisblack", **options)
    return path


def test_an_array_is_split_and_loaded() -> None:
    image = noise((5, 64, 64))
    module = ready(data_config("TYX", masking=MASKING, batch_size=8), image)
    assert len(module.val_dataset) == 8
    for part, dataset in (("training", module.train_dataset), ("validation", module.val_dataset)):
        expected = oracle(module.data_config, [image], part=part, percentage=0.1, minimum=5)
        assert_is_the_oracle(dataset, expected, epochs=[0, 1])
    train, val = module.train_dataloader(), module.val_dataloader()
    assert type(train) is type(val) is PatchLoader
    assert (train.sampler.shuffle, val.sampler.shuffle) == (True, False)
    assert (train.batch_size, val.batch_size) == (8, 8)
    assert sum(len(batch[0]) for batch in train) == 72
    assert copied(val) == copied(val), "validation is the same in every epoch"
    first, second = copied(train), copied(train)
    assert first != second


def test_the_documented_example_works() -> None:
    config = create_n2v_configuration(
        experiment_name="demo", data_type="array", axes="YX", patch_size=[64, 64], batch_size=128, num_epochs=20
    )
    module = ready(config.data_config, noise((512, 512), np.float32))
    for masked, original, mask in module.train_dataloader():
        assert masked.shape == original.shape == mask.shape
        np.testing.assert_array_equal(masked[mask == 0], original[mask == 0])
        assert (masked.dtype, original.dtype, mask.dtype) == (torch.float32, torch.float32, torch.uint8)


def test_the_configuration_is_copied_and_holds_the_statistics() -> None:
    config = data_config("CYX")
    image = noise((2, 100, 100))
    module = ready(config, image)
    assert config.image_means is None
    means, stds = module.get_data_statistics()
    assert means == [float(channel.mean()) for channel in image]
    np.testing.assert_allclose(stds, image.std((1, 2)), rtol=1e-12)
    assert (module.data_config.image_means, module.data_config.image_stds) == (means, stds)
    assert module.val_dataset.image_stats == module.train_dataset.image_stats


def test_a_seed_that_was_drawn_is_kept_and_gives_the_same_batches_again() -> None:
    config = data_config(seed=None, masking=MASKING)
    image = noise((128, 128))
    module = ready(config, image)
    again = ready(module.data_config, image)
    assert module.data_config.seed == config.seed == again.data_config.seed
    assert copied(module.train_dataloader()) == copied(again.train_dataloader())
    assert copied(module.val_dataloader()) == copied(again.val_dataloader())
    other = ready(data_config(seed=None, masking=MASKING), image)
    assert other.data_config.seed != config.seed


def test_a_loader_goes_on_with_the_epoch_after_the_one_before_it() -> None:
    image = noise((128, 128))
    for params in ({}, {"collate_fn": default_collate}):
        config = data_config(masking=MASKING, train_dataloader_params={"shuffle": True, **params})
        module, loader = ready(config, image), ready(config, image).train_dataloader()
        epochs = [copied(module.train_dataloader()) for _ in range(3)]
        assert epochs == [copied(loader) for _ in range(3)]
        next(iter(module.train_dataloader()))
        assert copied(module.train_dataloader()) not in [*epochs, copied(loader)], "an epoch that was begun is over"


def test_processes_share_a_seed_that_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broadcast(values: list[Any], src: int) -> None:
        assert src == 0
        values[0] = 77

    monkeypatch.setattr("patchmill.dataset.replicas.replicas", lambda: (2, 1))
    monkeypatch.setattr("torch.distributed.broadcast_object_list", broadcast)
    image = noise((64, 64))
    assert ready(data_config(seed=None), image).seed == 77
    assert ready(data_config(seed=5), image).seed == 5, "one that was given is that of all"


def test_validation_data_of_its_own_is_used_whole_with_the_statistics_of_training() -> None:
    train, val = [noise((64, 64)), noise((50, 30), seed=1)], noise((40, 40), seed=2)
    module = ready(data_config(masking=MASKING), train, val)
    assert len(module.train_dataset) == 16 + 4 * 2
    assert module.val_dataset.image_stats == module.train_dataset.image_stats
    expected = oracle(module.data_config, [val])
    expected.is_validation = True
    assert_is_the_oracle(module.val_dataset, expected, epochs=[0, 2])


def test_targets_are_paired_with_their_inputs() -> None:
    config = create_care_configuration(
        experiment_name="care",
        data_type="array",
        axes="CYX",
        patch_size=[16, 16],
        batch_size=4,
        n_channels_in=1,
        n_channels_out=2,
        seed=3,
    ).data_config
    images, targets = (
        [noise((1, 64, 64)), noise((1, 40, 90), seed=1)],
        [noise((2, 64, 64), seed=2), noise((2, 40, 90), seed=3)],
    )
    module = ready(config, images, train_data_target=targets)
    for part, dataset in (("training", module.train_dataset), ("validation", module.val_dataset)):
        expected = oracle(module.data_config, images, targets, part=part, percentage=0.1, minimum=5)
        assert_is_the_oracle(dataset, expected)
    batch = next(iter(module.train_dataloader()))
    assert [tensor.shape for tensor in batch] == [(4, 1, 16, 16), (4, 2, 16, 16)]
    with_val = ready(config, images, images[0], targets, targets[0])
    assert len(next(iter(with_val.val_dataloader()))) == 2


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("as_text", [False, True])
def test_one_file_is_the_array_it_holds(tmp_path: Path, compression: str | None, as_text: bool) -> None:
    image = noise((5, 60, 70), ">u2")
    path = write(tmp_path / "stack.tif", image, compression=compression)
    module = ready(data_config("TYX", masking=MASKING, data_type="tiff"), str(path) if as_text else path)
    array = ready(data_config("TYX", masking=MASKING), image)
    assert copied(module.train_dataloader()) == copied(array.train_dataloader())
    assert copied(module.val_dataloader()) == copied(array.val_dataloader())


def test_a_folder_is_its_files_in_sorted_order(tmp_path: Path) -> None:
    images = {name: noise((40 + place, 50), seed=place) for place, name in enumerate(["b.tif", "a/x.tiff", "c.TIF"])}
    for name, image in images.items():
        write(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("not an image")
    in_order = [images[name] for name in sorted(images)]
    module = ready(data_config(data_type="tiff"), tmp_path)
    assert copied(module.train_dataloader()) == copied(ready(data_config(), in_order).train_dataloader())
    listed = ready(data_config(data_type="tiff"), [tmp_path / "c.TIF", tmp_path / "b.tif"])
    expected = ready(data_config(), [images["c.TIF"], images["b.tif"]])
    assert copied(listed.train_dataloader()) == copied(expected.train_dataloader())


def test_folders_of_inputs_and_targets_are_paired_by_name(tmp_path: Path) -> None:
    images = {name: noise((40, 50), seed=place) for place, name in enumerate(["1.tif", "sub/2.tif", "sub/3.tif"])}
    targets = {name: noise((40, 50), np.float32, seed=place + 9) for place, name in enumerate(reversed(images))}
    for name in images:
        write(tmp_path / "noisy" / name, images[name])
        write(tmp_path / "clean" / name, targets[name])
    module = ready(data_config(data_type="tiff"), tmp_path / "noisy", train_data_target=tmp_path / "clean")
    names = sorted(images)
    expected = ready(data_config(), [images[n] for n in names], train_data_target=[targets[n] for n in names])
    assert copied(module.train_dataloader()) == copied(expected.train_dataloader())


def test_a_mismatch_of_names_is_told_before_anything_is_read(tmp_path: Path) -> None:
    for folder, names in (("noisy", ["a.tif", "b.tif"]), ("clean", ["a.tif", "c.tif"])):
        for name in names:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_bytes(b"not read")
    module = TrainDataModule(data_config(data_type="tiff"), tmp_path / "noisy", train_data_target=tmp_path / "clean")
    with pytest.raises(PairError, match=r"b\.tif.*c\.tif"):
        module.prepare_data()


@pytest.mark.parametrize("n_times", [1, 2])
def test_preparing_and_setting_up_again_changes_nothing(tmp_path: Path, n_times: int) -> None:
    noisy, clean = write(tmp_path / "noisy.tif", noise((128, 128))), write(tmp_path / "clean.tif", noise((128, 128)))
    module = TrainDataModule(data_config(data_type="tiff"), noisy, train_data_target=clean)
    for _ in range(n_times):
        module.prepare_data()
    for stage in ["fit", "validate"][:n_times]:
        module.setup(stage)
    array = ready(data_config(), noise((128, 128)), train_data_target=noise((128, 128)))
    assert copied(module.train_dataloader()) == copied(array.train_dataloader())


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    for data in (tmp_path / "none.tif", [tmp_path / "none.tif"], tmp_path):
        module = TrainDataModule(data_config(data_type="tiff"), data)
        with pytest.raises(MissingFileError, match=str(tmp_path)):
            module.prepare_data()


def test_validation_shares_no_pixel_with_training() -> None:
    # Every pixel has a value of its own, and nothing is done to the patches.
    image = np.arange(90 * 100, dtype=np.float64).reshape(90, 100)
    config = data_config(transforms=[], image_means=[0.0], image_stds=[1 - 1e-6])
    for patching in ("sequential", "random"):
        module = ready(config.model_copy(update={"patching": patching}), image)
        kept = {value for (batch,) in module.val_dataloader() for value in batch.unique().tolist()}
        seen = {value for _ in range(3) for (batch,) in module.train_dataloader() for value in batch.unique().tolist()}
        assert kept
        assert seen
        assert not kept & seen


def test_the_share_of_validation_can_be_chosen() -> None:
    image = noise((160, 160))
    sizes = [
        len(ready(data_config(), image, val_percentage=percentage, val_minimum_split=minimum).val_dataset)
        for percentage, minimum in ((0.1, 5), (0.25, 5), (0.0, 5), (0.0, 1), (0.1, 30))
    ]
    assert sizes == [10, 25, 5, 1, 30]


def test_a_minimum_that_is_lowered_warns() -> None:
    module = TrainDataModule(data_config(), noise((48, 48)))
    module.prepare_data()
    with pytest.warns(PatchmillWarning, match="got 9 patches in all, so that only 4"):
        module.setup()
    assert len(module.val_dataset) == 4


def test_parameters_of_the_configuration_reach_the_loaders() -> None:
    config = data_config(
        train_dataloader_params={"shuffle": False, "num_workers": 2, "drop_last": True},
        val_dataloader_params={"collate_fn": default_collate},
        batch_size=4,
    )
    module = ready(config, noise((128, 128)))
    train, val = module.train_dataloader(), module.val_dataloader()
    assert (train.num_threads, train.drop_last, train.sampler.shuffle) == (2, True, False)
    assert type(val) is DataLoader


def test_shuffled_validation_is_that_of_epoch_0_every_time() -> None:
    module = ready(data_config(val_dataloader_params={"shuffle": True}), noise((160, 160)))
    loader = module.val_dataloader()
    assert copied(loader) == copied(loader)


def test_validation_batches_are_the_same_whatever_was_drawn_before() -> None:
    module = ready(data_config(masking=MASKING, patching="random"), noise((160, 160)))
    loader = module.val_dataloader()
    before = copied(loader)
    for batch in module.train_dataloader():
        as_bytes(batch)
    assert copied(loader) == copied(module.val_dataloader()) == before


def test_validation_targets_without_targets_for_training_are_refused() -> None:
    image = noise((64, 64))
    with pytest.raises(ConfigError, match="val_data: expected targets for training and for validation, or for neither"):
        TrainDataModule(data_config(), image, image, None, image)
    with pytest.raises(ConfigError, match="val_data"):
        TrainDataModule(data_config(), image, image, image)
    with pytest.raises(ConfigError, match="val_data_target: expected val_data with it"):
        TrainDataModule(data_config(), image, None, image, image)


def test_the_seed_is_an_attribute() -> None:
    assert TrainDataModule(data_config(), noise((64, 64))).seed == 42


def test_a_subclass_may_set_up_datasets_of_its_own() -> None:
    class Doubled(TrainDataModule):
        def setup(self, *args: Any, **kwargs: Any) -> None:
            self.train_dataset = InMemoryDataset(self.data_config, [self.train_data, self.train_data[::-1]])
            self.val_dataset = torch.utils.data.TensorDataset(torch.zeros(6, 1))

    module = Doubled(data_config(batch_size=4), noise((64, 64)))
    module.prepare_data()
    module.setup("fit")
    assert len(module.train_dataset) == 32
    assert type(module.train_dataloader()) is PatchLoader
    assert module.train_dataloader().dataset[0][0].shape == (1, 16, 16)
    foreign = module.val_dataloader()
    assert type(foreign) is DataLoader
    assert [len(batch[0]) for batch in foreign] == [4, 2]


def test_files_are_read_in_turn_if_they_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="patchmill")
    for number in range(12):
        write(tmp_path / f"{number:02}.tif", noise((64, 64), seed=number), compression="zlib")
    usable = {"bytes": 12 * 64 * 64 * 2 / 0.8 - 1}
    monkeypatch.setattr("patchmill.dataset.data_module.usable_memory", lambda: usable["bytes"])
    config = data_config(data_type="tiff", patching="random")
    in_turn = ready(config, tmp_path, val_minimum_split=2)
    assert isinstance(in_turn.train_dataset, IterableDataset)
    assert "read in turn" in caplog.text
    assert (in_turn.train_dataset.get_number_of_files(), in_turn.val_dataset.get_number_of_files()) == (10, 2)
    usable["bytes"] += 1
    together = ready(config, tmp_path)
    assert isinstance(together.train_dataset, InMemoryDataset)
    targets = ready(config.model_copy(update={"seed": 5}), tmp_path, train_data_target=tmp_path)
    assert isinstance(targets.train_dataset, IterableDataset), "targets are counted, too"


def test_custom_files_are_read_once_if_they_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, n_files in (("images", 4), ("targets", 4), ("more", 2), ("more targets", 2)):
        (tmp_path / folder).mkdir()
        for number in range(n_files):
            np.save(tmp_path / folder / f"{number}.npy", noise((64, 64), seed=number))
    n_read: Counter[Path] = Counter()

    def read(path: Path) -> Any:
        n_read[path] += 1
        return np.load(path)

    config = data_config(data_type="custom", patching="random", patch_filter={"name": "max", "threshold": 1})
    folders: dict[str, Any] = {
        "train_data_target": tmp_path / "targets",
        "val_data": tmp_path / "more",
        "val_data_target": tmp_path / "more targets",
        "read_source_func": read,
    }
    together = ready(config, tmp_path / "images", **folders)
    assert isinstance(together.train_dataset, InMemoryDataset)
    assert set(n_read.values()) == {1}
    assert len(n_read) == 12
    taken = 12 * 64 * 64 * 2
    monkeypatch.setattr("patchmill.dataset.data_module.usable_memory", lambda: (taken - 1) / 0.8)
    in_turn = ready(config, tmp_path / "images", **folders)
    assert isinstance(in_turn.train_dataset, IterableDataset)
    assert isinstance(in_turn.val_dataset, IterableDataset)
    assert in_turn.get_data_statistics() == together.get_data_statistics()
    assert (len(in_turn.train_dataset), len(in_turn.val_dataset)) == (
        len(together.train_dataset),
        len(together.val_dataset),
    )


def test_filters_keep_patches_and_say_how_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="patchmill")
    image = noise((128, 128))
    image[:64] = 0
    chosen = {"name": "mean_std", "mean_threshold": 1.0}
    for patching in ("sequential", "stratified", "random", "fixed_random"):
        module = ready(data_config(patching=patching, patch_filter=chosen), image, val_minimum_split=2)
        assert len(module.train_dataset) + len(module.val_dataset) in (32, 34, 35)
        for dataset in (module.train_dataset, module.val_dataset):
            for index in range(len(dataset)):
                assert dataset[index][0].std() > 0.5, "no patch of the dark half alone"
    assert "keeps 32 of 64 cells (50.0 %)" in caplog.text


def test_a_mask_says_where_patches_come_from(tmp_path: Path) -> None:
    image, mask = noise((3, 64, 64)), np.zeros((3, 64, 64), np.uint8)
    mask[1, :32] = 1
    config = data_config("TYX", patching="sequential", patch_filter={"name": "mask", "coverage": 0.5}, transforms=[])
    module = ready(config, image, val_minimum_split=1, train_data_mask=mask)
    assert len(module.train_dataset) == 7
    path, mask_path = write(tmp_path / "a" / "0.tif", image), write(tmp_path / "b" / "0.tif", mask)
    settings = {**config.model_dump(), "data_type": "tiff"}
    for use_in_memory in (True, False):
        files = ready(
            type(config)(**settings), path, val_minimum_split=1, train_data_mask=mask_path, use_in_memory=use_in_memory
        )
        assert len(files.train_dataset) == 7


@pytest.mark.parametrize("use_in_memory", [True, False])
def test_masks_of_custom_files_are_read_by_the_same_function(tmp_path: Path, use_in_memory: bool) -> None:
    for folder, scale in (("images", 1000), ("masks", 1)):
        (tmp_path / folder).mkdir()
        for number in range(3):
            pixels = np.zeros((64, 64), np.uint16)
            pixels[: 32 * (number > 0)] = scale
            np.save(tmp_path / folder / f"{number}.npy", pixels + noise((64, 64)) % 7 if scale > 1 else pixels)
    config = data_config(data_type="custom", patching="sequential", patch_filter={"name": "mask", "coverage": 0.5})
    module = ready(
        config,
        tmp_path / "images",
        read_source_func=np.load,
        extension_filter="*.npy",
        val_minimum_split=2,
        use_in_memory=use_in_memory,
        train_data_mask=tmp_path / "masks",
    )
    assert len(module.train_dataset) + len(module.val_dataset) == 2 * 8


def test_a_file_that_is_skipped_takes_its_mask_along(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "images" / f"{number}.tif", noise((64, 64), seed=number), compression="zlib")
        write(tmp_path / "masks" / f"{number}.tif", np.full((64, 64), number, np.uint8))
    damaged = tmp_path / "images" / "1.tif"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    damaged.write_bytes(content)
    config = data_config(data_type="tiff", patching="sequential", patch_filter={"name": "mask"}, on_error="skip")
    with pytest.warns(PatchmillWarning, match=r"1\.tif"):
        module = ready(config, tmp_path / "images", val_minimum_split=2, train_data_mask=tmp_path / "masks")
    assert len(module.train_dataset) + len(module.val_dataset) == 16, "those of the third image alone"


@pytest.mark.parametrize("ask", ["train_dataloader", "val_dataloader", "get_data_statistics"])
def test_what_needs_data_that_is_set_up_says_so(ask: str) -> None:
    module = TrainDataModule(data_config(), noise((64, 64)))
    with pytest.raises(ConfigError, match=r"^TrainDataModule: expected data that is set up.*Call setup\(\) first"):
        getattr(module, ask)()
