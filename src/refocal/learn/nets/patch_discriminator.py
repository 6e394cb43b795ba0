"""The critic of DefocusGAN and DeblurGAN-v2: convolutions that score every patch of a picture. For training only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Its shape; the defaults are DefocusGAN's, with 2,764,737 parameters.

    Attributes:
        layers: Convolutions that halve the size. 3 sees patches of 70 px; 5 is the critic of whole pictures in
            DeblurGAN-v2, with 11,154,369 parameters, which sees 286 px.
        channels: Of the picture.
    """

    layers: int = 3
    channels: int = 3


class PatchDiscriminator(nn.Module):
    """(N, C, H, W) in [0, 1] to one score per patch (N, 1, H', W'), of any value; the larger, the more like a sharp
    photo.

    Sides of any length, but not a single pixel: H' = H // 2 + 1 for each layer, then 1 more twice. No score has a
    sigmoid: the losses of ``learn.adversarial`` want none.

    Reference: Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
        as the
    released code of Kupyn et al., "DeblurGAN-v2", ICCV 2019, has it, from which DefocusGAN took it over.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [64 * min(2**i, 8) for i in range(config.layers + 1)]
        layers: list[nn.Module] = [_conv(config.channels, widths[0], 2), nn.LeakyReLU(0.2)]
        for i, (before, width) in enumerate(pairwise(widths), start=1):
            stride = 2 if i < config.layers else 1
            # The bias is taken out by the normalisation, which has no gain or offset; it is kept for the published
            # count.
            layers += [_conv(before, width, stride), nn.InstanceNorm2d(width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, _conv(widths[-1], 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """Score the patches."""
        scores: Tensor = self.layers(picture)
        return scores


def patch_discriminator(config: Config | None = None) -> PatchDiscriminator:
    """Build it, with fresh weights."""
    return PatchDiscriminator(config or Config())


def _conv(channels: int, width: int, stride: int) -> nn.Conv2d:
    # Padding by 2, ceil(3 / 2), as released: the scores of patches at the border see some of what is beyond it, zeros.
    return nn.Conv2d(channels, width, 4, stride, padding=2)
