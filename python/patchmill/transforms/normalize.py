"""Normalisation with given statistics, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from patchmill._core import TileGrid, stitch_into, tiles_into
from patchmill.config import NormalizeConfig
from patchmill.errors import ConfigError, ShapeError
from patchmill.sources.statistics import EPSILON
from patchmill.transforms.arrays import as_float32, check_axes, like, pixels_of
from patchmill.transforms.settings import checked

if TYPE_CHECKING:
    import torch

__all__ = ["Denormalize", "Normalize"]


class Normalize:
    """Normalise patches: ``(x - mean) / (std + 1e-6)`` for each channel, as float32.

    Parameters
    ----------
    image_means, image_stds : list of float
        Mean and standard deviation of each channel of the patches.
    target_means, target_stds : list of float, optional
        The same for the targets.

    Raises
    ------
    ConfigError
        If they are not finite numbers, as many of one kind as of the other.
    """

    def __init__(
        self,
        image_means: Iterable[float],
        image_stds: Iterable[float],
        target_means: Iterable[float] | None = None,
        target_stds: Iterable[float] | None = None,
    ) -> None:
        config = checked(
            NormalizeConfig,
            image_means=list(image_means),
            image_stds=list(image_stds),
            target_means=None if target_means is None else list(target_means),
            target_stds=None if target_stds is None else list(target_stds),
        )
        self.image_means, self.image_stds = config.image_means, config.image_stds
        self.target_means, self.target_stds = config.target_means, config.target_stds

    @overload
    def __call__(
        self, patch: NDArray[Any], target: NDArray[Any] | None = None, **additional_arrays: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, dict[str, NDArray[np.float32]]]: ...
    @overload
    def __call__(
        self, patch: torch.Tensor, target: torch.Tensor | None = None, **additional_arrays: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, dict[str, torch.Tensor]]: ...
    def __call__(self, patch: Any, target: Any = None, **additional_arrays: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Normalise a patch.

        Parameters
        ----------
        patch : numpy.ndarray or torch.Tensor, C(Z)YX
            The patch, of any type that can be milled.
        target : the same, optional
            Its target, normalised by the statistics of targets.
        **additional_arrays : the same
            Further arrays, normalised as the patch is.

        Returns
        -------
        tuple of array, array or None, and dict of str to array
            The patch, the target and the further arrays: contiguous float32, the same bits as in the datasets' items.

        Raises
        ------
        ShapeError
            If an array has not as many channels as there are means.
        ConfigError
            If there is a target, and no statistics of targets.
        DtypeError
            If the type cannot be milled.
        """
        of_image = (self.image_means, self.image_stds)
        normalized_target = None
        if target is not None:
            if self.target_means is None or self.target_stds is None:
                msg = "target: expected target_means and target_stds to normalise it by, got None. Give both."
                raise ConfigError(msg)
            normalized_target = _normalized("target", target, self.target_means, self.target_stds)
        return (
            _normalized("patch", patch, *of_image),
            normalized_target,
            {name: _normalized(name, array, *of_image) for name, array in additional_arrays.items()},
        )


class Denormalize:
    """Bring batches back on the scale of the pixels: ``x * (std + 1e-6) + mean`` for each channel.

    Parameters
    ----------
    image_means, image_stds : list of float
        Mean and standard deviation of each channel.

    Raises
    ------
    ConfigError
        If they are not finite numbers, as many of one kind as of the other.
    """

    def __init__(self, image_means: Iterable[float], image_stds: Iterable[float]) -> None:
        config = checked(NormalizeConfig, image_means=list(image_means), image_stds=list(image_stds))
        self.image_means, self.image_stds = config.image_means, config.image_stds

    @overload
    def __call__(self, patch: NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def __call__(self, patch: torch.Tensor) -> torch.Tensor: ...
    def __call__(self, patch: Any) -> Any:
        """Denormalise a batch of patches.

        Parameters
        ----------
        patch : numpy.ndarray or torch.Tensor, BC(Z)YX
            The batch.

        Returns
        -------
        array of the same kind and shape
            The pixels, contiguous float32: computed in float64 and rounded once, the same bits as in predictions.

        Raises
        ------
        ShapeError
            If the batch has not as many channels as there are means.
        DtypeError
            If it does not hold real numbers.
        """
        batch = as_float32("patch", pixels_of("patch", patch))
        check_axes("patch", batch, "BCYX")
        _check_channels("patch", batch, 1, self.image_means)
        size = _size_zyx(batch.shape[2:])
        grid = TileGrid(size, tile_size=size, tile_overlap=(0, 0, 0))
        normalization = _normalization(self.image_means, self.image_stds)
        pixels = np.empty_like(batch)
        samples = pixels.reshape(*pixels.shape[:2], *size)
        for normalized, out in zip(batch, samples, strict=True):
            stitch_into(normalized[None], grid, first=0, normalization=normalization, out=out)
        return like(patch, pixels)


def _normalized(name: str, array: Any, means: list[float], stds: list[float]) -> Any:
    pixels = pixels_of(name, array)
    check_axes(name, pixels, "CYX")
    _check_channels(name, pixels, 0, means)
    size = _size_zyx(pixels.shape[1:])
    out = np.empty((1, *pixels.shape), np.float32)
    # One tile that is the whole image.
    tiles_into(
        (name, pixels[None, None] if pixels.ndim == 4 else pixels[None, None, :, None]),
        0,
        TileGrid(size, tile_size=size, tile_overlap=(0, 0, 0)),
        first=0,
        normalization=_normalization(means, stds),
        out=out,
        num_threads=1,
    )
    return like(array, out[0])


def _check_channels(name: str, pixels: NDArray[Any], axis: int, means: list[float]) -> None:
    if pixels.shape[axis] != len(means):
        msg = (
            f"{name}: expected {len(means)} channels, one per mean, along axis {axis}, got the shape {pixels.shape}. "
            "Give one mean and one standard deviation per channel."
        )
        raise ShapeError(msg)


def _size_zyx(shape: tuple[int, ...]) -> tuple[int, int, int]:
    *depth, height, width = shape
    return (depth[0] if depth else 1, height, width)


def _normalization(means: list[float], stds: list[float]) -> list[tuple[float, float]]:
    return [(mean, 1 / (std + EPSILON)) for mean, std in zip(means, stds, strict=True)]
