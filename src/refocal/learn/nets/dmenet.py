"""DMENet of Lee et al. 2019: a VGG encoder and a U-Net decoder that predict the blur of every pixel from one photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded

RADIUS_PER_SIGMA = 6 / 3.275
"""Radius of the disk that blurs an edge like a Gaussian, per sigma: the end of Karaali's table, at which the authors'
evaluation clips its maps."""

LARGEST_COC = 15
"""Circle of confusion of an output of 1 (authors' program): sigma = (15 out - 1) / 2 pixels."""


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the authors', with the published 26.94 M parameters.

    Attributes:
        channels: Number of channels of the image; 3 is colour.
        encoder: Filters of the encoder's levels, VGG19's, the finest first.
        encoder_convs: Convolutions of each encoder level.
        decoder: Filters of the decoder's levels, the finest last; one level fewer than the encoder has.
        decoder_convs: Convolutions of each decoder level.
        refinements: Residual blocks at full size.
        auxiliary: Whether every scale predicts a map of its own in training; these heads aren't exported.
    """

    channels: int = 3
    encoder: tuple[int, ...] = (64, 128, 256, 512, 512)
    encoder_convs: tuple[int, ...] = (2, 2, 4, 4, 4)
    decoder: tuple[int, ...] = (256, 128, 64, 64)
    decoder_convs: tuple[int, ...] = (3, 3, 3, 1)
    refinements: int = 7
    auxiliary: bool = True


class DMENet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to the radius in pixels (N, 1, H, W) of the disk that blurs edges equally.

    The layers end in a sigmoid, ``out``, which represents a Gaussian of sigma = (15 out - 1) / 2 pixels, no blur below
    1/15; the radius is 1.83 times that. In training nothing is clipped at 0, and coarser maps are returned, too.

    3x3 convolutions pad with the edge pixels ("symmetric" there). In the encoder ReLU follows them, elsewhere batch
    normalisation and leaky ReLU.

    Reference: Lee, Lee, Cho, Lee, "Deep Defocus Map Estimation using Domain Adaptation", CVPR 2019; widths, the
        refinement and the scale of the output as in the authors' released code. Their encoder is initialised with VGG19
        trained on ImageNet; this one randomly.
    """

    outputs = ("radius_px",)
    training_only = ("coarser",)

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.multiple = 2 ** (len(config.encoder) - 1)
        levels = zip([config.channels, *config.encoder], config.encoder, config.encoder_convs, strict=False)
        self.encoder = nn.ModuleList(_encode(before, width, convs) for before, width, convs in levels)
        above = [config.encoder[-1], *config.decoder]
        skips = config.encoder[-2::-1]
        self.decoder = nn.ModuleList(
            nn.Sequential(_normed(above[i] + skips[i], width), *(_normed(width, width) for _ in range(convs - 1)))
            for i, (width, convs) in enumerate(zip(config.decoder, config.decoder_convs, strict=True))
        )
        width = config.decoder[-1]
        self.refine = nn.Sequential(*(_Refinement(width) for _ in range(config.refinements)))
        self.out = nn.Sequential(_normed(width, width), _normed(width, width // 2), _logit(width // 2), nn.Sigmoid())
        self.coarser = nn.ModuleList(_coarser(width) for width in above) if config.auxiliary else None
        # Convolutions at strides of 1, 2, 4, ... px; bilinear upsampling reaches 2 px of its output.
        scales = [2**i for i in range(len(config.encoder))]
        self.context_px = sum(scale * convs for scale, convs in zip(scales, config.encoder_convs, strict=True))
        for scale, convs in zip(scales, reversed(config.decoder_convs), strict=False):
            self.context_px += scale * (convs + 2)
        self.context_px += 2 * config.refinements + 3

    def forward(self, blurred: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Radii of images of any size; in training not clipped and followed by the coarser maps, the coarsest first."""
        radii: Tensor | tuple[Tensor, ...] = padded(
            self._unclipped if self.training else self.body, (blurred,), self.multiple
        )
        return radii

    def body(self, blurred: Tensor) -> Tensor:
        """The radius alone, at least 0, for sides that are multiples of ``multiple``."""
        return self._radius(self._features(blurred)[-1]).clamp(min=0)

    def _unclipped(self, blurred: Tensor) -> Tensor | tuple[Tensor, ...]:
        features = self._features(blurred)
        radius = self._radius(features[-1])
        if self.coarser is None:
            return radius
        return radius, *(_radius(head(feature)) for head, feature in zip(self.coarser, features, strict=True))

    def _features(self, blurred: Tensor) -> list[Tensor]:
        """Output of the encoder and of each level of the decoder, the coarsest first."""
        # About the mean and standard deviation of ImageNet, so that the input has mean 0 and variance 1.
        feature, skips = (blurred - 0.45) / 0.225, []
        for i, level in enumerate(self.encoder):
            feature = level(nn.functional.max_pool2d(feature, 2) if i else feature)
            skips.append(feature)
        features = [skips.pop()]
        for level in self.decoder:
            larger = nn.functional.interpolate(features[-1], scale_factor=2, mode="bilinear")
            features.append(level(torch.cat([larger, skips.pop()], dim=1)))
        return features

    def _radius(self, feature: Tensor) -> Tensor:
        return _radius(self.out(self.refine(feature)))


class _Refinement(nn.Module):
    """Two convolutions of the input, plus a 1x1 of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_normed(width, width), _normed(width, width))
        self.shortcut = _normed(width, width, side=1)

    def forward(self, feature: Tensor) -> Tensor:
        added: Tensor = self.body(feature)
        shortcut: Tensor = self.shortcut(feature)
        return added + shortcut


def dmenet(config: Config | None = None) -> DMENet:
    """Build the network, with fresh weights."""
    return DMENet(config or Config())


def _radius(out: Tensor) -> Tensor:
    """From [0, 1] to the radius in pixels; negative below 1/15."""
    return RADIUS_PER_SIGMA / 2 * (LARGEST_COC * out - 1)


def _encode(channels: int, width: int, convs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(convs):
        layers += [_conv(channels if i == 0 else width, width), nn.ReLU()]
    return nn.Sequential(*layers)


def _coarser(width: int) -> nn.Sequential:
    return nn.Sequential(_normed(width, width // 2), _logit(width // 2), nn.BatchNorm2d(1), nn.Sigmoid())


def _normed(channels: int, width: int, side: int = 3) -> nn.Sequential:
    # tensorlayer's batch normalisation, which the authors use, has the same constants as torch's.
    return nn.Sequential(_conv(channels, width, side), nn.BatchNorm2d(width), nn.LeakyReLU(0.2))


def _conv(channels: int, width: int, side: int = 3) -> nn.Conv2d:
    conv = nn.Conv2d(channels, width, side, padding=side // 2, padding_mode="replicate")
    # He initialisation; without normalisation, torch's smaller default weights vanish over the encoder's sixteen
    # layers.
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return conv


def _logit(channels: int) -> nn.Conv2d:
    """The convolution before a sigmoid."""
    conv = _conv(channels, 1)
    nn.init.xavier_normal_(conv.weight)
    return conv
