"""XY-Deblur of Ji et al. 2022: one encoder, one decoder that runs twice, once on features turned by 90 degrees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded


@dataclass(frozen=True)
class Config:
    """Shape of the network; with three channels the defaults are the released code's.

    Attributes:
        channels: Number of channels of the image; 1 is luma, as sharpness_loss retrained it; 3 is the authors'.
        base: Filters at full size, doubled at each of the two levels below.
        blocks: Residual blocks of each level, in the encoder as in the decoder.
    """

    channels: int = 1
    base: int = 32
    blocks: int = 6


class XYDeblur(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to restored, not clipped: x + d(e(x)) + R^-1 d(R e(x)).

    R is a rotation by 90 degrees. Both passes of the decoder d have the same kernels, so each handles one direction of
    the blur. There is no normalisation; levels are joined by convolutions of stride 2 and 4x4 transposed ones, skips
    by concatenation and a 1x1 convolution.

    Reference: Ji, Lee, Kim, Hong, Baek, Jung, Ko, "XYDeblur: Divide and Conquer for Single Image Deblurring", CVPR
        2022; activations and the number of blocks as in the authors' released code.
    """

    multiple = 4

    def __init__(self, config: Config) -> None:
        super().__init__()
        fine, middle, coarse = config.base, 2 * config.base, 4 * config.base
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 3, stride, 1), nn.ReLU(), *_blocks(width, config.blocks))
            for before, width, stride in ((config.channels, fine, 1), (fine, middle, 2), (middle, coarse, 2))
        )
        self.up = nn.ModuleList(
            nn.Sequential(*_blocks(width, config.blocks), nn.ConvTranspose2d(width, width // 2, 4, 2, 1), nn.ReLU())
            for width in (coarse, middle)
        )
        self.join = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.ReLU()) for width in (coarse, middle)
        )
        self.out = nn.Sequential(*_blocks(fine, config.blocks), nn.Conv2d(fine, config.channels, 3, padding=1))
        # Training begins at the identity; with random weights it would begin 10 dB lower.
        nn.init.zeros_(self.out[-1].weight)
        nn.init.zeros_(self.out[-1].bias)
        # Two convolutions per block, in encoder and decoder, at strides of 1, 2 and 4 px; then those that join the
        # levels.
        self.context_px = 4 * config.blocks * (1 + 2 + 4) + 2 + (1 + 2) + 2 * (1 + 2)

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (blurred,), self.multiple)
        return restored

    def body(self, blurred: Tensor) -> Tensor:
        """The same for sides that are multiples of 4."""
        features, feature = [], blurred
        for level in self.encoder:
            feature = level(feature)
            features.append(feature)
        upright = self._decode(*features)
        turned = self._decode(*(torch.rot90(feature, 1, (2, 3)) for feature in features))
        return blurred + upright + torch.rot90(turned, -1, (2, 3))

    def _decode(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        feature = coarse
        for up, join, skip in zip(self.up, self.join, (middle, fine), strict=True):
            feature = join(torch.cat([up(feature), skip], dim=1))
        added: Tensor = self.out(feature)
        return added


class _Block(nn.Module):
    """x + convolution(ReLU(convolution(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, feature: Tensor) -> Tensor:
        added: Tensor = self.body(feature)
        return feature + added


def xy_deblur(config: Config | None = None) -> XYDeblur:
    """Build the network, with fresh weights."""
    return XYDeblur(config or Config())


def _blocks(width: int, count: int) -> list[nn.Module]:
    return [_Block(width) for _ in range(count)]
