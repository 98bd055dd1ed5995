"""What a UNet is built from, in 2D and 3D."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

__all__ = ["ConvBlock", "MaxBlurPool", "activation_layer", "conv_layer", "interleave", "pool_layer", "upsample_layer"]

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_UPSAMPLE_MODE = {2: "bilinear", 3: "trilinear"}
_ACTIVATION: dict[str, Callable[[], nn.Module]] = {
    "None": nn.Identity,
    "Sigmoid": nn.Sigmoid,
    "Softmax": lambda: nn.Softmax(dim=1),
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
}


class ConvBlock(nn.Sequential):
    """Two 3x3(x3) convolutions, each with an optional batch normalisation and a ReLU. Keeps the spatial sizes.

    Parameters
    ----------
    conv_dims : {2, 3}
        Dimensions of the convolutions.
    channels : tuple of int
        Number of channels that come in, between the convolutions, and that go out.
    groups : int
        Number of groups of channels that see nothing of each other. Divides `channels`.
    use_batch_norm : bool
        Whether batch normalisation follows the convolutions.
    """

    def __init__(self, conv_dims: int, channels: tuple[int, int, int], *, groups: int, use_batch_norm: bool) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index in (1, 2):
            before, after = channels[index - 1 : index + 1]
            # Batch normalisation subtracts the mean, and with it any bias.
            layers[f"conv{index}"] = _CONV[conv_dims](
                before, after, kernel_size=3, padding=1, groups=groups, bias=not use_batch_norm
            )
            if use_batch_norm:
                layers[f"norm{index}"] = _NORM[conv_dims](after)
            layers[f"relu{index}"] = nn.ReLU(inplace=True)
        super().__init__(layers)


def conv_layer(conv_dims: int, channels_in: int, channels_out: int, *, groups: int) -> nn.Module:
    """Make a convolution of single pixels."""
    return _CONV[conv_dims](channels_in, channels_out, kernel_size=1, groups=groups)


class MaxBlurPool(nn.Module):
    """Halves each spatial size, which is even, by taking every other one of the blurred maxima [1]_.

    There is a maximum at every pixel, of 2 x 2 (x 2) pixels. They are blurred by (1 2 1) / 4 along each axis, with
    zeros beyond the border, so that an image that is shifted by a pixel does not become another one.

    Parameters
    ----------
    conv_dims : {2, 3}
        Dimensions of the convolutions.

    References
    ----------
    .. [1] Zhang: "Making Convolutional Networks Shift-Invariant Again", ICML 2019.
    """

    weights: torch.Tensor

    def __init__(self, conv_dims: int) -> None:
        super().__init__()
        self._maxima = _POOL[conv_dims](kernel_size=2, stride=1)
        self._convolve = {2: functional.conv2d, 3: functional.conv3d}[conv_dims]
        weights = torch.ones(())
        for _ in range(conv_dims):
            weights = weights[..., None] * torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("weights", weights[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool a batch.

        Parameters
        ----------
        x : Tensor
            (B, C, [Z,] Y, X), floating point, of even sizes.

        Returns
        -------
        Tensor
            The same, half as large along each axis of space.
        """
        n_channels = x.shape[1]
        weights = self.weights.expand(n_channels, *self.weights.shape[1:])
        return self._convolve(self._maxima(x), weights, stride=2, padding=1, groups=n_channels)


def pool_layer(conv_dims: int, *, blur: bool) -> nn.Module:
    """Make a layer that halves each spatial size by taking maxima, and blurs these if asked for."""
    return MaxBlurPool(conv_dims) if blur else _POOL[conv_dims](kernel_size=2)


def upsample_layer(conv_dims: int) -> nn.Module:
    """Make a layer that doubles each spatial size by linear interpolation."""
    return nn.Upsample(scale_factor=2, mode=_UPSAMPLE_MODE[conv_dims])


def activation_layer(name: str) -> nn.Module:
    """Make an activation from its name in `UNetConfig`. Softmax runs over the channels."""
    return _ACTIVATION[name]()


def interleave(first: torch.Tensor, second: torch.Tensor, groups: int) -> torch.Tensor:
    """Concatenate the channels of two (B, C, [Z,] Y, X) tensors group by group, so that groups stay apart.

    Parameters
    ----------
    first, second : Tensor
        Equal in all axes but C.
    groups : int
        Number of groups; divides both numbers of channels.

    Returns
    -------
    Tensor
        The first group of `first`, the first of `second`, the second of `first`, and so on.
    """
    if groups == 1:
        return torch.cat((first, second), dim=1)
    parts = [torch.unflatten(channels, 1, (groups, -1)) for channels in (first, second)]
    return torch.cat(parts, dim=2).flatten(1, 2)
