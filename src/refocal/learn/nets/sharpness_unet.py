"""The U-Net of Aurangabadkar et al. 2024: blocks of five convolutions, a global residual, 4.9 million parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the released code's, which alone give the published 4.9 M parameters.

    Attributes:
        channels: Number of channels of the image; 1 is luma.
        widths: Filters of the four levels and of the bridge between encoder and decoder.
        encoder_convs: Convolutions per encoder level and in the bridge.
        decoder_convs: Convolutions per decoder level, after the transposed one. The paper's text reads as 1 (4.1 M).
    """

    channels: int = 1
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    encoder_convs: int = 5
    decoder_convs: int = 5


class SharpnessUNet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to restored, not clipped: the image plus the U-Net's output.

    Every convolution is 3x3 without bias, then batch normalisation and GELU; levels are joined by 2x2 max pooling and
    2x2 transposed convolutions, skips by concatenation. The output layer is 1x1, linear, without bias.

    Reference: Aurangabadkar, Ramsook, Kokaram, "A Sharpness Based Loss Function for Removing Out-of-Focus Blur", IEEE
        MMSP 2024, section IV; convolutions per block and the residual as in the authors' released code.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        *levels, bridge = config.widths
        self.multiple = 2 ** len(levels)
        below = [config.channels, *levels[:-1]]
        self.encoder = nn.ModuleList(_block(a, b, config.encoder_convs) for a, b in zip(below, levels, strict=True))
        self.bridge = _block(levels[-1], bridge, config.encoder_convs)
        above = [bridge, *levels[:0:-1]]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in zip(above, levels[::-1], strict=True))
        self.decoder = nn.ModuleList(_block(2 * width, width, config.decoder_convs) for width in levels[::-1])
        self.out = nn.Conv2d(levels[0], config.channels, 1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)  # HeNormal in the released code
        # He-normal there too; zeros, so that training begins at the identity, save about one epoch.
        nn.init.zeros_(self.out.weight)
        scales = [2**i for i in range(len(levels))]
        self.context_px = sum((config.encoder_convs + config.decoder_convs + 1) * scale for scale in scales)
        self.context_px += config.encoder_convs * self.multiple  # the bridge

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (blurred,), self.multiple)
        return restored

    def body(self, blurred: Tensor) -> Tensor:
        """The same for sides that are multiples of 16."""
        feature, skips = blurred, []
        for block in self.encoder:
            feature = block(feature)
            skips.append(feature)
            feature = nn.functional.max_pool2d(feature, 2)
        feature = self.bridge(feature)
        for up, block in zip(self.up, self.decoder, strict=True):
            feature = block(torch.cat([up(feature), skips.pop()], dim=1))
        added: Tensor = self.out(feature)
        return blurred + added


def sharpness_unet(config: Config | None = None) -> SharpnessUNet:
    """Build the network, with fresh weights."""
    return SharpnessUNet(config or Config())


def _block(channels: int, width: int, convs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(convs):
        layers += [
            nn.Conv2d(channels if i == 0 else width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, eps=1e-3, momentum=0.01),  # Keras' defaults, in which the authors' code is written
            nn.GELU(),
        ]
    return nn.Sequential(*layers)
