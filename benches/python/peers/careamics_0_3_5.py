"""CAREamics 0.3.5: its data module, and for Noise2Void what its module for training does to a batch first."""

from __future__ import annotations

from typing import Any, ClassVar

from careamics.config.algorithms.n2v_manipulation import N2VManipulateConfig
from careamics.config.factories import create_advanced_care_config, create_advanced_n2v_config
from careamics.lightning.data.data_module import CareamicsDataModule
from careamics.lightning.modules.n2v_utils import N2VManipulate
from numpy.typing import NDArray
from works import MASKED_PERCENTAGE, NOISE_MEAN, NOISE_STD, ROI_SIZE, Work

from peers.peer import Batches, Peer, Task

__all__ = ["Careamics035", "open_data_module"]


class Careamics035(Peer):
    """CAREamics 0.3.5."""

    packages: ClassVar = ("careamics", "lightning", "pydantic")
    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W3d-median", "W4"})
    setup: ClassVar = (
        "`CareamicsDataModule`, configured by its factories, with given statistics; its `N2VManipulate` on every batch "
        "in the training process, which is where its users have it. Workers are persistent processes. Patches are "
        "stratified. The factories give flips and turns the same seed: four of the eight orientations occur. It asks "
        "for torch < 2.14, and has the torch that all have."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        means, stds = [NOISE_MEAN], [NOISE_STD]
        statistics = {"input_means": means, "input_stds": stds}
        if task.target is not None:
            statistics |= {"target_means": means, "target_stds": stds}
        self._loader = _load(task.work, task.source, task.target, n_workers, statistics)
        self._manipulate = _create_manipulation(task.work)

    def epoch(self) -> Batches:
        for regions in self._loader:
            tensors = [region.data for region in regions]
            yield self._manipulate(tensors[0]) if self._manipulate else tensors


def open_data_module(work: Work, pixels: NDArray[Any]) -> Batches:
    """Set up a data module as a user does who has an array and nothing else."""
    return _load(work, pixels, None, 0, None)


def _load(
    work: Work, source: NDArray[Any], target: NDArray[Any] | None, n_workers: int, statistics: dict[str, Any] | None
) -> Any:
    create = create_advanced_n2v_config if target is None else create_advanced_care_config
    config = create(
        experiment_name="peers",
        data_type="array",
        axes=work.source.axes,
        patch_size=list(work.patch_size),
        batch_size=work.batch_size,
        num_workers=n_workers,
        normalization="mean_std",
        normalization_params=statistics,
    )
    data_module = CareamicsDataModule(config.data_config, train_data=source, train_data_target=target)
    data_module.setup("fit")
    return data_module.train_dataloader()


def _create_manipulation(work: Work) -> N2VManipulate | None:
    if work.masking is None:
        return None
    config = N2VManipulateConfig(roi_size=ROI_SIZE, masked_pixel_percentage=MASKED_PERCENTAGE, strategy=work.masking)
    return N2VManipulate(config, device="cpu")
