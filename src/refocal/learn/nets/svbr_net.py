"""SVBR-Net: a network conditioned on the blur map, exact or estimated.

Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022. One branch takes
the blur map, the other the photo; features of the map's branch are concatenated to the photo's in five places.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded


@dataclass(frozen=True)
class Config:
    """Shape and conventions of the network; the defaults are the paper's.

    Attributes:
        channels: Number of channels of the photo.
        full_radius_px: Radius that is passed to the network as 1, and the largest one: 6 in training. The released test
            program passes a twelfth of a pixel as 1 / 255, which is 21.25.
        normalise: Whether batch normalisation uses batch statistics in training. The released program calls the network
            without training=True, so that each is a gain and an offset only.
    """

    channels: int = 3
    full_radius_px: float = 6.0
    normalise: bool = True


class SVBRNet(nn.Module):
    """(N, 3, H, W) in [0, 1] and (N, 1, H, W), the radius in pixels, to (N, 3, H, W) in (0, 1)."""

    multiple = 4
    inputs = ("blurred", "radius_px")
    context_px = 86
    """Receptive field of ten convolutions at a stride of 4 px, fifteen at 2 px and twelve at 1 px, as tested."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.map_branch = _MapBranch()
        self.photo_branch = _PhotoBranch(config.channels)

    def forward(self, blurred: Tensor, radius_px: Tensor) -> Tensor:
        """Restore images of any size."""
        restored: Tensor = padded(self.body, (blurred, radius_px), self.multiple)
        return restored

    def body(self, blurred: Tensor, radius_px: Tensor) -> Tensor:
        """The same for sides that are multiples of 4. Radii are rounded to the 23 levels and clipped."""
        level = (radius_px * 4).round() / 4
        level = torch.where(level <= 0.5, 0.0, level)
        links = self.map_branch((level / self.config.full_radius_px).clamp(max=1.0))
        restored: Tensor = self.photo_branch(blurred, links)
        return restored

    def train(self, mode: bool = True) -> SVBRNet:
        """As for every module, but batch normalisation may stay in evaluation mode (``Config.normalise``)."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not self.config.normalise:
                module.eval()
        return self


def svbr_net(config: Config = Config()) -> SVBRNet:
    """Build the network, with fresh weights."""
    return SVBRNet(config)


class _MapBranch(nn.Module):
    """b1 ... b16 of the paper's Fig. 2; returns the features that the photo's branch takes: b2, b5, b10, b13, b16."""

    def __init__(self) -> None:
        super().__init__()
        self.b1, self.b2 = _once(1, 8), _Residual(8)
        self.b3 = _Down(8, 16)
        self.b4, self.b5 = _once(16, 16), _Residual(16)
        self.b6 = _Down(16, 32)
        self.b7_10 = nn.Sequential(_once(32, 32), _once(32, 32), _Residual(32), _Residual(32))
        self.b11 = _Up(32, 16)
        self.b12, self.b13 = _once(16, 16), _Residual(32)
        self.b14 = _Up(32, 32)
        self.b15, self.b16 = _once(32, 32), _Residual(40)

    def forward(self, radius: Tensor) -> tuple[Tensor, ...]:
        b1 = self.b1(radius)
        b2 = self.b2(b1)
        b4 = self.b4(self.b3(b2))
        b5 = self.b5(b4)
        b10 = self.b7_10(self.b6(b5))
        b13 = self.b13(torch.cat([self.b12(self.b11(b10)), b4], 1))
        b16 = self.b16(torch.cat([self.b15(self.b14(b13)), b1], 1))
        return b2, b5, b10, b13, b16


class _PhotoBranch(nn.Module):
    """i1 ... i23 of the paper's Fig. 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.i1, self.i2 = _once(channels, 8), _Residual(8)
        self.i3, self.i4 = _once(16, 8), _Down(8, 16)
        self.i5, self.i6 = _once(16, 16), _Residual(16)
        self.i7, self.i8 = _once(32, 16), _Down(16, 32)
        self.i9_12 = nn.Sequential(_once(32, 32), _once(32, 32), _Residual(32), _Residual(32))
        self.i13, self.i14 = _once(64, 32), _Up(32, 16)
        self.i15_16 = nn.Sequential(_once(16, 16), _Residual(16))
        self.i17 = _once(48, 16)
        self.i18, self.i19 = _once(32, 32), _Up(32, 8)
        self.i20 = _once(8, 8)
        self.i21_22 = nn.Sequential(_once(16, 8), _Residual(8))
        self.i23, self.out = _once(48, 8), nn.Conv2d(8, channels, 3, padding=1)

    def forward(self, blurred: Tensor, links: tuple[Tensor, ...]) -> Tensor:
        b2, b5, b10, b13, b16 = links
        i3 = self.i3(torch.cat([self.i2(self.i1(blurred)), b2], 1))
        i7 = self.i7(torch.cat([self.i6(self.i5(self.i4(i3))), b5], 1))
        i14 = self.i14(self.i13(torch.cat([self.i9_12(self.i8(i7)), b10], 1)))
        i17 = torch.cat([i7, self.i17(torch.cat([self.i15_16(i14), b13], 1))], 1)
        i20 = torch.cat([i3, self.i20(self.i19(self.i18(i17)))], 1)
        i23 = self.i23(torch.cat([self.i21_22(i20), b16], 1))
        return torch.sigmoid(self.out(i23))


def _once(inner: int, outer: int) -> nn.Sequential:
    """T1: convolution, batch normalisation, ReLU."""
    return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU())


class _Residual(nn.Module):
    """T2: T1 twice, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_once(width, width), _once(width, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + x
        return y


class _Down(nn.Module):
    """T3: T1 twice and a mean of 2 x 2, plus a convolution of 2 x 2 and stride 2; half the size."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_once(inner, outer), _once(outer, outer), nn.AvgPool2d(2))
        self.side = nn.Sequential(nn.Conv2d(inner, outer, 2, stride=2), nn.BatchNorm2d(outer))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + self.side(x)
        return y


class _Up(nn.Module):
    """T4: T1 twice, a transposed convolution to twice the size, T1 twice."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _once(inner, outer),
            _once(outer, outer),
            nn.ConvTranspose2d(outer, outer, 3, stride=2, padding=1, output_padding=1),
            _once(outer, outer),
            _once(outer, outer),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y
