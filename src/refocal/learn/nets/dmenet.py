"""DMENet of Lee et al. 2019: a VGG encoder and a U-Net decoder that read the blur of every pixel off one photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded

RADIUS_PER_SIGMA = 6 / 3.275
"""Disks and Gaussians that blur edges alike: the end of Karaali's table, to which the authors' evaluation cuts its
maps."""

LARGEST_COC = 15
"""What an output of 1 stands for (authors' program): sigma = (15 out - 1) / 2 pixels."""


@dataclass(frozen=True)
class Config:
    """Its shape; the defaults are the authors', with the published 26.94 M parameters.

    Attributes:
        channels: Of the picture; 3 is colour.
        encoder: Filters of the encoder's levels, VGG19's, the finest first.
        encoder_convs: Convolutions of each.
        decoder: Filters of the decoder's levels, the finest last; one level fewer than the encoder has.
        decoder_convs: Convolutions of each.
        refinements: Residual blocks at full size.
        auxiliary: Whether every scale tells a map of its own while training; they are no part of an exported network.
    """

    channels: int = 3
    encoder: tuple[int, ...] = (64, 128, 256, 512, 512)
    encoder_convs: tuple[int, ...] = (2, 2, 4, 4, 4)
    decoder: tuple[int, ...] = (256, 128, 64, 64)
    decoder_convs: tuple[int, ...] = (3, 3, 3, 1)
    refinements: int = 7
    auxiliary: bool = True


class DMENet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to the radius in pixels (N, 1, H, W) of the disk that blurs edges as much.

    The layers end in a sigmoid, ``out``, that stands for a Gaussian of sigma = (15 out - 1) / 2 pixels, no blur below
    1/15; the radius is 1.83 times that. While training, nothing is cut at 0, and coarser maps come along.

    3x3 convolutions continue their input by its edge ("symmetric" there). In the encoder ReLU follows them, elsewhere
    batch normalisation and leaky ReLU.

    Reference: Lee, Lee, Cho, Lee, "Deep Defocus Map Estimation using Domain Adaptation", CVPR 2019; widths, the
        refinement
    and the scale of the output as in the authors' released code. Their encoder begins with the weights of VGG19 trained
    on ImageNet; this one begins with random ones.
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
        self.out = nn.Sequential(_normed(width, width), _normed(width, width // 2), _told(width // 2), nn.Sigmoid())
        self.coarser = nn.ModuleList(_coarser(width) for width in above) if config.auxiliary else None
        # Convolutions at 1, 2, 4, ... px a step; bilinear enlarging reaches 2 px of the size that it makes.
        scales = [2**i for i in range(len(config.encoder))]
        self.context_px = sum(scale * convs for scale, convs in zip(scales, config.encoder_convs, strict=True))
        for scale, convs in zip(scales, reversed(config.decoder_convs), strict=False):
            self.context_px += scale * (convs + 2)
        self.context_px += 2 * config.refinements + 3

    def forward(self, blurred: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Radii of pictures of any size; while training uncut, and followed by those of the scales, the coarsest
        first.
        """
        radii: Tensor | tuple[Tensor, ...] = padded(
            self._uncut if self.training else self.body, (blurred,), self.multiple
        )
        return radii

    def body(self, blurred: Tensor) -> Tensor:
        """The radius alone, at least 0, for sides that are multiples of ``multiple``."""
        return self._radius(self._features(blurred)[-1]).clamp(min=0)

    def _uncut(self, blurred: Tensor) -> Tensor | tuple[Tensor, ...]:
        features = self._features(blurred)
        radius = self._radius(features[-1])
        if self.coarser is None:
            return radius
        return radius, *(_radius(head(feature)) for head, feature in zip(self.coarser, features, strict=True))

    def _features(self, blurred: Tensor) -> list[Tensor]:
        """What the encoder ends with and each level of the decoder, the coarsest first."""
        # About the mean and spread of ImageNet's photos, so that random weights meet inputs of mean 0 and variance 1.
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
        beside: Tensor = self.shortcut(feature)
        return added + beside


def dmenet(config: Config | None = None) -> DMENet:
    """Build it; 26,943,184 trainable parameters by default, 25,351,873 of which are no auxiliary ones."""
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
    return nn.Sequential(_normed(width, width // 2), _told(width // 2), nn.BatchNorm2d(1), nn.Sigmoid())


def _normed(channels: int, width: int, side: int = 3) -> nn.Sequential:
    # tensorlayer's batch normalisation, which the authors use, has the same constants as torch's.
    return nn.Sequential(_conv(channels, width, side), nn.BatchNorm2d(width), nn.LeakyReLU(0.2))


def _conv(channels: int, width: int, side: int = 3) -> nn.Conv2d:
    conv = nn.Conv2d(channels, width, side, padding=side // 2, padding_mode="replicate")
    # He's; the encoder has no normalisation, and sixteen layers of torch's own smaller weights would let nothing
    # through.
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return conv


def _told(channels: int) -> nn.Conv2d:
    """Before a sigmoid."""
    conv = _conv(channels, 1)
    nn.init.xavier_normal_(conv.weight)
    return conv
