"""Random shapes in training scenes: masks of objects, and surfaces without texture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from refocal.learn.pairs.selection import host_int

BAR_PROBABILITY = 0.3
"""Fraction of the objects that are bars (twigs, poles, frames); the others are blobs."""

SMOOTH_SIDES = (1, 9)
"""Range of the number of pixels a side that a crop without texture is enlarged from."""


def uniform(count: int, random: torch.Generator) -> Tensor:
    """Numbers from 0 to 1, (count, 1, 1, 1)."""
    return torch.rand((count, 1, 1, 1), generator=random, device=random.device)


def smoothed(sharp: Tensor, random: torch.Generator, host: torch.Generator) -> Tensor:
    """The crops without their texture, all over or in parts; a fifth of these places are black, a fifth are white."""
    count = len(sharp)
    side = host_int(*SMOOTH_SIDES, host)
    few = functional.adaptive_avg_pool2d(sharp, side)
    plain = functional.interpolate(few, size=sharp.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)
    tone = uniform(count, random)
    plain = torch.where(tone < 0.2, torch.zeros_like(plain), torch.where(tone > 0.8, torch.ones_like(plain), plain))
    inside = torch.where(uniform(count, random) < 0.5, masks(sharp, random, host), torch.ones_like(sharp))
    return inside * plain + (1 - inside) * sharp


def masks(like: Tensor, random: torch.Generator, host: torch.Generator) -> Tensor:
    """Masks of objects: blobs, large or small, and bars, thick or thin; (N, 1, H, W) with edges one pixel soft."""
    count, size = len(like), like.shape[-2:]
    grid = host_int(3, 11, host)
    noise = torch.rand((count, 1, grid, grid), generator=random, device=like.device)
    blob = functional.interpolate(noise, size=size, mode="bicubic", align_corners=True)
    blob = blob - (0.35 + 0.3 * uniform(count, random))
    angle, middle, half = (uniform(count, random) for _ in range(3))
    row, column = (torch.linspace(-1, 1, side, device=like.device) for side in size)
    across = torch.cos(math.pi * angle) * column + torch.sin(math.pi * angle) * row[:, None] - (2 * middle - 1)
    bar = (0.02 + 0.25 * half**2) - across.abs()
    inside = torch.where(uniform(count, random) < BAR_PROBABILITY, bar, blob)
    steep = torch.stack(torch.gradient(inside, dim=(-2, -1))).square().sum(0).sqrt().clamp(min=1e-4)
    return (0.5 + inside / steep).clamp(0, 1)
