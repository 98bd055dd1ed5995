"""A seed means the same batches for ever, on every machine: those of the core, and those of the specification."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from patchmill.dataset import PatchLoader
from tests.dataset.golden import BATCH_SIZE, DIGESTS, KNOWN, digest
from tests.dataset.milling import Batch
from tests.oracles.item import Dataset
from tests.oracles.order import order

WHAT_TO_DO = "a seed has changed its meaning: see tests/dataset/golden.py"


def specified(oracle: Dataset, epoch: int) -> Iterator[Batch]:
    """Make the batches of an epoch by NumPy alone. The order of validation is that of epoch 0."""
    indices = order(len(oracle), seed=oracle.seed, epoch=0 if oracle.is_validation else epoch)
    for first in range(0, len(indices), BATCH_SIZE):
        items = [oracle.item(index, epoch) for index in indices[first : first + BATCH_SIZE]]
        arrays = [np.stack(alike) for alike in zip(*items, strict=True)]
        yield tuple(torch.from_numpy(array if "Z" in oracle.axes else array[:, :, 0]) for array in arrays)


@pytest.mark.parametrize("name", KNOWN)
def test_epochs_are_those_that_are_known(name: str) -> None:
    loader = PatchLoader(KNOWN[name].dataset(), BATCH_SIZE, shuffle=True)
    assert (digest(loader), digest(loader)) == DIGESTS[name], WHAT_TO_DO


@pytest.mark.parametrize("name", KNOWN)
def test_known_epochs_are_those_of_the_specification(name: str) -> None:
    oracle = KNOWN[name].oracle()
    assert (digest(specified(oracle, 0)), digest(specified(oracle, 1))) == DIGESTS[name], WHAT_TO_DO


def test_every_known_epoch_has_its_digest_and_only_validation_stays_the_same() -> None:
    assert DIGESTS.keys() == KNOWN.keys()
    assert [name for name, (first, second) in DIGESTS.items() if first == second] == ["validation"]
