"""CAREamics 0.1.0: its data module, and for Noise2Void what its module for training does to a batch first."""

from __future__ import annotations

from typing import Any, ClassVar

from careamics.config.augmentations import N2VManipulateConfig
from careamics.config.configuration_factories import create_care_configuration, create_n2v_configuration
from careamics.lightning.train_data_module import TrainDataModule
from careamics.transforms import N2VManipulateTorch
from numpy.typing import NDArray
from works import MASKED_PERCENTAGE, NOISE_MEAN, NOISE_STD, ROI_SIZE, Work

from peers.peer import Batches, Peer, Task

__all__ = ["Careamics010", "open_data_module"]


class Careamics010(Peer):
    """CAREamics 0.1.0."""

    packages: ClassVar = ("careamics", "pytorch-lightning", "pydantic")
    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W3d-median", "W4"})
    setup: ClassVar = (
        "`TrainDataModule`, configured by its factories, with given statistics; its `N2VManipulateTorch` on every "
        "batch in the training process, which is where its users have it. Workers are processes, persistent as torch "
        "recommends. All patches are copied once, at set-up, and one in ten is kept for validation. It asks for "
        "torch < 2.10, and has the torch that all have."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        self._loader = _load(task.work, task.source, task.target, n_workers, statistics=([NOISE_MEAN], [NOISE_STD]))
        self._manipulate = _create_manipulation(task.work)

    def epoch(self) -> Batches:
        for tensors in self._loader:
            yield self._manipulate(tensors[0]) if self._manipulate else tensors


def open_data_module(work: Work, pixels: NDArray[Any]) -> Batches:
    """Set up a data module as a user does who has an array and nothing else."""
    return _load(work, pixels, None, 0, None)


def _load(
    work: Work,
    source: NDArray[Any],
    target: NDArray[Any] | None,
    n_workers: int,
    statistics: tuple[list[float], list[float]] | None,
) -> Any:
    create = create_n2v_configuration if target is None else create_care_configuration
    config = create(
        experiment_name="peers",
        data_type="array",
        axes=work.source.axes,
        patch_size=list(work.patch_size),
        batch_size=work.batch_size,
        train_dataloader_params={"shuffle": True, "num_workers": n_workers, "persistent_workers": n_workers > 0},
    ).data_config
    if statistics is not None:
        config.set_means_and_stds(*statistics, *(statistics if target is not None else ()))
    data_module = TrainDataModule(config, train_data=source, train_data_target=target)
    data_module.prepare_data()
    data_module.setup("fit")
    return data_module.train_dataloader()


def _create_manipulation(work: Work) -> N2VManipulateTorch | None:
    if work.masking is None:
        return None
    config = N2VManipulateConfig(roi_size=ROI_SIZE, masked_pixel_percentage=MASKED_PERCENTAGE, strategy=work.masking)
    return N2VManipulateTorch(config, device="cpu")
