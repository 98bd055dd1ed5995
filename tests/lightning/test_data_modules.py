"""Lightning's Trainer takes the data modules, shares them out to its ranks, and resumes in mid-epoch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from patchmill import dataset
from patchmill.dataset import IterableDataset, PatchLoader
from tests.dataset.files import write_tiffs
from tests.dataset.milling import data_config, noise
from tests.oracles.item import Masking

lightning = pytest.importorskip("lightning.pytorch")
ModelCheckpoint = pytest.importorskip("lightning.pytorch.callbacks").ModelCheckpoint
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[2]
MASKING = Masking("uniform", 11, 1.0)


def module_of(*data: Any, **settings: Any) -> Any:
    from patchmill.lightning import TrainDataModule

    return TrainDataModule(data_config(masking=MASKING, batch_size=4, **settings), *data)


class Recorder(lightning.LightningModule):
    """A network of one convolution that takes note of the bytes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)
        self.seen: list[tuple[int, int]] = []

    def training_step(self, batch: Any, _index: int) -> torch.Tensor:
        masked, original, mask = batch
        self.seen.append((self.current_epoch, hash(masked.numpy().tobytes())))
        return (((self.layer(masked) - original) * mask) ** 2).mean()

    def validation_step(self, batch: Any, _index: int) -> None:
        self.log("val_loss", (self.layer(batch[0]) - batch[1]).square().mean(), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-3)


def trainer(folder: Path, **options: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return lightning.Trainer(**{**quiet, "default_root_dir": folder, "max_epochs": 3, **options})


def test_the_data_modules_are_lightnings_and_ours() -> None:
    from patchmill import lightning as ours

    for name in ("TrainDataModule", "PredictDataModule"):
        found = getattr(ours, name)
        assert issubclass(found, lightning.LightningDataModule)
        assert issubclass(found, getattr(dataset, name))
    made = ours.create_train_datamodule(noise((64, 64)), "array", [16, 16], "YX", 4)
    assert type(made) is ours.TrainDataModule


def test_a_trainer_trains(tmp_path: Path) -> None:
    model, data = Recorder(), module_of(noise((96, 96)))
    trainer(tmp_path, enable_checkpointing=False).fit(model, datamodule=data)
    loader = data.train_dataloader()
    assert type(loader) is PatchLoader
    loader.set_epoch(0)
    expected = [hash(batch[0].numpy().tobytes()) for _ in range(3) for batch in loader]
    assert [seen for _, seen in model.seen] == expected


@pytest.mark.parametrize("in_turn", [False, True])
def test_training_resumes_in_mid_epoch(tmp_path: Path, in_turn: bool) -> None:
    def data() -> Any:
        if not in_turn:
            return module_of(noise((96, 96)))
        found = module_of(write_tiffs(tmp_path / "images"), data_type="tiff")
        found.use_in_memory = False
        return found

    n_first = 11
    saving = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=n_first, save_top_k=-1)
    whole, again = Recorder(), Recorder()
    trainer(tmp_path, callbacks=[saving]).fit(whole, datamodule=data())
    assert len(whole.seen) % 3 == 0
    assert n_first % (len(whole.seen) // 3), "in mid-epoch"
    checkpoint = tmp_path / f"step={n_first}.ckpt"
    trainer(tmp_path, enable_checkpointing=False).fit(again, datamodule=data(), ckpt_path=checkpoint)
    assert again.seen == whole.seen[n_first:]


@pytest.mark.parametrize("tiles", [{"tile_size": [16, 16], "tile_overlap": [4, 4]}, {}])
def test_a_trainer_predicts(tmp_path: Path, tiles: dict[str, Any]) -> None:
    from patchmill.config import InferenceConfig
    from patchmill.lightning import PredictDataModule

    class Predictor(Recorder):
        def predict_step(self, batch: Any, _index: int) -> Any:
            return batch

    stats = {"image_means": [0.0], "image_stds": [1.0]}
    config = InferenceConfig(data_type="array", axes="SYX", batch_size=3, **stats, **tiles)
    images = noise((2, 40, 30))
    data = PredictDataModule(config, images)
    batches = trainer(tmp_path, enable_checkpointing=False).predict(Predictor(), datamodule=data)
    expected = list(data.predict_dataloader())
    assert len(batches) == len(expected)
    for batch, wanted in zip(batches, expected, strict=True):
        assert batch[0].numpy().tobytes() == wanted[0].numpy().tobytes()
        assert list(batch[1:]) == list(wanted[1:])


SCRIPT = """
import hashlib, json, sys
from pathlib import Path
from tests.lightning.test_data_modules import Recorder, module_of, trainer

class Items(Recorder):
    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        self.seen.pop()
        for item in zip(*batch):
            content = b"".join(part.numpy().tobytes() for part in item)
            self.seen.append((self.current_epoch, hashlib.sha256(content).hexdigest()))
        return loss

folder, how = Path(sys.argv[1]), sys.argv[2]
data = module_of(sorted((folder / "images").glob("*.tif")), data_type="tiff")
data.use_in_memory = how == "together"
model = Items()
run = trainer(folder, max_epochs=2, strategy="ddp", devices=2, enable_checkpointing=False)
run.fit(model, datamodule=data)
(folder / f"rank{run.global_rank}.json").write_text(json.dumps(model.seen))
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["together", "in turn"])
def test_two_ranks_share_uneven_data_without_repeats(tmp_path: Path, how: str) -> None:
    write_tiffs(tmp_path / "images")
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, tmp_path, how],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1])
    for epoch in range(2):
        names = [name for rank in ranks for at, name in rank if at == epoch]
        assert len(set(names)) == len(names) > 20


def test_without_lightning_the_plain_ones_have_the_same_names() -> None:
    code = (
        "import sys; sys.modules['lightning'] = None; sys.modules['lightning.pytorch'] = None; "
        "sys.modules['pytorch_lightning'] = None\n"
        "from patchmill.lightning import TrainDataModule, PredictDataModule, create_train_datamodule\n"
        "from patchmill import dataset\n"
        "assert issubclass(TrainDataModule, dataset.TrainDataModule)\n"
        "import numpy as np\n"
        "module = create_train_datamodule(np.eye(64), 'array', [16, 16], 'YX', 4)\n"
        "module.prepare_data(); module.setup()\n"
        "assert module.train_dataloader().dataset[0][0].shape == (1, 16, 16)\n"
        "from patchmill.lightning import create_careamics_module\n"
        "from patchmill.errors import MissingPackageError\n"
        "try:\n"
        "    create_careamics_module('n2v', 'n2v')\n"
        "except MissingPackageError as error:\n"
        "    assert str(error).startswith('N2VModule: expected Lightning to be installed'), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_iterable_is_chosen_by_memory(tmp_path: Path) -> None:
    data = module_of(write_tiffs(tmp_path), data_type="tiff")
    data.use_in_memory = False
    data.setup("fit")
    assert isinstance(data.train_dataset, IterableDataset)
    assert np.isfinite(data.get_data_statistics()[0]).all()
