"""DPDNet of Abuolaim and Brown 2020: a plain U-Net of both dual-pixel views, or of one photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded

LEVELS = 5
DROPOUT = 0.4
"""Dropout rate after the two coarsest levels of the encoder (the authors' released code)."""

CONTEXT_PX = 123
"""Receptive field, as tested."""


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the authors' network for two views.

    Attributes:
        views: 2 takes the left and the right view, 1 one photo: the authors' network for comparison.
        channels: Number of channels of each image; 3 is colour.
        base: Filters at full size, doubled at each of the four levels below.
    """

    views: Literal[1, 2] = 2
    channels: int = 3
    base: int = 64


class DPDNet(nn.Module):
    """Left and right view (N, C, H, W) in [0, 1] to restored (N, C, H, W) in (0, 1).

    Reference: Abuolaim, Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020.
    """

    multiple = 2 ** (LEVELS - 1)
    inputs = ("left", "right")
    context_px = CONTEXT_PX

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.unet = _UNet(2 * config.channels, config)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (left, right), self.multiple)
        return restored

    def body(self, left: Tensor, right: Tensor) -> Tensor:
        """The same for sides that are multiples of 16."""
        restored: Tensor = self.unet(torch.cat([left, right], dim=1))
        return restored


class DPDNetSingle(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to restored: "DPDNet (single)" of learnable_blur_kernel_defocusgan's Table 1."""

    multiple = 2 ** (LEVELS - 1)
    context_px = CONTEXT_PX

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.unet = _UNet(config.channels, config)

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (blurred,), self.multiple)
        return restored

    def body(self, blurred: Tensor) -> Tensor:
        """The same for sides that are multiples of 16."""
        restored: Tensor = self.unet(blurred)
        return restored


class _UNet(nn.Module):
    """Every convolution but the last is followed by ReLU; there is no normalisation and no residual.

    Levels are joined by 2x2 max pooling and by nearest-neighbour upsampling before a 2x2 convolution, skips by
    concatenation. The last two layers are a 3x3 convolution to the image's channels and a 1x1 before the sigmoid.
    """

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        widths = [config.base * 2**i for i in range(LEVELS)]
        before = [channels, *widths[:-1]]
        self.encoder = nn.ModuleList(convolutions(inner, outer, 2) for inner, outer in zip(before, widths, strict=True))
        self.dropout = nn.Dropout(DROPOUT)
        finer = widths[-2::-1]
        self.up = nn.ModuleList(enlarge(2 * width, width) for width in finer)
        self.decoder = nn.ModuleList(convolutions(2 * width, width, 2) for width in finer)
        self.out = to_image(config.base, config.channels)

    def forward(self, feature: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for i, level in enumerate(self.encoder):
            feature = level(nn.functional.max_pool2d(feature, 2) if i else feature)
            if i >= LEVELS - 2:
                feature = self.dropout(feature)
            skips.append(feature)
        feature = skips.pop()
        for up, level in zip(self.up, self.decoder, strict=True):
            feature = level(torch.cat([skips.pop(), up(feature)], dim=1))
        restored: Tensor = self.out(feature)
        return restored


def dpdnet(config: Config | None = None) -> DPDNet | DPDNetSingle:
    """Build the network, with fresh weights."""
    config = config or Config()
    return DPDNet(config) if config.views == 2 else DPDNetSingle(config)


def convolutions(inner: int, outer: int, count: int) -> nn.Sequential:
    """``count`` 3x3 convolutions with ReLU."""
    layers: list[nn.Module] = []
    for i in range(count):
        layers += [_conv(outer if i else inner, outer, 3), nn.ReLU()]
    return nn.Sequential(*layers)


def enlarge(inner: int, outer: int) -> nn.Sequential:
    """Nearest-neighbour upsampling by 2, then a 2x2 convolution padded on the right and below, and ReLU."""
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.ZeroPad2d((0, 1, 0, 1)), _conv(inner, outer, 2), nn.ReLU())


def to_image(inner: int, channels: int) -> nn.Sequential:
    """From the last features to an image in (0, 1)."""
    return nn.Sequential(_conv(inner, channels, 3), nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.Sigmoid())


def _conv(inner: int, outer: int, side: int) -> nn.Conv2d:
    conv = nn.Conv2d(inner, outer, side, padding=(side - 1) // 2)  # 2x2: none, see enlarge
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # he_normal in the released code
    nn.init.zeros_(conv.bias)
    return conv
