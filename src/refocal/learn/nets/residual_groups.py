"""The stages of BaMBNet, the dual-pixel map network and DefocusGAN, in branches of eight.

Learnable blur kernel and DefocusGAN, figs. 1 and 2; numbers as in the authors' released programs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

WIDTH = 64
"""Number of features of every layer."""

STAGES = 8
"""Stages of a branch: four down, four up."""

SQUEEZE = 16
"""Reduction of the features in channel attention."""


class ChannelAttention(nn.Module):
    """Each feature times a weight in (0, 1), computed from the means of all features over the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH // SQUEEZE, 1), nn.ReLU(), nn.Conv2d(WIDTH // SQUEEZE, WIDTH, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 64, H, W) to the same shape."""
        y: Tensor = x * self.weigh(x.mean((2, 3), keepdim=True))
        return y


class RCAB(nn.Module):
    """Residual channel attention block: convolutions and attention, added to the input (Zhang et al., ECCV 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(), nn.ReLU(), conv(), ChannelAttention())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 64, H, W) to the same shape."""
        y: Tensor = x + self.body(x)
        return y


class ResidualGroup(nn.Module):
    """Blocks and a convolution, added to the input.

    Args:
        blocks: Number of blocks.
        attention: Whether they are RCABs, or two plain convolutions each: the base of Table 4.
    """

    def __init__(self, blocks: int, attention: bool = True) -> None:
        super().__init__()
        plain = (nn.Sequential(conv(), nn.ReLU(), conv(), nn.ReLU()) for _ in range(blocks))
        self.body = nn.Sequential(*((RCAB() for _ in range(blocks)) if attention else plain), conv())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 64, H, W) to the same shape."""
        y: Tensor = x + self.body(x)
        return y


class Branch(nn.Module):
    """Eight stages. Of kind 1 they are 1x1 convolutions at full size; of kind k, groups of k // 3 blocks in a U.

    Args:
        kind: 1, 4, 7 or 10: 1 + 3 blocks per group.
        attention: See ``ResidualGroup``.
        deepest_skip: Whether the third stage's output is added to the sixth's input, besides the second's to the
            seventh's and the first's to the eighth's. DefocusGAN leaves it out.
    """

    def __init__(self, kind: int, attention: bool = True, deepest_skip: bool = True) -> None:
        super().__init__()
        self.flat, self.deepest_skip = kind == 1, deepest_skip
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1), nn.ReLU()) if self.flat else ResidualGroup(kind // 3, attention)
            for _ in range(STAGES)
        )

    def forward(self, heads: Sequence[Tensor]) -> Tensor:
        """From the head's features at 1, 1/2, 1/4, 1/8 and 1/16 (``pyramid``) to features at full size."""
        deepest = 3 if self.deepest_skip else 2  # 3 -> 6, 2 -> 7, 1 -> 8
        kept: dict[int, Tensor] = {}
        x = heads[0]
        for number in range(1, STAGES + 1):
            if number > 1:
                x = x + heads[0 if self.flat else min(number - 1, STAGES + 1 - number)]
            if number - STAGES + deepest >= 1:
                x = x + kept[STAGES + 1 - number]
            x = kept[number] = self.stage(number, x)
        return x

    def stage(self, number: int, x: Tensor) -> Tensor:
        """One stage, from 1: its group, then half the size in the first four and twice the size in the others."""
        x = self.stages[number - 1](x)
        if self.flat:
            return x
        if number <= STAGES // 2:
            return nn.functional.max_pool2d(x, 2)
        return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def pyramid(head: Tensor) -> list[Tensor]:
    """Means of 1, 2 x 2, ..., 16 x 16 pixels."""
    levels = [head]
    for _ in range(STAGES // 2):
        levels.append(nn.functional.avg_pool2d(levels[-1], 2))
    return levels


def conv(inner: int = WIDTH, outer: int = WIDTH, bias: bool = True) -> nn.Conv2d:
    """3 x 3 convolution that keeps the size."""
    return nn.Conv2d(inner, outer, 3, padding=1, bias=bias)
