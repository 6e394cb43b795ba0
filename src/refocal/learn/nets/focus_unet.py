"""The default model: a residual U-Net that predicts the restored photo and the radius of each pixel in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from refocal.learn.nets.padding import padded
from refocal.types import InputError

NEAR_PX, NEAR_SHARE = 0.5, 0.25
"""A radius counts as right within half a pixel, or a quarter of itself; the confidence is the probability of that."""

MIN_SCALE_PX = 0.05
"""Smallest scale of the radius's error, in pixels; it keeps the likelihood finite."""


@dataclass(frozen=True)
class Config:
    """Shape of the network, which works on luma; the defaults are those of the shipped ``default``.

    On the pairs of lytro_pairs the true luma with the blurred chroma is 37.4 dB from the sharp photo, 15 dB more than
    the blurred one: colour is not worth its cost.

    Attributes:
        unshuffle: Factor of the pixel-unshuffle before the first convolution.
        widths: Channels of each level, the finest first; each level is half the size of the one before.
        blocks: Residual blocks of each level, in the encoder and again in the decoder; the coarsest has them once.
        confidence_slope: The exported confidence c becomes that of log-odds ``confidence_slope`` log(c / (1 - c)) +
            ``confidence_offset``, so that it is the probability on photos; see ``benchmarks/calibrate.py``.
        confidence_offset: See there.
    """

    channels: ClassVar[int] = 1
    unshuffle: int = 2
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    confidence_slope: float = 1.0
    confidence_offset: float = 0.0

    def __post_init__(self) -> None:
        if not self.widths or len(self.widths) != len(self.blocks) or min(*self.widths, *self.blocks) < 1:
            raise InputError(f"Give as many widths as blocks, 1 or more each, not {self.widths} and {self.blocks}.")
        if self.unshuffle < 1:
            raise InputError("The network's unshuffle is at least 1.")


class Block(nn.Module):
    """x + conv(relu(conv(x))), 3 x 3, without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, H, W) to the same shape."""
        added: Tensor = self.second(functional.relu(self.first(features)))
        return features + added


class FocusUNet(nn.Module):
    """A photo (N, 1, H, W) in [0, 1] to the restored photo, the radius in pixels and the confidence, (N, 1, H, W) each.

    Only convolutions: every output pixel depends on its neighbourhood alone, so tiles agree with the whole photo. The
    radius is that of the circle of confusion. Its error is modelled as Laplace-distributed with a scale that the
    network predicts as well; the confidence is the probability that the radius is right within ``NEAR_PX`` or
    ``NEAR_SHARE`` of itself.

    Regions in focus are preserved by the method, not here: a gate in training would leave small radii without a
    gradient.
    """

    inputs = ("blurred",)
    outputs = ("restored", "radius_px", "confidence")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        unshuffled, widths = config.channels * config.unshuffle**2, config.widths
        self.multiple = config.unshuffle * 2 ** (len(widths) - 1)
        self.context_px = reach_px(config)
        self.head = nn.Conv2d(unshuffled, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, config.blocks, strict=True))
        self.decoder = nn.ModuleList(_blocks(w, n) for w, n in zip(widths[:-1], config.blocks[:-1], strict=True))
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in steps)
        self.tail = nn.Conv2d(widths[0], unshuffled, 3, padding=1)
        self.blur = nn.Conv2d(widths[0], 2, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restored photo, radius and scale of the radius's error in pixels, for any size; used in training."""
        predicted: tuple[Tensor, Tensor, Tensor] = padded(self.predict, (blurred,), self.multiple)
        return predicted

    def body(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restored photo, radius and confidence, for sides that are multiples of ``multiple``; exported."""
        restored, radius_px, scale_px = self.predict(blurred)
        near = (NEAR_SHARE * radius_px).clamp(min=NEAR_PX)
        # log(c / (1 - c)) of c = 1 - exp(-x) is log(exp(x) - 1); x is bounded, so that neither overflows.
        odds = torch.log(torch.expm1((near / scale_px).clamp(1e-3, 30.0)))
        confidence = torch.sigmoid(self.config.confidence_slope * odds + self.config.confidence_offset)
        return restored, radius_px, confidence

    def predict(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As ``forward``, for sides that are multiples of ``multiple``."""
        fine = self._features(functional.pixel_unshuffle(blurred, self.config.unshuffle))
        change = functional.pixel_shuffle(self.tail(fine), self.config.unshuffle)
        coarse = functional.softplus(self.blur(fine).float()) + MIN_SCALE_PX
        size = functional.interpolate(coarse, scale_factor=self.config.unshuffle, mode="bilinear", align_corners=False)
        radius_px, scale_px = (size - MIN_SCALE_PX)[:, :1], size[:, 1:]
        return blurred + change, radius_px, scale_px

    def _features(self, unshuffled: Tensor) -> Tensor:
        features, skips = self.head(unshuffled), []
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
    """Radius of the receptive field: the reach of every 3 x 3 convolution times the step of its grid, in pixels."""
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
