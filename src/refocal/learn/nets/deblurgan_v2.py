"""DeblurGAN-v2's generator of Kupyn et al. 2019: a feature pyramid on MobileNetV2.

The paper's stronger backbone, Inception-ResNet-v2 with some 60.9 million parameters, isn't implemented. The authors
initialise with ImageNet weights; this encoder starts from random ones, so it trains longer and reaches less.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded

STAGES = (
    ((1, 16, 1, 1),),
    ((6, 24, 2, 2),),
    ((6, 32, 3, 2),),
    ((6, 64, 4, 2),),
    ((6, 96, 3, 1), (6, 160, 2, 2)),
)
"""Stages of MobileNetV2 (its Table 2: expansion, filters, blocks, stride of the first) for the maps at 1/2 ... 1/32.

The released generator uses no more than the second of the three blocks of 160. It still contains the rest of the
backbone, 1,206,080 unused parameters; with them it has the published 3.3 million.
"""


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the authors'.

    Attributes:
        channels: Number of channels of the image; 3 is colour.
        pyramid: Filters of each map of the pyramid.
        width: Filters of each head and of the layers after them; half of ``pyramid`` there.
    """

    channels: int = 3
    pyramid: int = 128
    width: int = 64


class DeblurGANv2(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to restored in [0, 1]: clip(x + tanh(f) / 2).

    The authors write clip(x' + tanh(f), -1, 1) with x' = 2 x - 1, which is the same. f is computed from five maps of
    the encoder, at 1/2 ... 1/32: each passes a 1x1 convolution, and coarser ones are added to finer ones; the four from
    1/4 on pass heads of two convolutions and are concatenated at 1/4; the one at 1/2 is added on the way to full size.
    All upsampling is nearest neighbour.

    Its instance normalisation uses the statistics of the input, in inference as in training, as the authors' program
    does: a tile differs slightly from the same part of the whole photo, and ``context_px`` covers the convolutions
    only.

    Reference: Kupyn, Martyniuk, Wu, Wang, "DeblurGAN-v2: Deblurring (Orders-of-Magnitude) Faster and Better", ICCV
        2019; Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR
        2018; normalisation and widths as in the authors' released code.
    """

    multiple = 32
    context_px = 283
    """Receptive field of the convolutions, tested without the normalisation."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        pyramid, width = config.pyramid, config.width
        self.stem = _normed(config.channels, 32, 3, stride=2)
        before = [32, *(stage[-1][1] for stage in STAGES)]
        self.encoder = nn.ModuleList(_stage(before[i], stage) for i, stage in enumerate(STAGES))
        half, *coarser = before[1:]
        self.lateral_half = nn.Conv2d(half, width, 1, bias=False)
        self.lateral = nn.ModuleList(nn.Conv2d(inner, pyramid, 1, bias=False) for inner in coarser)
        self.top_down = nn.ModuleList(_smooth(pyramid, pyramid) for _ in coarser[1:])
        self.heads = nn.ModuleList(_head(pyramid, width) for _ in coarser)
        self.join = _smooth(len(coarser) * width, width)
        self.smooth = _smooth(width, width // 2)
        self.out = nn.Conv2d(width // 2, config.channels, 3, padding=1)
        for module in self.encoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        # Training begins at the identity.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (blurred,), self.multiple)
        return restored

    def body(self, blurred: Tensor) -> Tensor:
        """The same for sides that are multiples of 32."""
        feature, maps = self.stem(2 * blurred - 1), []
        for stage in self.encoder:
            feature = stage(feature)
            maps.append(feature)
        half, *coarser = maps
        lateral = [conv(feature) for conv, feature in zip(self.lateral, coarser, strict=True)]
        levels = [lateral.pop()]
        for smooth in self.top_down:
            levels.insert(0, smooth(lateral.pop() + _larger(levels[0], 2)))
        heads = [_larger(head(level), 2**i) for i, (head, level) in enumerate(zip(self.heads, levels, strict=True))]
        feature = _larger(self.join(torch.cat(heads, dim=1)), 2) + self.lateral_half(half)
        added: Tensor = self.out(_larger(self.smooth(feature), 2))
        return (blurred + torch.tanh(added) / 2).clamp(0, 1)


class _InvertedResidual(nn.Module):
    """MobileNetV2's block: 1x1 expansion, 3x3 depthwise, 1x1 projection; added to the input where shapes agree."""

    def __init__(self, inner: int, outer: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inner * expansion
        self.body = nn.Sequential(
            *([_normed(inner, wide, 1)] if expansion > 1 else []),
            _normed(wide, wide, 3, stride, groups=wide),
            *(nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer)),
        )
        self.added = stride == 1 and inner == outer

    def forward(self, feature: Tensor) -> Tensor:
        new: Tensor = self.body(feature)
        return feature + new if self.added else new


def deblurgan_v2(config: Config | None = None) -> DeblurGANv2:
    """Build the network, with fresh weights."""
    return DeblurGANv2(config or Config())


def _stage(inner: int, rows: tuple[tuple[int, int, int, int], ...]) -> nn.Sequential:
    blocks = []
    for expansion, outer, count, stride in rows:
        for i in range(count):
            blocks.append(_InvertedResidual(inner, outer, expansion, 1 if i else stride))
            inner = outer
    return nn.Sequential(*blocks)


def _normed(inner: int, outer: int, side: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inner, outer, side, stride, side // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.ReLU6())


def _head(inner: int, outer: int) -> nn.Sequential:
    first = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.ReLU(), nn.Conv2d(outer, outer, 3, padding=1, bias=False), nn.ReLU())


def _smooth(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), nn.InstanceNorm2d(outer), nn.ReLU())


def _larger(feature: Tensor, times: int) -> Tensor:
    return nn.functional.interpolate(feature, scale_factor=times, mode="nearest") if times > 1 else feature
