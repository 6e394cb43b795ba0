"""The critic of DefocusGAN and DeblurGAN-v2: convolutions that score every patch of an image. For training only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Shape of the critic; the defaults are DefocusGAN's, with 2,764,737 parameters.

    Attributes:
        layers: Number of convolutions that halve the size. 3 has a receptive field of 70 px; 5, DeblurGAN-v2's critic
            of whole images, with 11,154,369 parameters, one of 286 px.
        channels: Number of channels of the image.
    """

    layers: int = 3
    channels: int = 3


class PatchDiscriminator(nn.Module):
    """(N, C, H, W) in [0, 1] to one unbounded score per patch (N, 1, H', W'), higher for sharp photos.

    Sides of any length, but not a single pixel: H' = H // 2 + 1 for each layer, then 1 more twice. Scores have no
    sigmoid, as the losses of ``losses.adversarial`` require.

    Reference: Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
        as in the released code of Kupyn et al., "DeblurGAN-v2", ICCV 2019, which DefocusGAN uses.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [64 * min(2**i, 8) for i in range(config.layers + 1)]
        layers: list[nn.Module] = [_conv(config.channels, widths[0], 2), nn.LeakyReLU(0.2)]
        for i, (before, width) in enumerate(pairwise(widths), start=1):
            stride = 2 if i < config.layers else 1
            # The normalisation, which has no gain or offset, removes the bias; it is kept for the published count.
            layers += [_conv(before, width, stride), nn.InstanceNorm2d(width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, _conv(widths[-1], 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Score the patches."""
        scores: Tensor = self.layers(image)
        return scores


def _conv(channels: int, width: int, stride: int) -> nn.Conv2d:
    # Padding by 2, ceil(3 / 2), as released: patches at the border include some of the zeros beyond it.
    return nn.Conv2d(channels, width, 4, stride, padding=2)
