"""The examples of CAREamics' guide to v0.1 that are about data, with ``patchmill`` in their imports.

Each does what one of the guide does, in the same calls: "Datasets", "Convenience functions", "Lightning API".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from patchmill import CAREamist
from patchmill.config import (
    Configuration,
    DataConfig,
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.config.transformations import XYFlipConfig
from patchmill.dataset import InMemoryDataset, IterableDataset, PathIterableDataset
from patchmill.lightning import PredictDataModule, TrainDataModule, create_predict_datamodule, create_train_datamodule


def _n2v(**settings: Any) -> Configuration:
    defaults = {
        "experiment_name": "n2v_2D",
        "data_type": "array",
        "axes": "YX",
        "patch_size": [64, 64],
        "batch_size": 1,
        "num_epochs": 1,
    }
    return create_n2v_configuration(**{**defaults, **settings})


def _read_npy(path: Path, *_args: Any, **_kwargs: Any) -> np.ndarray:
    return np.load(path)


def test_the_simplest_way_to_a_data_module() -> None:
    image = np.random.default_rng(0).random((512, 512))
    module = TrainDataModule(data_config=_n2v().data_config, train_data=image)
    module.prepare_data()
    module.setup()
    masked, original, mask = next(iter(module.train_dataloader()))
    assert masked.shape == original.shape == mask.shape == (1, 1, 64, 64)


def test_the_simplest_way_to_a_data_module_with_few_patches() -> None:
    # The guide's 128 x 128 pixels are four patches of 64 x 64, of which v0.1 wants five for validation, and stops.
    module = TrainDataModule(data_config=_n2v().data_config, train_data=np.random.default_rng(0).random((128, 128)))
    module.prepare_data()
    with pytest.warns(UserWarning, match="validation split"):
        module.setup()
    assert len(module.train_dataset) > 0


def test_custom_data_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("train_array.npy", np.random.default_rng(0).random((128, 128)))
    config = _n2v(data_type="custom", patch_size=[32, 32])
    module = TrainDataModule(
        data_config=config.data_config,
        train_data="train_array.npy",
        read_source_func=_read_npy,
        extension_filter="*.npy",
    )
    module.prepare_data()
    module.setup()
    assert module.train_dataloader().dataset[0][0].shape == (1, 32, 32)


def test_training_with_custom_data_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("train_array.npy", np.random.default_rng(0).random((128, 128)))
    config = _n2v(data_type="custom", patch_size=[32, 32])
    module = TrainDataModule(
        data_config=config.data_config,
        train_data="train_array.npy",
        read_source_func=_read_npy,
        extension_filter="*.npy",
    )
    careamist = CAREamist(source=config, work_dir=tmp_path)
    assert len(careamist.train(datamodule=module).history) == 1


def test_arrays_are_held_in_memory_and_files_are_if_they_may_be(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    for number in range(12):
        tifffile.imwrite(tmp_path / f"{number}.tiff", image)
    settings = {"axes": "YX", "patch_size": [16, 16]}
    cases: list[tuple[str, Any, bool, type]] = [
        ("array", image, True, InMemoryDataset),
        ("tiff", tmp_path, True, InMemoryDataset),
        ("tiff", str(tmp_path), False, PathIterableDataset),
        ("tiff", tmp_path, False, IterableDataset),
    ]
    for data_type, data, use_in_memory, expected in cases:
        module = TrainDataModule(
            DataConfig(data_type=data_type, **settings), train_data=data, use_in_memory=use_in_memory
        )
        module.prepare_data()
        module.setup()
        assert isinstance(module.train_dataset, expected)
        assert isinstance(module.val_dataset, expected)


def test_training_on_arrays_on_paths_and_with_a_data_module(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    train_array, val_array = rng.random((128, 128)), rng.random((64, 64))
    tifffile.imwrite(tmp_path / "train.tiff", train_array)
    tifffile.imwrite(tmp_path / "val.tiff", val_array)

    config = _n2v(patch_size=[32, 32])
    CAREamist(config, work_dir=tmp_path / "array").train(train_source=train_array, val_source=val_array)
    CAREamist(config, work_dir=tmp_path / "split").train(
        train_source=train_array, val_percentage=0.1, val_minimum_split=5
    )
    CAREamist(config, work_dir=tmp_path / "module").train(
        datamodule=TrainDataModule(data_config=config.data_config, train_data=train_array)
    )
    config.data_config.data_type = "tiff"
    CAREamist(config, work_dir=tmp_path / "path").train(
        train_source=tmp_path / "train.tiff", val_source=tmp_path / "val.tiff"
    )


def test_supervised_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    config = create_care_configuration(
        experiment_name="care_2D", data_type="array", axes="YX", patch_size=[32, 32], batch_size=1, num_epochs=1
    )
    careamist = CAREamist(config, work_dir=tmp_path)
    report = careamist.train(
        train_source=rng.random((64, 64)),
        train_target=rng.random((64, 64)),
        val_source=rng.random((32, 32)),
        val_target=rng.random((32, 32)),
    )
    assert len(report.history) == 1


def test_a_subclass_brings_its_own_dataset() -> None:
    class Ramps(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> tuple[np.ndarray]:
            return (np.full((1, 64, 64), index, np.float32),)

    class RampModule(TrainDataModule):
        def setup(self, *_args: Any, **_kwargs: Any) -> None:
            self.train_dataset = Ramps()
            self.val_dataset = Ramps()

    config = _n2v(batch_size=2, train_dataloader_params={"shuffle": False})
    module = RampModule(data_config=config.data_config, train_data=np.zeros((64, 64)))
    module.prepare_data()
    module.setup()
    for loader in (module.train_dataloader(), module.val_dataloader()):
        assert [batch[0][:, 0, 0, 0].tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("create", [create_n2v_configuration, create_care_configuration, create_n2n_configuration])
@pytest.mark.parametrize(
    "settings",
    [
        {"num_steps": 50},
        {"augmentations": []},
        {"augmentations": [XYFlipConfig(flip_y=False)]},
        {"logger": "wandb"},
        {"axes": "ZYX", "patch_size": [16, 64, 64], "model_params": {"depth": 3, "num_channels_init": 64}},
        {"train_dataloader_params": {"num_workers": 4}, "val_dataloader_params": {"num_workers": 2}},
    ],
    ids=lambda settings: ", ".join(settings),
)
def test_what_all_factories_take(create: Callable[..., Configuration], settings: dict[str, Any]) -> None:
    config = create(
        **{
            "experiment_name": "example",
            "data_type": "tiff",
            "axes": "YX",
            "patch_size": [64, 64],
            "batch_size": 8,
            "num_epochs": 20,
            **settings,
        }
    )
    assert config.data_config.axes == settings.get("axes", "YX")


@pytest.mark.parametrize(
    "settings",
    [
        {"axes": "YXC", "n_channels": 3},
        {"axes": "YXC", "n_channels": 3, "independent_channels": False},
        {"roi_size": 7, "masked_pixel_percentage": 0.5},
        {"axes": "ZYX", "patch_size": [16, 64, 64], "use_n2v2": True},
        {"axes": "ZYX", "patch_size": [16, 64, 64], "struct_n2v_axis": "horizontal", "struct_n2v_span": 5},
    ],
    ids=lambda settings: ", ".join(settings),
)
def test_what_the_factory_of_noise2void_takes(settings: dict[str, Any]) -> None:
    assert _n2v(data_type="tiff", **settings).data_config.masks_pixels


@pytest.mark.parametrize("create", [create_care_configuration, create_n2n_configuration])
@pytest.mark.parametrize(
    "settings",
    [
        {"n_channels_in": 3, "independent_channels": False},
        {"n_channels_in": 3, "n_channels_out": 2, "independent_channels": False},
    ],
    ids=lambda settings: ", ".join(settings),
)
def test_what_the_supervised_factories_take(create: Callable[..., Configuration], settings: dict[str, Any]) -> None:
    create(
        experiment_name="channels",
        data_type="tiff",
        axes="YXC",
        patch_size=[64, 64],
        batch_size=8,
        num_epochs=20,
        loss="mae",
        **settings,
    )


class Mean(LightningModule):
    """A network of one number, trained and used as any other."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def training_step(self, batch: Any) -> torch.Tensor:
        return ((batch[0] * self.scale) ** 2).mean()

    def validation_step(self, batch: Any) -> None:
        self.log("val_loss", ((batch[0] * self.scale) ** 2).mean())

    def predict_step(self, batch: Any) -> Any:
        tiles, *infos = batch
        return ((tiles * self.scale).numpy(), *infos)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def _trainer(tmp_path: Path) -> Trainer:
    checkpoints = ModelCheckpoint(dirpath=tmp_path / "checkpoints", filename="basic_usage_lightning_api")
    return Trainer(
        max_epochs=1,
        default_root_dir=tmp_path,
        callbacks=[checkpoints],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@pytest.mark.filterwarnings("ignore::Warning")
def test_the_lightning_api(tmp_path: Path) -> None:
    rng = np.random.default_rng(42)
    train_array = rng.integers(0, 255, (32, 32)).astype(np.float32)
    val_array = rng.integers(0, 255, (32, 32)).astype(np.float32)
    data = create_train_datamodule(
        train_data=train_array, val_data=val_array, data_type="array", patch_size=(16, 16), axes="YX", batch_size=2
    )
    model, trainer = Mean(), _trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    assert (tmp_path / "checkpoints" / "basic_usage_lightning_api.ckpt").exists()

    means, stds = data.get_data_statistics()
    predict_data = create_predict_datamodule(
        pred_data=val_array,
        data_type="array",
        axes="YX",
        image_means=means,
        image_stds=stds,
        tile_size=(8, 8),
        tile_overlap=(2, 2),
    )
    assert isinstance(predict_data, PredictDataModule)
    predicted = trainer.predict(model, datamodule=predict_data)
    # In place of convert_outputs(predicted, tiled=True).
    stitched = np.empty_like(val_array)
    for tiles, infos in predicted:
        for tile, info in zip(tiles, infos, strict=True):
            crop, place = (
                tuple(slice(*span) for span in spans) for spans in (info.overlap_crop_coords, info.stitch_coords)
            )
            stitched[place] = tile[0][crop]
    scale = float(model.scale.detach())
    np.testing.assert_allclose(stitched, scale * (val_array - means[0]) / stds[0], rtol=1e-4, atol=1e-5)
