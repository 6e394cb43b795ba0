"""The network that predicts the blur of every pixel from two dual-pixel views, and BaMBNet's, which it derives from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refocal.learn.nets.padding import padded
from refocal.learn.nets.residual_groups import WIDTH, Branch, conv, pyramid


@dataclass(frozen=True)
class Config:
    """Shape of the network.

    Attributes:
        branches: Kinds of branches, see ``residual_groups.Branch``; (1, 4, 7, 10) is BaMBNet's, with 4,497,731.
        limit_px: Maximum of the radius, at which it is clipped; 24 in the released program, 25 in the paper's text.
        channels: Number of channels of a view.
    """

    branches: tuple[int, ...] = (1, 4, 4, 7)
    limit_px: float = 24.0
    channels: int = 3


class DualPixelMap(nn.Module):
    """Left and right view (N, 3, H, W) in [0, 1] to the signed radius in pixels (N, 3, H, W), one for each colour.

    ``body``, which is exported, predicts the radius (N, 1, H, W): the largest absolute value of the three, as the
    released program uses it everywhere. Unsupervised training doesn't determine which sign is in front of the focus.

    Reference: the map network f of "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", eq. 1; the
    branches are those of BaMBNet (Liang et al., "BaMBNet: A Blur-aware Multi-branch Network for Defocus Deblurring",
    2021).
    """

    multiple = 16
    inputs = ("left", "right")
    outputs = ("radius_px",)

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.head = nn.Sequential(conv(2 * config.channels), nn.ReLU())
        self.branches = nn.ModuleList(Branch(kind) for kind in config.branches)
        self.tail = conv(WIDTH, config.channels)
        self.context_px = context_px(config.branches)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """The signed map of views of any size."""
        radius: Tensor = padded(self.signed, (left, right), self.multiple)
        return radius

    def body(self, left: Tensor, right: Tensor) -> Tensor:
        """The radius, for sides that are multiples of 16."""
        return self.signed(left, right).abs().amax(1, keepdim=True)

    def signed(self, left: Tensor, right: Tensor) -> Tensor:
        """The signed map, for sides that are multiples of 16."""
        head = self.head(torch.cat([left, right], 1))
        heads, features = pyramid(head), head
        for branch in self.branches:
            features = features + branch(heads)
        radius: Tensor = self.tail(features)
        return radius.clamp(-self.config.limit_px, self.config.limit_px)


def context_px(kinds: tuple[int, ...]) -> int:
    """Receptive field of branches of these kinds, except for attention, which uses means over the whole image.

    A group of n blocks reaches 2 n + 1 pixels of its resolution; the stages run at strides of 1, 2, 4, 8, 16, 8, 4 and
    2 pixels, and pooling and upsampling add at most 15 pixels each.
    """
    blocks = max(kinds) // 3
    return (2 * blocks + 1) * (1 + 2 + 4 + 8 + 16 + 8 + 4 + 2) + 2 * 15 + 2


def dual_pixel_map(config: Config = Config()) -> DualPixelMap:
    """Build the network, with fresh weights."""
    return DualPixelMap(config)
