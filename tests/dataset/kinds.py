"""One small dataset of each kind of item."""

from __future__ import annotations

import numpy as np

from patchmill.dataset import InMemoryDataset
from tests.dataset.milling import data_config, noise
from tests.oracles.item import Masking

UNIFORM, MEDIAN = Masking("uniform", 5, 2.0), Masking("median", 3, 2.0)
PLANE, VOLUME = noise((60, 70)), noise((16, 40, 40))

KINDS = {
    "2D": InMemoryDataset(data_config("TYX", patching="random"), noise((3, 40, 50), ">u2")),
    "3D": InMemoryDataset(data_config("ZYX"), VOLUME),
    "paired": InMemoryDataset(data_config(), PLANE, noise((60, 70), np.float32, seed=1)),
    "paired, 3D": InMemoryDataset(data_config("ZYX"), VOLUME, noise((16, 40, 40), np.float64, seed=1)),
    "uniform": InMemoryDataset(data_config(masking=UNIFORM), PLANE),
    "uniform, 3D": InMemoryDataset(data_config("ZYX", masking=UNIFORM), VOLUME),
    "median": InMemoryDataset(data_config(masking=MEDIAN), PLANE),
    "median, 3D": InMemoryDataset(data_config("ZYX", masking=MEDIAN), VOLUME),
}
