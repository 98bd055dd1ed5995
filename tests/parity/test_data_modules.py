"""Data modules do with the same arguments what CAREamics' do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchmill.config import DataConfig
from patchmill.dataset import TrainDataModule
from patchmill.errors import PatchmillWarning
from tests.parity.images import config, multiset, noise, unnormalized
from tests.parity.peer import Peer


def _set_up(data_config: DataConfig, *data: Any, **arguments: Any) -> TrainDataModule:
    module = TrainDataModule(data_config, *data, **arguments)
    module.prepare_data()
    module.setup()
    return module


@pytest.mark.parametrize("percentage", [0.0, 0.1, 0.33, 0.5])
@pytest.mark.parametrize("minimum", [1, 5, 12])
@pytest.mark.parametrize("shape", [(96, 96), (128, 64), (64, 256)])
def test_as_many_patches_are_kept_for_validation(
    v01: Peer, shape: tuple[int, int], percentage: float, minimum: int
) -> None:
    image = noise(shape)
    split = {"val_percentage": percentage, "val_minimum_split": minimum}
    theirs = v01.call("split_counts", image=image, axes="YX", patch_size=[16, 16], **split)
    module = _set_up(config("YX", [16, 16]), image, **split)
    assert (len(module.train_dataset), len(module.val_dataset)) == theirs


@pytest.mark.parametrize("percentage", [0.1, 0.3])
@pytest.mark.parametrize(("minimum", "n_files"), [(1, 9), (3, 20), (5, 12)])
def test_as_many_files_are_kept_for_validation(
    v01: Peer, tmp_path: Path, percentage: float, minimum: int, n_files: int
) -> None:
    for number in range(n_files):
        tifffile.imwrite(tmp_path / f"{number}.tif", noise((16, 16), seed=number))
    theirs = v01.call(
        "split_file_counts",
        folder=tmp_path,
        axes="YX",
        patch_size=[16, 16],
        val_percentage=percentage,
        minimum=minimum,
    )
    module = _set_up(
        config("YX", [16, 16], data_type="tiff"),
        tmp_path,
        val_percentage=percentage,
        val_minimum_split=minimum,
        use_in_memory=False,
    )
    assert [dataset.get_number_of_files() for dataset in (module.train_dataset, module.val_dataset)] == theirs


def test_files_of_a_custom_type_are_read_as_theirs(v01: Peer, tmp_path: Path) -> None:
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", noise((32, 48), seed=number))
    theirs = v01.call("custom_items", folder=tmp_path, axes="YX", patch_size=[16, 16])
    module = _set_up(
        unnormalized("YX", [16, 16], data_type="custom"),
        tmp_path,
        val_data=tmp_path,
        read_source_func=lambda path, axes: np.load(path),
        extension_filter="*.npy",
    )
    dataset = module.train_dataset
    ours = [dataset[index][0] for index in range(len(dataset))]
    assert multiset(ours) == multiset(theirs)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(
    ("axes", "shape", "patch_size"), [("YX", (64, 64), [16, 16]), ("SCZYX", (2, 3, 16, 32, 32), [8, 16, 16])]
)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_batches_are_as_many_and_of_the_same_shapes_and_types(
    v01: Peer, axes: str, shape: tuple[int, ...], patch_size: list[int], batch_size: int, paired: bool
) -> None:
    data = {"train_data": noise(shape), "val_data": noise(shape, seed=1)}
    if paired:
        data |= {"train_data_target": noise(shape, seed=2), "val_data_target": noise(shape, seed=3)}
    settings = {"data_type": "array", "axes": axes, "patch_size": patch_size, "batch_size": batch_size}
    theirs = v01.call(
        "batch_shapes", config={**settings, "train_dataloader_params": {"shuffle": True, "num_workers": 0}}, **data
    )
    batches = list(_set_up(DataConfig(**settings, transforms=[]), **data).train_dataloader())
    first = [(tuple(part.shape), str(part.dtype)) for part in batches[0]]
    assert {"n": len(batches), "first": first} == theirs


def test_few_patches_are_not_all_taken_for_validation() -> None:
    with pytest.warns(PatchmillWarning, match="at least 5"):
        module = _set_up(config("YX", [16, 16]), noise((32, 32)))
    assert len(module.train_dataset) > 0
