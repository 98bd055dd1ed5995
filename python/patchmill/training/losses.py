"""What training makes small."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from patchmill.config import AlgorithmConfig
from patchmill.errors import ShapeError

__all__ = ["create_loss", "mae_loss", "mse_loss", "n2v_loss", "n_terms"]


def n2v_loss(prediction: torch.Tensor, original: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error at the masked pixels, the loss of Noise2Void [1]_.

    Parameters
    ----------
    prediction : Tensor
        (B, C, [Z,] Y, X), what the network made of the masked patches.
    original : Tensor
        The patches before masking, of the same shape.
    mask : Tensor
        1 where a pixel was masked, 0 elsewhere, of the same shape; any dtype.

    Returns
    -------
    Tensor
        ``sum((original - prediction)**2 * mask) / sum(mask)``, a scalar; 0 if no pixel is masked.

    Raises
    ------
    ShapeError
        If the shapes differ.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    """
    _check_shape("original", original, prediction)
    _check_shape("mask", mask, prediction)
    weights = mask.to(prediction.dtype)
    # Small patches may have no masked pixel at all.
    return ((original - prediction).square() * weights).sum() / weights.sum().clamp(min=1)


def mae_loss(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error.

    Parameters
    ----------
    prediction, target : Tensor
        (B, C, [Z,] Y, X), both of the same shape.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    _check_shape("target", target, prediction)
    return functional.l1_loss(prediction, target)


def mse_loss(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error.

    Parameters
    ----------
    prediction, target : Tensor
        (B, C, [Z,] Y, X), both of the same shape.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    _check_shape("target", target, prediction)
    return functional.mse_loss(prediction, target)


def create_loss(config: AlgorithmConfig) -> Callable[..., torch.Tensor]:
    """Get the loss of an algorithm.

    Parameters
    ----------
    config : N2VAlgorithm or CAREAlgorithm or N2NAlgorithm
        The algorithm.

    Returns
    -------
    callable
        Takes the prediction and what follows the input in a batch: ``(prediction, original, mask)`` for Noise2Void,
        ``(prediction, target)`` for the others.
    """
    losses: dict[str, Callable[..., torch.Tensor]] = {"n2v": n2v_loss, "mae": mae_loss, "mse": mse_loss}
    return losses[config.loss]


def n_terms(prediction: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    """Count what a loss is the mean of: masked pixels for Noise2Void, all pixels otherwise.

    Parameters
    ----------
    prediction : Tensor
        (B, C, [Z,] Y, X).
    *others : Tensor
        What follows the input in a batch: ``original, mask`` for Noise2Void, ``target`` for the others.

    Returns
    -------
    Tensor
        A scalar, float32.
    """
    if len(others) == 2:
        return others[1].sum(dtype=torch.float32)
    return torch.tensor(float(prediction.numel()), device=prediction.device)


def _check_shape(name: str, tensor: torch.Tensor, prediction: torch.Tensor) -> None:
    if tensor.shape != prediction.shape:
        msg = (
            f"Batch, {name}: expected the shape of the prediction, {tuple(prediction.shape)}, "
            f"got {tuple(tensor.shape)}. Check the number of output channels (num_classes) and the data."
        )
        raise ShapeError(msg)
