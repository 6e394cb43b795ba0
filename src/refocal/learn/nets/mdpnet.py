"""MDPNet of Abuolaim, Afifi and Brown 2022: from one photo to the restored one and both dual-pixel views."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.dpdnet import convolutions, enlarge, to_image
from refocal.learn.nets.padding import padded

TASKS = ("restored", "left", "right")


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the authors'.

    Attributes:
        channels: Number of channels of the image; 3 is colour.
        base: Filters at full size, doubled at each of the four levels below.
    """

    channels: int = 3
    base: int = 64


class MDPNet(nn.Module):
    """Blurred (N, C, H, W) in [0, 1] to the restored, the left and the right view, each (N, C, H, W) in (0, 1).

    A U-Net like DPDNet's (``refocal.learn.nets.dpdnet``) with one convolution instead of two at the two coarsest
    levels, and with one decoder for each of the three images. The decoders are independent up to half size; from there
    on each takes the features of all three.

    Reference: Abuolaim, Afifi, Brown, "Improving Single-Image Defocus Deblurring: How Dual-Pixel Images Help Through
    Multi-Task Learning", WACV 2022; layers as in the authors' released code.
    """

    multiple = 16
    outputs = TASKS
    context_px = 91
    """Receptive field, as tested."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        one, two, four, eight = (config.base * 2**i for i in range(4))
        levels = ((config.channels, one, 2), (one, two, 2), (two, four, 2), (four, eight, 1))
        self.encoder = nn.ModuleList(convolutions(*level) for level in levels)
        self.early = nn.ModuleDict({task: _Early(two, four, eight) for task in TASKS})
        self.late = nn.ModuleDict({task: _Late(one, two, config.channels) for task in TASKS})

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict the three images, for sides of any length."""
        images: tuple[Tensor, Tensor, Tensor] = padded(self.body, (blurred,), self.multiple)
        return images

    def body(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same for sides that are multiples of 16."""
        feature, skips = blurred, []
        for i, level in enumerate(self.encoder):
            feature = level(nn.functional.max_pool2d(feature, 2) if i else feature)
            skips.append(feature)
        full, half, *coarse = skips
        early = {task: self.early[task](*coarse) for task in TASKS}
        # Concatenated in the authors' order.
        known = torch.cat([half, early["left"], early["right"], early["restored"]], dim=1)
        restored, left, right = (self.late[task](known, full) for task in TASKS)
        return restored, left, right


class _Early(nn.Module):
    """The independent part of a decoder, from 1/16 up to half size."""

    def __init__(self, two: int, four: int, eight: int) -> None:
        super().__init__()
        self.bridge = convolutions(eight, 2 * eight, 1)
        self.up_8, self.at_8 = enlarge(2 * eight, eight), convolutions(2 * eight, eight, 1)
        self.up_4, self.at_4 = enlarge(eight, four), convolutions(2 * four, four, 2)
        self.up_2 = enlarge(four, two)

    def forward(self, at_4: Tensor, at_8: Tensor) -> Tensor:
        """The encoder's features at 1/4 and 1/8."""
        feature = self.bridge(nn.functional.max_pool2d(at_8, 2))
        feature = self.at_8(torch.cat([at_8, self.up_8(feature)], dim=1))
        half: Tensor = self.up_2(self.at_4(torch.cat([at_4, self.up_4(feature)], dim=1)))
        return half


class _Late(nn.Module):
    """The rest of a decoder, from half size, on the features of the encoder and of all three decoders."""

    def __init__(self, one: int, two: int, channels: int) -> None:
        super().__init__()
        self.at_2 = convolutions((1 + len(TASKS)) * two, two, 2)
        self.up_1, self.at_1 = enlarge(two, one), convolutions(2 * one, one, 2)
        self.out = to_image(one, channels)

    def forward(self, known: Tensor, full: Tensor) -> Tensor:
        larger = self.up_1(self.at_2(known))
        image: Tensor = self.out(self.at_1(torch.cat([full, larger], dim=1)))
        return image


def mdpnet(config: Config | None = None) -> MDPNet:
    """Build the network, with fresh weights."""
    return MDPNet(config or Config())
