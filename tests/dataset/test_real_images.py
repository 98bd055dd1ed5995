"""Real images, those that scikit-image ships, come through the dataset as the oracle says."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from patchmill.config import create_n2v_configuration
from patchmill.dataset import TrainDataModule
from tests.dataset.milling import assert_is_the_oracle, oracle

IMAGES = {
    "camera": (data.camera, "YX", [64, 64]),
    "coins, not square": (data.coins, "YX", [48, 96]),
    "astronaut, colours last": (data.astronaut, "YXC", [64, 64]),
    "horse, of booleans": (data.horse, "YX", [32, 64]),
    "faces, a stack of floats": (data.lfw_subset, "SYX", [16, 24]),
}


@pytest.mark.parametrize("strategy", ["uniform", "median"])
@pytest.mark.parametrize("name", IMAGES)
def test_real_images_are_milled_as_the_oracle_says(name: str, strategy: str) -> None:
    load, axes, patch_size = IMAGES[name]
    image = load()
    config = create_n2v_configuration(
        experiment_name="real",
        data_type="array",
        axes=axes,
        patch_size=patch_size,
        batch_size=16,
        n_channels=image.shape[axes.index("C")] if "C" in axes else None,
        masked_pixel_percentage=1.0,
        seed=12,
    ).data_config
    config.transforms[-1].strategy = strategy
    module = TrainDataModule(config, image)
    module.prepare_data()
    module.setup()
    for part, dataset in (("training", module.train_dataset), ("validation", module.val_dataset)):
        expected = oracle(module.data_config, [image], part=part, percentage=0.1, minimum=5)
        assert_is_the_oracle(dataset, expected, epochs=[0, 4])
    originals = np.concatenate([batch[1].numpy() for batch in module.train_dataloader()])
    assert abs(originals.mean()) < 0.3
    assert 0.7 < originals.std() < 1.3
