"""A dataset that uses everything: several images, random regions, augmentation and masking."""

from __future__ import annotations

import numpy as np
import pytest

from patchmill.dataset import InMemoryDataset
from tests.dataset.milling import data_config, noise
from tests.oracles.item import Masking


@pytest.fixture
def images() -> list[np.ndarray]:
    return [noise((3, 40, 50)), noise((1, 20, 30), seed=1)]


@pytest.fixture
def dataset(images: list[np.ndarray]) -> InMemoryDataset:
    return InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0), patching="random"), images)
