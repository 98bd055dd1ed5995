"""torch datasets of patches and of what is predicted, the loader whose workers are Rust threads, the data modules."""

from patchmill.dataset.data_module import TrainDataModule, create_train_datamodule
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset, PathIterableDataset
from patchmill.dataset.loader import PatchLoader
from patchmill.dataset.predict_data_module import PredictDataModule, create_predict_datamodule
from patchmill.dataset.prediction import PredDataset, collate_tiles
from patchmill.dataset.sampler import EpochIndex, PatchSampler
from patchmill.dataset.tile_information import TileInformation

# One class does what four do in CAREamics.
InMemoryPredDataset = PredDataset
InMemoryTiledPredDataset = PredDataset
IterablePredDataset = PredDataset
IterableTiledPredDataset = PredDataset

__all__ = [
    "EpochIndex",
    "InMemoryDataset",
    "InMemoryPredDataset",
    "InMemoryTiledPredDataset",
    "IterableDataset",
    "IterablePredDataset",
    "IterableTiledPredDataset",
    "PatchLoader",
    "PatchSampler",
    "PathIterableDataset",
    "PredDataset",
    "PredictDataModule",
    "TileInformation",
    "TrainDataModule",
    "collate_tiles",
    "create_predict_datamodule",
    "create_train_datamodule",
]
