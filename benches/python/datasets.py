"""patchmill's datasets of the works."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from works import MASKED_PERCENTAGE, NOISE_MEAN, NOISE_STD, PROBABILITY, ROI_SIZE, Source, Work

from patchmill.config import DataConfig, N2VManipulateConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.dataset import InMemoryDataset

__all__ = ["create_config", "create_dataset", "pixels"]


@functools.cache
def pixels(source: Source) -> NDArray[Any]:
    """Make a source in memory, once for all works of it."""
    return source.make()


def create_config(work: Work) -> DataConfig:
    """Configure a work, without the statistics of its pixels."""
    transforms: list[Any] = [XYFlipConfig(p=PROBABILITY), XYRandomRotate90Config(p=PROBABILITY)]
    if work.masking:
        transforms.append(
            N2VManipulateConfig(roi_size=ROI_SIZE, masked_pixel_percentage=MASKED_PERCENTAGE, strategy=work.masking)
        )
    return DataConfig(
        data_type="tiff" if work.mapped else "array",
        axes=work.source.axes,
        patch_size=list(work.patch_size),
        patching=work.patching,
        batch_size=work.batch_size,
        transforms=transforms,
        seed=0,
    )


def create_dataset(work: Work, folder: Path | None = None, *, reads_pixels: bool = False) -> InMemoryDataset:
    """Create the dataset of a work.

    Parameters
    ----------
    work : Work
        The work.
    folder : Path, optional
        Where the file is, or is to be, if the work is of a mapped one.
    reads_pixels : bool, default=False
        Whether all pixels are read for their statistics, as at the start of a training. Otherwise they are taken to be
        those of the noise.

    Returns
    -------
    InMemoryDataset
        The dataset.
    """
    config = create_config(work)
    if not reads_pixels:
        statistics = [NOISE_MEAN] * work.n_channels, [NOISE_STD] * work.n_channels
        config.set_means_and_stds(*statistics, *(statistics if work.target else ()))
    if work.mapped and folder is None:
        msg = f"folder: expected the one for the file of {work.name}, got None."
        raise ValueError(msg)
    inputs = work.source.write(folder) if work.mapped and folder else pixels(work.source)
    return InMemoryDataset(config, inputs, pixels(work.target) if work.target else None)
