"""Patches for torch: datasets, the sampler, the loader, and the data modules that put them together."""

from patchmill.dataset.data_module import TrainDataModule
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.loader import PatchLoader
from patchmill.dataset.sampler import EpochIndex, PatchSampler

__all__ = ["EpochIndex", "InMemoryDataset", "PatchLoader", "PatchSampler", "TrainDataModule"]
