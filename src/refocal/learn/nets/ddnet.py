"""DDNet of Lopez-Tapia et al. 2023: a network that fills in what a known blur wiped out, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded
from refocal.optics.null_space import deconvolve, filter_pixels, project


@dataclass(frozen=True)
class Config:
    """Its shape; the defaults are the authors' luma network. Their network for two chroma channels has five blocks.

    Attributes:
        channels: Of the picture; 1 is luma.
        blocks: Residual dense blocks.
        width: Filters of each layer.
        filter_px: Side of the filter that each pixel gets, odd.
    """

    channels: int = 1
    blocks: int = 10
    width: int = 64
    filter_px: int = 5


class DDNet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] and the blur's kernel to restored, not clipped.

    From y and its regularised inverse A+ y the convolutions make a picture f and a filter for each pixel; the result is
    ``filter_pixels(f - A+ A f + A+ y, filters)``: what the blur let through comes from y, the network's part is its
    null space, and the filters clear away what A+ left of noise and rings.

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
        # Training begins at A+ y itself, f = 0 and filters that leave it alone, and not at a picture of noise.
        for head in (self.image[-1], self.filters[-1]):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        with torch.no_grad():
            self.filters[-1].bias[taps // 2] = 1
        # At 4 px a step: the second fold, three convolutions a block, the one after them, the first of the way back,
        # and where in its square of 4 px a pixel lies.
        self.context_px = 2 + 4 * (1 + 3 * config.blocks + 1 + 1) + 2 + 1 + 3

    def forward(self, blurred: Tensor, kernel: Tensor) -> Tensor:
        """Restore pictures of any size, blurred by the kernel (kh, kw), both odd."""
        deconvolved = deconvolve(blurred, kernel)
        estimate, filters = padded(self.body, (blurred, deconvolved), self.multiple)
        # Fourier transforms need more digits than mixed precision leaves.
        estimate, filters = estimate.to(blurred.dtype), filters.to(blurred.dtype)
        restored: Tensor = filter_pixels(project(estimate, deconvolved, kernel), filters)
        return restored

    def body(self, blurred: Tensor, deconvolved: Tensor) -> tuple[Tensor, Tensor]:
        """The convolutions, for sides that are multiples of 4: f (N, C, H, W) and filters (N, filter_px^2, H, W)."""
        first = self.fold(torch.cat([blurred, deconvolved], dim=1))
        feature = self.unfold(self.fuse(first + self.blocks(first)))
        return self.image(feature), self.filters(feature)


class _DenseBlock(nn.Module):
    """Three convolutions, each of all that came before, put together by a 1x1 and added to what came in."""

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
    """Build it; 2,938,330 trainable parameters by default."""
    return DDNet(config or Config())


def _conv(channels: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1)
