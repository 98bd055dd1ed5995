"""The UNet."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from patchmill.errors import ConfigError, ShapeError
from patchmill.models.blocks import ConvBlock, activation_layer, conv_layer, interleave, pool_layer, upsample_layer

__all__ = ["UNet"]


class UNet(nn.Module):
    """The UNet of Ronneberger et al. [1]_ in 2D or 3D, with the layer sizes of CAREamics.

    An encoder of `depth` levels, each two convolutions and a pooling; a bottleneck of two convolutions; a decoder that
    goes the same levels back up, where each upsampled map is joined with the encoder's map of its size; and a
    convolution of single pixels. Weights are drawn from torch's global generator.

    Parameters
    ----------
    conv_dims : {2, 3}
        Dimensions of the convolutions.
    num_classes : int, default=1
        Number of output channels.
    in_channels : int, default=1
        Number of input channels.
    depth : int, default=2
        Number of poolings. Each spatial size must be a multiple of ``2**depth``.
    num_channels_init : int, default=32
        Number of filters of the first level, per input channel if these are independent. Doubles with each level.
    residual : bool, default=False
        Whether the input is added to the output, before the final activation.
    final_activation : {"None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"}, default="None"
        What follows the last convolution. Softmax runs over the channels.
    n2v2 : bool, default=False
        Whether the network is that of N2V2 [2]_: what is pooled is blurred, and the decoder's last level gets no map of
        the encoder's first, through which the pattern of masked pixels could leak.
    independent_channels : bool, default=True
        Whether each input channel has a network of its own: all convolutions are grouped, and an output channel sees
        nothing of the other input channels (Softmax aside). `num_classes` must be a multiple of `in_channels`.
    use_batch_norm : bool, default=True
        Whether batch normalisation follows the convolutions.

    Raises
    ------
    ConfigError
        If `in_channels` and `num_classes` do not fit together.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox: "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    """

    def __init__(
        self,
        conv_dims: Literal[2, 3],
        *,
        num_classes: int = 1,
        in_channels: int = 1,
        depth: int = 2,
        num_channels_init: int = 32,
        residual: bool = False,
        final_activation: Literal["None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"] = "None",
        n2v2: bool = False,
        independent_channels: bool = True,
        use_batch_norm: bool = True,
    ) -> None:
        super().__init__()
        groups = in_channels if independent_channels else 1
        if num_classes % groups:
            msg = (
                f"num_classes: expected a multiple of in_channels ({in_channels}), because independent_channels is "
                f"True, got {num_classes}. Set independent_channels=False to mix channels."
            )
            raise ConfigError(msg)
        if residual and num_classes != in_channels:
            msg = (
                f"num_classes: expected in_channels ({in_channels}), because residual adds the input to the output, "
                f"got {num_classes}. Set residual=False."
            )
            raise ConfigError(msg)
        self.conv_dims = conv_dims
        self.in_channels = in_channels
        self.depth = depth
        self.residual = residual
        self.groups = groups
        self.n2v2 = n2v2

        def block(before: int, between: int, after: int) -> ConvBlock:
            return ConvBlock(conv_dims, (before, between, after), groups=groups, use_batch_norm=use_batch_norm)

        widths = [groups * num_channels_init * 2**level for level in range(depth)]
        self.encoder = nn.ModuleList(
            block(before, width, width) for before, width in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = pool_layer(conv_dims, blur=n2v2)
        self.bottleneck = block(widths[-1], 2 * widths[-1], widths[-1])
        self.upsample = upsample_layer(conv_dims)
        self.decoder = nn.ModuleList(
            block(widths[level] if n2v2 and level == 0 else 2 * widths[level], widths[level], widths[max(level - 1, 0)])
            for level in reversed(range(depth))
        )
        self.output = conv_layer(conv_dims, widths[0], num_classes, groups=groups)
        self.activation = activation_layer(final_activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Restore a batch.

        Parameters
        ----------
        x : Tensor
            (B, C, [Z,] Y, X), floating point; C is `in_channels`, the spatial sizes are multiples of ``2**depth``.

        Returns
        -------
        Tensor
            (B, C, [Z,] Y, X), C being `num_classes`.

        Raises
        ------
        ShapeError
            If an axis has another size.
        """
        self._check_shape(tuple(x.shape))
        maps = []
        features = x
        for block in self.encoder:
            features = block(features)
            maps.append(features)
            features = self.pool(features)
        features = self.bottleneck(features)
        for block in self.decoder:
            features, skipped = self.upsample(features), maps.pop()
            if maps or not self.n2v2:
                features = interleave(features, skipped, self.groups)
            features = block(features)
        restored = self.output(features)
        if self.residual:
            restored = restored + x
        activated: torch.Tensor = self.activation(restored)
        return activated

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        axes = "BCZYX" if self.conv_dims == 3 else "BCYX"
        if len(shape) != len(axes):
            msg = f"Batch: expected axes {axes} for a {self.conv_dims}D network, got shape {shape}. Add or drop axes."
            raise ShapeError(msg)
        if shape[1] != self.in_channels:
            msg = (
                f"Batch, axis C: expected {self.in_channels} channels (in_channels), got {shape[1]}. "
                f"Give images with as many channels, or train a network for {shape[1]}."
            )
            raise ShapeError(msg)
        factor = 2**self.depth
        for axis, size in zip(axes[2:], shape[2:], strict=True):
            if size % factor or size == 0:
                below = size // factor * factor
                nearest = f"{below} or {below + factor}" if below else f"{factor}"
                msg = (
                    f"Batch, axis {axis}: expected a multiple of {factor}, because the network halves it {self.depth} "
                    f"times (depth), got {size}. Use {nearest}."
                )
                raise ShapeError(msg)
