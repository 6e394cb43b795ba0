"""The default model: a residual U-Net that restores a photo and tells, in the same pass, how blurred each pixel was."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from refocal.learn.nets.padding import padded
from refocal.types import InputError

NEAR_PX, NEAR_SHARE = 0.5, 0.25
"""A radius is right within half a pixel, or a quarter of itself: what the confidence is the probability of."""

MIN_SCALE_PX = 0.05
"""Nobody knows a radius more exactly; it keeps the likelihood finite."""


@dataclass(frozen=True)
class Config:
    """Its shape; the defaults are those of the shipped ``default``.

    Attributes:
        channels: 1, the luma, or 3. On the pairs of lytro_pairs the true luma with the blurred chroma is 37.4 dB from
            the sharp photo, 15 dB more than the blurred one: colour is hardly worth its cost.
        unshuffle: The photo's pixels are first dealt onto a grid so many times coarser.
        widths: Channels of each level, the finest first; each level is half the size of the one before.
        blocks: Residual blocks at each level, in the encoder and again in the decoder; the coarsest has them once.
    """

    channels: int = 1
    unshuffle: int = 2
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (2, 2, 2, 2)

    def __post_init__(self) -> None:
        if not self.widths or len(self.widths) != len(self.blocks) or min(*self.widths, *self.blocks) < 1:
            raise InputError(f"Give as many widths as blocks, 1 or more each, not {self.widths} and {self.blocks}.")
        if self.channels not in (1, 3) or self.unshuffle < 1:
            raise InputError("The network has channels 1 or 3 and unshuffle of at least 1.")


class Block(nn.Module):
    """x + conv(relu(conv(x))), 3 x 3, without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        added: Tensor = self.second(functional.relu(self.first(features)))
        return features + added


class FocusUNet(nn.Module):
    """A photo (N, C, H, W) in [0, 1] to the restored photo, the radius in pixels and the confidence, (N, 1, H, W) each.

    Only convolutions: what a pixel becomes hangs on its neighbourhood alone, so tiles agree with the whole photo. The
    radius is that of the circle of confusion. Its error is taken to be Laplace-distributed with a scale that the
    network tells as well; the confidence is the probability that the radius is right within ``NEAR_PX`` or
    ``NEAR_SHARE`` of itself.

    What is in focus is kept by the method, not here: a gate in training would leave small radii without a gradient.
    """

    inputs = ("blurred",)
    outputs = ("restored", "radius_px", "confidence")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        dealt, widths = config.channels * config.unshuffle**2, config.widths
        self.multiple = config.unshuffle * 2 ** (len(widths) - 1)
        self.context_px = reach_px(config)
        self.head = nn.Conv2d(dealt, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, config.blocks, strict=True))
        self.decoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths[:-1], config.blocks[:-1], strict=True))
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in steps)
        self.tail = nn.Conv2d(widths[0], dealt, 3, padding=1)
        self.blur = nn.Conv2d(widths[0], 2, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restored, radius, and the scale of the radius's error in pixels, of photos of any size: what is trained."""
        told: tuple[Tensor, Tensor, Tensor] = padded(self.told, (blurred,), self.multiple)
        return told

    def body(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restored, radius and confidence, for sides that are multiples of ``multiple``: what is exported."""
        restored, radius_px, scale_px = self.told(blurred)
        near = (NEAR_SHARE * radius_px).clamp(min=NEAR_PX)
        return restored, radius_px, 1 - torch.exp(-near / scale_px)

    def told(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restored, radius, and the scale of the radius's error in pixels, for sides that are multiples."""
        fine = self._features(functional.pixel_unshuffle(blurred, self.config.unshuffle))
        change = functional.pixel_shuffle(self.tail(fine), self.config.unshuffle)
        coarse = functional.softplus(self.blur(fine).float()) + MIN_SCALE_PX
        size = functional.interpolate(coarse, scale_factor=self.config.unshuffle, mode="bilinear", align_corners=False)
        radius_px, scale_px = (size - MIN_SCALE_PX)[:, :1], size[:, 1:]
        return blurred + change, radius_px, scale_px

    def _features(self, dealt: Tensor) -> Tensor:
        features, skips = self.head(dealt), []
        for level, blocks in enumerate(self.encoder):
            features = blocks(features)
            if level < len(self.down):
                skips.append(features)
                features = self.down[level](features)
        for level in reversed(range(len(self.decoder))):
            features = skips[level] + functional.pixel_shuffle(self.up[level](features), 2)
            features = self.decoder[level](features)
        return features


def reach_px(config: Config) -> int:
    """How far a pixel matters: the sum of what every 3 x 3 convolution reaches, times the grid it works on."""
    grid, reach = config.unshuffle, 2 * config.unshuffle
    last = len(config.blocks) - 1
    for level, blocks in enumerate(config.blocks):
        reach += grid * 2**level * 2 * blocks * (1 if level == last else 2)
    return reach + config.unshuffle * 2**last + max(0, config.unshuffle // 2 - 1)  # the radius is interpolated


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


def focus_unet(config: Config = Config()) -> FocusUNet:
    """Build the network, with fresh weights."""
    return FocusUNet(config)
