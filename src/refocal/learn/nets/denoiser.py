"""A small denoiser of ours, for regularisation by denoising: without bias, so that it serves every level of noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from refocal.learn.nets.padding import padded


@dataclass(frozen=True)
class Config:
    """Its shape; the defaults take a few milliseconds for 128x128 pixels on two CPU cores (docs/log.md).

    Attributes:
        channels: Of the picture; 1 is luma.
        width: Filters of each layer.
        blocks: Residual blocks of two convolutions, between the first and the last one.
        fold_px: Every square of so many pixels a side becomes the channels of one place: the time falls with its area.
    """

    channels: int = 1
    width: int = 48
    blocks: int = 4
    fold_px: int = 2


class SmallDenoiser(nn.Module):
    """Noisy (N, C, H, W) in [0, 1] to the picture without the noise, not clipped: f(x) = x - r(x).

    3x3 convolutions with neither bias nor normalisation, so that f(a x) = a f(x) for a >= 0: trained for one level of noise
    it serves others, rescaled, and regularisation by denoising asks for just this (Romano, Elad, Milanfar, SIAM J. Imaging
    Sciences 2017, section 3.2). The first kernels sum to nothing, so that f(x + c) = f(x) + c, as noise doesn't depend on
    brightness either: 500 steps then bring 0.6 dB more (docs/log.md). Pixels are folded into channels as in FFDNet.

    Reference: Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda, "Robust and interpretable blind image denoising via bias-free
    convolutional neural networks", ICLR 2020; Zhang, Zuo, Zhang, "FFDNet: toward a fast and flexible solution for CNN-based
    image denoising", IEEE TIP 2018.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.multiple = config.fold_px
        folded = config.channels * config.fold_px**2
        self.noise = nn.Sequential(
            nn.PixelUnshuffle(config.fold_px),
            _BlindConv(folded, config.width, 3, bias=False),
            *(_Block(config.width) for _ in range(config.blocks)),
            _silent(_conv(config.width, folded)),
            nn.PixelShuffle(config.fold_px),
        )
        self.context_px = config.fold_px * (2 * config.blocks + 3) - 1

    def forward(self, noisy: Tensor) -> Tensor:
        """Denoise pictures of any size."""
        restored: Tensor = padded(self.body, (noisy,), self.multiple)
        return restored

    def body(self, noisy: Tensor) -> Tensor:
        """The same for sides that are multiples of ``multiple``."""
        noise: Tensor = self.noise(noisy)
        return noisy - noise


class _BlindConv(nn.Conv2d):
    """A 3x3 convolution that sees no constant: its kernels less their means; the edge's pixels are repeated."""

    def forward(self, feature: Tensor) -> Tensor:
        kernels = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(nn.functional.pad(feature, (1, 1, 1, 1), "replicate"), kernels)


class _Block(nn.Module):
    """x + convolution(ReLU(convolution(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), nn.ReLU(), _silent(_conv(width, width)))

    def forward(self, feature: Tensor) -> Tensor:
        added: Tensor = self.body(feature)
        return feature + added


def denoiser(config: Config | None = None) -> SmallDenoiser:
    """Build it; 169,344 trainable parameters by default."""
    return SmallDenoiser(config or Config())


def _conv(channels: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1, bias=False)


def _silent(conv: nn.Conv2d) -> nn.Conv2d:
    """To begin with, blocks hand on what they get and the picture stays as it is: training starts several times faster."""
    nn.init.zeros_(conv.weight)
    return conv
