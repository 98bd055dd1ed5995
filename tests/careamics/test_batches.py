"""Batches are CAREamics' own: with `faithful=True` the same, patch for patch, with all of their metadata."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

pytest.importorskip("careamics")

from careamics.config.data import DataConfig
from careamics.dataset.factory import ReadFuncLoading
from careamics.lightning.data import CareamicsDataModule

from patchmill.careamics import accelerated, status
from patchmill.careamics.dataset import EngineDataset

STRATIFIED = {"name": "stratified", "patch_size": [16, 16], "seed": 3}


def pixels(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> NDArray[Any]:
    values = np.random.default_rng(seed).integers(0, 4000, shape)
    return values.astype(dtype)


@dataclass
class Case:
    """Data, and what is said of it."""

    data: Any
    axes: str = "SYX"
    patching: dict[str, Any] = field(default_factory=lambda: dict(STRATIFIED))
    config: dict[str, Any] = field(default_factory=dict)
    module: dict[str, Any] = field(default_factory=dict)


VOLUME = {"name": "stratified", "patch_size": [8, 16, 16], "seed": 3}
RANDOM = {"name": "random", "patch_size": [16, 16], "seed": 3}

TRAINING = {
    "one stack": Case(pixels((5, 70, 50))),
    "one image": Case(pixels((130, 100)), axes="YX"),
    "several images of different sizes": Case([pixels((2, 70, 50)), pixels((1, 40, 90), seed=1)]),
    "float64": Case(pixels((3, 64, 64), "float64")),
    "big-endian": Case(pixels((3, 64, 64), ">u2")),
    "axes in another order": Case(pixels((40, 50, 3)), axes="YXS"),
    "samples and times": Case(pixels((2, 3, 40, 40)), axes="STYX"),
    "several channels": Case(pixels((3, 2, 48, 40)), axes="SCYX"),
    "channels at the end": Case(pixels((48, 40, 3)), axes="YXC", config={"n_val_patches": 2}),
    "some of the channels": Case(pixels((3, 4, 48, 40)), axes="SCYX", config={"channels": [3, 1]}),
    "volumes": Case(pixels((20, 40, 40)), axes="ZYX", patching=VOLUME, config={"n_val_patches": 2}),
    "pairs": Case(pixels((4, 48, 40)), module={"train_data_target": pixels((4, 48, 40), "float32", seed=1)}),
    "pairs with other channels": Case(
        pixels((4, 2, 48, 40)),
        axes="SCYX",
        config={"target_axes": "SYX"},
        module={"train_data_target": pixels((4, 48, 40), seed=1)},
    ),
    "random patches": Case(pixels((3, 50, 40)), patching=RANDOM, module={"val_data": pixels((2, 40, 40), seed=1)}),
    "validation data of its own": Case(pixels((3, 50, 40)), module={"val_data": pixels((2, 40, 60), seed=1)}),
    "quantiles": Case(pixels((3, 50, 40)), config={"normalization": {"name": "quantile"}}),
    "a range": Case(pixels((3, 50, 40)), config={"normalization": {"name": "min_max", "per_channel": False}}),
    "no normalisation": Case(pixels((3, 50, 40)), config={"normalization": {"name": "none"}}),
    "targets left as they are": Case(
        pixels((4, 48, 40)),
        config={"normalization": {"name": "mean_std", "skip_target": True}},
        module={"train_data_target": pixels((4, 48, 40), seed=1)},
    ),
    "a filter": Case(
        np.where(np.arange(96) < 48, 0, 1).astype("uint16") * pixels((3, 64, 96)),
        config={"patch_filter": {"name": "max", "threshold": 100}},
    ),
    "a mask": Case(pixels((2, 64, 96)), module={"train_data_mask": np.tile(np.arange(96) < 48, (2, 64, 1))}),
    "no augmentation": Case(pixels((3, 50, 40)), config={"augmentations": []}),
    "flips alone": Case(pixels((3, 50, 40)), config={"augmentations": [{"name": "XYFlip", "flip_x": False}]}),
    "a last batch that is left out": Case(
        pixels((3, 50, 40)), config={"train_dataloader_params": {"shuffle": True, "drop_last": True}}
    ),
    "no validation": Case(pixels((3, 50, 40)), config={"n_val_patches": 0}),
    "no shuffling": Case(pixels((3, 50, 40)), config={"train_dataloader_params": {"shuffle": False}}),
}


def config_of(case: Case, data_type: str = "array", **changes: Any) -> DataConfig:
    return DataConfig(
        mode="training",
        data_type=data_type,
        axes=case.axes,
        patching=case.patching,
        **{
            "normalization": {"name": "mean_std"},
            "batch_size": 4,
            "n_val_patches": 3,
            "num_workers": 0,
            "seed": 7,
            **case.config,
            **changes,
        },
    )


def batches(module: CareamicsDataModule, kind: str, n_epochs: int = 1) -> list[Any]:
    torch.manual_seed(5)
    loader = getattr(module, f"{kind}_dataloader")()
    # What a loader yields may be used again once it is let go.
    return [copied(batch) for _ in range(n_epochs) for batch in loader]


def copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if hasattr(value, "_fields"):
        return type(value)(*map(copied, value))
    return list(map(copied, value)) if isinstance(value, list) else value


def assert_same(found: Any, expected: Any, where: str = "batch") -> None:
    assert isinstance(found, type(expected)), where
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype, where
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, msg=lambda text: f"{where}: {text}")
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name, value in expected.items():
            assert_same(found[name], value, f"{where}.{name}")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        names = getattr(expected, "_fields", range(len(expected)))
        for name, one, other in zip(names, found, expected, strict=True):
            assert_same(one, other, f"{where}.{name}")
    else:
        assert found == expected, where


def assert_faithful(create: Callable[[], CareamicsDataModule], stage: str, kinds: tuple[str, ...]) -> None:
    plain = create()
    plain.setup(stage)
    with accelerated(faithful=True):
        ours = create()
        ours.setup(stage)
        assert not status().fell_back
        assert plain.config.normalization == ours.config.normalization
        for kind in kinds:
            assert isinstance(getattr(ours, f"{kind}_dataset"), EngineDataset)
            assert_same(batches(ours, kind, 2), batches(plain, kind, 2))


if "target_axes" not in DataConfig.model_fields:
    # Before 0.3.3, targets have as many axes as the images, and are always normalised.
    del TRAINING["pairs with other channels"], TRAINING["targets left as they are"]


@pytest.mark.parametrize("name", TRAINING)
def test_faithful_batches_are_those_of_careamics(name: str) -> None:
    case = TRAINING[name]
    assert_faithful(
        lambda: CareamicsDataModule(config_of(case), train_data=case.data, **case.module), "fit", ("train", "val")
    )


def test_epochs_that_end_early_leave_the_next_one_as_it_is() -> None:
    found = []
    for switch in (nullcontext(), accelerated(faithful=True)):
        with switch:
            module = CareamicsDataModule(config_of(TRAINING["one stack"]), train_data=TRAINING["one stack"].data)
            module.setup("fit")
            torch.manual_seed(5)
            loader = module.train_dataloader()
            found.append([copied(batch) for _ in range(3) for batch in itertools.islice(loader, 2)])
    assert_same(found[1], found[0])


def test_patches_for_validation_that_reach_beyond_their_image_are_those_of_careamics() -> None:
    case = Case(pixels((3, 47, 63)), config={"n_val_patches": 24})
    plain = CareamicsDataModule(config_of(case), train_data=case.data)
    plain.setup("fit")
    with accelerated(faithful=True):
        ours = CareamicsDataModule(config_of(case), train_data=case.data)
        ours.setup("fit")
        for kind in ("train", "val"):
            assert_same(batches(ours, kind), batches(plain, kind))
        assert any("one pixel beyond" in reason for reason in status().fell_back)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_faithful_batches_of_files_are_those_of_careamics(
    tmp_path: Path, compression: str | None, in_memory: bool
) -> None:
    for number, shape in enumerate([(2, 50, 40), (1, 64, 48), (3, 40, 40)]):
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels(shape, seed=number), compression=compression)
    case = Case(tmp_path)
    assert_faithful(
        lambda: CareamicsDataModule(config_of(case, "tiff", in_memory=in_memory), train_data=tmp_path),
        "fit",
        ("train", "val"),
    )


def test_faithful_batches_of_custom_files_are_those_of_careamics(tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", pixels((2, 50, 40), seed=number))
    loading = ReadFuncLoading(lambda path, scale: np.load(path) * scale, {"scale": 2}, extension_filter="*.npy")
    assert_faithful(
        lambda: CareamicsDataModule(config_of(Case(None), "custom"), train_data=tmp_path, loading=loading),
        "fit",
        ("train", "val"),
    )


PREDICTION = {
    "tiles": Case(pixels((3, 70, 50)), patching={"name": "tiled", "patch_size": [32, 32], "overlaps": [8, 8]}),
    "images smaller than a tile": Case(
        [pixels((2, 20, 50)), pixels((1, 60, 70), seed=1)],
        patching={"name": "tiled", "patch_size": [32, 32], "overlaps": [8, 8]},
    ),
    "tiles of volumes": Case(
        pixels((12, 40, 50)),
        axes="ZYX",
        patching={"name": "tiled", "patch_size": [8, 32, 32], "overlaps": [4, 8, 8]},
    ),
    "whole samples": Case(pixels((5, 64, 48)), patching={"name": "whole"}),
    "whole images of different sizes": Case(
        [pixels((1, 64, 48)), pixels((2, 32, 80), seed=1)], patching={"name": "whole"}, config={"batch_size": 1}
    ),
    "tiles with their targets": Case(
        pixels((3, 70, 50)),
        patching={"name": "tiled", "patch_size": [32, 32], "overlaps": [8, 8]},
        config={
            "normalization": {
                "name": "mean_std",
                "input_means": [2000.0],
                "input_stds": [1000.0],
                "target_means": [1.0],
                "target_stds": [3.0],
            }
        },
        module={"pred_data_target": pixels((3, 70, 50), seed=1)},
    ),
}


@pytest.mark.parametrize("name", PREDICTION)
def test_batches_to_predict_are_those_of_careamics(name: str) -> None:
    case = PREDICTION[name]
    config = {"normalization": {"name": "mean_std", "input_means": [2000.0], "input_stds": [1000.0]}, **case.config}

    def create() -> CareamicsDataModule:
        known = DataConfig(
            mode="predicting", data_type="array", axes=case.axes, patching=case.patching, num_workers=0,
            **{"batch_size": 4, **config},
        )  # fmt: skip
        return CareamicsDataModule(known, pred_data=case.data, **case.module)

    assert_faithful(create, "predict", ("predict",))
