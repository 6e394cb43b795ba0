"""DDNet of Lopez-Tapia et al. 2023: a network that predicts the null-space component of a known blur, and filters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded
from refocal.optics.null_space import deconvolve, filter_pixels, project


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the authors' luma network. Theirs for two chroma channels has five blocks.

    Attributes:
        channels: Number of channels of the image; 1 is luma.
        blocks: Number of residual dense blocks.
        width: Filters of each layer.
        filter_px: Side of the filter of each pixel, odd.
    """

    channels: int = 1
    blocks: int = 10
    width: int = 64
    filter_px: int = 5


class DDNet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] and the blur's kernel to restored, not clipped.

    From y and its regularised inverse A+ y the convolutions predict an image f and a filter for each pixel; the result
    is ``filter_pixels(f - A+ A f + A+ y, filters)``: the range of A+ is taken from y, the network adds the null-space
    component, and the filters remove residual noise and ringing of A+ y.

    Reference: Lopez-Tapia, Mateos, Molina, Katsaggelos, "Deep robust image restoration using the Moore-Penrose blur
    inverse", IEEE ICIP 2023; activations and places of the skip as in the authors' released code.
    """

    multiple = 4
    inputs = ("blurred", "kernel")
    outputs = ("restored", "filters")

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, taps = config.width, config.filter_px**2
        self.fold = nn.Sequential(
            *(nn.PixelUnshuffle(2), _conv(8 * config.channels, width), nn.LeakyReLU(0.2)),
            *(nn.PixelUnshuffle(2), _conv(4 * width, width), nn.LeakyReLU(0.2)),
        )
        self.blocks = nn.Sequential(*(_DenseBlock(width) for _ in range(config.blocks)))
        self.fuse = nn.Sequential(_conv(width, width), nn.LeakyReLU(0.2))
        self.unfold = nn.Sequential(
            *(_conv(width, 4 * width), nn.PixelShuffle(2), nn.LeakyReLU(0.2)),
            *(_conv(width, 4 * width), nn.PixelShuffle(2), nn.LeakyReLU(0.2)),
        )
        self.image = nn.Sequential(_conv(width, width), nn.LeakyReLU(0.2), nn.Conv2d(width, config.channels, 1))
        self.filters = nn.Sequential(_conv(width, width), nn.LeakyReLU(0.2), nn.Conv2d(width, taps, 1))
        # Training begins at A+ y itself: f = 0 and identity filters.
        for head in (self.image[-1], self.filters[-1]):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        with torch.no_grad():
            self.filters[-1].bias[taps // 2] = 1
        # At a stride of 4 px: the second fold, three convolutions a block, the one after them and the first of the
        # decoder; then those at 2 and 1 px, and the position of a pixel in its square of 4 px.
        self.context_px = 2 + 4 * (1 + 3 * config.blocks + 1 + 1) + 2 + 1 + 3

    def forward(self, blurred: Tensor, kernel: Tensor) -> Tensor:
        """Restore images of any size, blurred by the kernel (kh, kw), both odd."""
        deconvolved = deconvolve(blurred, kernel)
        estimate, filters = padded(self.body, (blurred, deconvolved), self.multiple)
        # Fourier transforms need more precision than mixed precision has.
        estimate, filters = estimate.to(blurred.dtype), filters.to(blurred.dtype)
        restored: Tensor = filter_pixels(project(estimate, deconvolved, kernel), filters)
        return restored

    def body(self, blurred: Tensor, deconvolved: Tensor) -> tuple[Tensor, Tensor]:
        """The convolutions, for sides that are multiples of 4: f (N, C, H, W) and filters (N, filter_px^2, H, W)."""
        first = self.fold(torch.cat([blurred, deconvolved], dim=1))
        feature = self.unfold(self.fuse(first + self.blocks(first)))
        return self.image(feature), self.filters(feature)


class _DenseBlock(nn.Module):
    """Three densely connected convolutions, fused by a 1x1 convolution and added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(n * width, width) for n in (1, 2, 3))
        self.join = nn.Conv2d(4 * width, width, 1)

    def forward(self, feature: Tensor) -> Tensor:
        known = feature
        for conv in self.convs:
            known = torch.cat([nn.functional.leaky_relu(conv(known), 0.2), known], dim=1)
        added: Tensor = self.join(known)
        return feature + added


def ddnet(config: Config | None = None) -> DDNet:
    """Build the network, with fresh weights."""
    return DDNet(config or Config())


def _conv(channels: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1)
