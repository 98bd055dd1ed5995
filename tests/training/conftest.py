"""Small data and configurations for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch

from patchmill.config import Configuration, DataConfig, create_care_configuration, create_n2v_configuration


@dataclass
class ListData:
    """A data module whose batches are lists of tensors."""

    data_config: DataConfig
    train: list[tuple[torch.Tensor, ...]] = field(default_factory=list)
    val: list[tuple[torch.Tensor, ...]] = field(default_factory=list)

    def train_dataloader(self) -> list[tuple[torch.Tensor, ...]]:
        return self.train

    def val_dataloader(self) -> list[tuple[torch.Tensor, ...]]:
        return self.val


def n2v_batch(generator: torch.Generator, n_patches: int, size: int = 16) -> tuple[torch.Tensor, ...]:
    original = torch.randn(n_patches, 1, size, size, generator=generator)
    mask = (torch.rand(original.shape, generator=generator) < 0.02).to(torch.uint8)
    return original.where(mask == 0, 0.0), original, mask


@pytest.fixture
def n2v_config() -> Callable[..., Configuration]:
    def create(num_epochs: int = 2, *, seed: int = 5, **parameters: object) -> Configuration:
        parameters = {"model_params": {"depth": 1, "num_channels_init": 8}, **parameters}
        return create_n2v_configuration(
            experiment_name="test",
            data_type="array",
            axes="YX",
            patch_size=[16, 16],
            batch_size=4,
            num_epochs=num_epochs,
            masked_pixel_percentage=2,
            seed=seed,
            **parameters,
        )

    return create


@pytest.fixture
def n2v_data() -> Callable[..., ListData]:
    def create(config: Configuration, n_train: int = 3, n_val: int = 1) -> ListData:
        generator = torch.Generator().manual_seed(1)
        data_config = config.data_config.checked_copy()
        data_config.set_means_and_stds([0.1], [0.7])
        batches = [n2v_batch(generator, n_patches) for n_patches in [4] * n_train + [3] * n_val]
        return ListData(data_config, batches[:n_train], batches[n_train:])

    return create


@pytest.fixture
def care_config() -> Configuration:
    return create_care_configuration(
        experiment_name="test",
        data_type="array",
        axes="YX",
        patch_size=[16, 16],
        batch_size=4,
        num_epochs=2,
        model_params={"depth": 1, "num_channels_init": 8},
    )
