"""From what the user asks for to a predictor and its images."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from torch.utils.data import DataLoader

from patchmill.config import Configuration
from patchmill.dataset import PredictDataModule
from patchmill.dataset.loader_params import check_params
from patchmill.errors import ConfigError
from patchmill.models import UNet
from patchmill.prediction.canvas import BlendName
from patchmill.prediction.orientations import IDENTITY, training_orientations
from patchmill.prediction.predict import Predictor
from patchmill.prediction.reader import ImageReader
from patchmill.sources import ReadFunction, has_statistics, input_normalization, target_normalization

__all__ = ["prepare"]

logger = logging.getLogger("patchmill")

_DECIDED = ("batch_sampler", "collate_fn", "drop_last", "sampler", "shuffle")
"""Parameters of loaders that would change what is predicted, or its order."""


def prepare(
    model: UNet,
    config: Configuration,
    source: Any,
    *,
    batch_size: int = 1,
    tile_size: Sequence[int] | None = None,
    tile_overlap: Sequence[int] = (48, 48),
    axes: str | None = None,
    data_type: str | None = None,
    tta_transforms: bool = False,
    blend: BlendName | None = None,
    reflect_borders: bool = False,
    dataloader_params: Mapping[str, Any] | None = None,
    read_source_func: ReadFunction | None = None,
    extension_filter: str = "",
    progress: bool = False,
) -> tuple[Predictor, ImageReader]:
    """Find out how images are to be predicted, and which. Nothing but headers is read.

    Parameters
    ----------
    model : UNet
        The network.
    config : Configuration
        What it was trained with.
    source, batch_size, tile_size, tile_overlap, axes, data_type, tta_transforms, blend, reflect_borders
        As in `CAREamist.predict`.
    dataloader_params, read_source_func, extension_filter
        As in `CAREamist.predict`.
    progress : bool, default=False
        Whether there are progress bars.

    Returns
    -------
    predictor : Predictor
        How they are predicted.
    reader : ImageReader
        The images.

    Raises
    ------
    PatchmillError
        If the network was not trained, or an argument or an image does not fit it.
    """
    data, algorithm = config.data_config, config.algorithm_config
    if not has_statistics(data):
        msg = "predict: expected a network that was trained, got one that was not. Train it, or load a checkpoint."
        raise ConfigError(msg)
    images: Any = data
    if isinstance(source, PredictDataModule):
        own = {"tile_size": tile_size, "axes": axes, "data_type": data_type, "read_source_func": read_source_func}
        given = [name for name, value in own.items() if value is not None]
        if given:
            msg = f"{given[0]}: expected none with a PredictDataModule, which has its own, got one. Leave it out."
            raise ConfigError(msg)
        images = source.prediction_config
        batch_size, tta_transforms = images.batch_size, images.tta_transforms
        tile_size, tile_overlap = images.tile_size, images.tile_overlap or ()
        read_source_func, extension_filter = source.read_source_func, source.extension_filter
        dataloader_params = source.dataloader_params
        source = source.pred_data
    num_threads = _num_threads(dataloader_params or {})
    normalization = input_normalization(images, algorithm.model.in_channels)
    if normalization.n_channels != algorithm.model.in_channels:
        msg = (
            f"image_means: expected statistics of {algorithm.model.in_channels} channels, as the network was trained "
            f"on, got {normalization.n_channels}. Take those of the data_config that was trained with."
        )
        raise ConfigError(msg)
    output = normalization
    if algorithm.algorithm != "n2v":
        output = target_normalization(data, algorithm.model.num_classes)
    orientations = training_orientations(data.transforms, data.patch_size) if tta_transforms else (IDENTITY,)
    if tta_transforms and len(orientations) == 1:
        logger.info("tta_transforms: without effect, as the network was trained without flips and turns")
    predictor = Predictor(
        model=model,
        normalization=normalization,
        target_normalization=output,
        tile_size=tile_size,
        tile_overlap=tile_overlap,
        batch_size=batch_size,
        orientations=orientations,
        blend=blend,
        reflect_borders=reflect_borders,
        num_threads=num_threads,
        progress=progress,
    )
    reader = ImageReader.of(
        source,
        data_type or images.data_type,
        axes or images.axes,
        read_source_func=read_source_func,
        extension_filter=extension_filter,
        channels=images.channels,
    )
    return predictor, reader


def _num_threads(params: Mapping[str, Any]) -> int | None:
    """Read the parameters of a loader: those of worker processes are about as many threads."""
    check_params(params)
    for name, value in params.items():
        if name == "batch_size" or (name in _DECIDED and value):
            msg = (
                f"dataloader_params: expected no {name!r}, because predictions are made in order, in batches of "
                "batch_size. Remove it."
            )
            raise ConfigError(msg)
        if name not in signature(DataLoader).parameters:
            msg = f"dataloader_params: expected parameters of torch.utils.data.DataLoader, got {name!r}. Remove it."
            raise ConfigError(msg)
    ignored = [name for name, value in params.items() if value and name != "num_workers"]
    if ignored:
        logger.info("%s: ignored, tiles are made by threads and not by processes", ", ".join(ignored))
    return params.get("num_workers") or None
