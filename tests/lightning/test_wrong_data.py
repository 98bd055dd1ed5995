"""Data of another algorithm than the module's is refused before any step, with an error that says what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patchmill.config import NoNormConfig
from patchmill.errors import ShapeError
from tests.dataset.milling import data_config, noise
from tests.oracles.item import Masking

lightning = pytest.importorskip("lightning.pytorch")
pytestmark = pytest.mark.filterwarnings("ignore")

MASKING = Masking("uniform", 11, 1.0)
IMAGE = noise((64, 64))
SMALL = {"depth": 1, "num_channels_init": 8}


# Each: the algorithm, its loss, the settings of the data, its targets, and what is said.
CASES: dict[str, tuple[str, str, dict[str, Any], np.ndarray | None, str]] = {
    "masked patches for CARE": (
        "care",
        "mae",
        {"masking": MASKING},
        None,
        r"2 tensors \(input, target\) for 'care', got 3",
    ),
    "no targets for CARE": ("care", "mae", {}, None, r"2 tensors \(input, target\) for 'care', got 1"),
    "no targets and no normalisation": (
        "n2n",
        "mse",
        {"normalization": NoNormConfig()},
        None,
        r"2 tensors \(input, target\) for 'n2n', got 1",
    ),
    "targets for Noise2Void": ("n2v", "n2v", {}, IMAGE, r"3 tensors \(masked, original, mask\) for 'n2v', got 2"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("num_sanity_val_steps", [0, 2])
def test_data_of_another_algorithm_is_refused(tmp_path: Path, case: str, num_sanity_val_steps: int) -> None:
    from patchmill.lightning import TrainDataModule, create_careamics_module

    algorithm, loss, settings, targets, message = CASES[case]
    module: Any = create_careamics_module(algorithm, loss, model_parameters=SMALL)
    data = TrainDataModule(data_config(batch_size=4, **settings), IMAGE, train_data_target=targets)
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    trainer = lightning.Trainer(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        accelerator="cpu",
        default_root_dir=tmp_path,
        max_epochs=1,
        num_sanity_val_steps=num_sanity_val_steps,
    )
    with pytest.raises(ShapeError, match=f"Batch: expected {message}. Check the transforms and the targets."):
        trainer.fit(module, datamodule=data)
    assert all(value.equal(before[name]) for name, value in module.model.state_dict().items())
