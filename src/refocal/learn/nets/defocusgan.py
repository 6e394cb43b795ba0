"""DefocusGAN's generator: branches for small and large blur, at three scales, guided by a blur map in training only."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from refocal.learn.nets.dual_pixel_map import context_px
from refocal.learn.nets.padding import padded
from refocal.learn.nets.residual_groups import STAGES, WIDTH, Branch, conv, pyramid
from refocal.types import InputError


@dataclass(frozen=True)
class Config:
    """Shape of the network; the defaults are the released program's.

    Attributes:
        channels: Number of channels of the photo.
        branches: Kinds of branches, one for each range of radii, see ``residual_groups.Branch``.
        thresholds_px: Radii that separate the ranges, one fewer than branches; 1.9, 4.2, 6.2 in the released program.
        glue: Layers that join the scales: ``released``, or ``light``, with which the parameters are the published 4.59
            million. The paper doesn't describe them.
        scales: 3, or 1 for the ablation without the coarser ones (MS in Table 4).
        attention: False for the ablation without RCABs (Table 4).
    """

    channels: int = 3
    branches: tuple[int, ...] = (1, 4, 7, 10)
    thresholds_px: tuple[float, ...] = (1.9, 4.2, 6.2)
    glue: Literal["released", "light"] = "released"
    scales: Literal[1, 3] = 3
    attention: bool = True


class DefocusGAN(nn.Module):
    """Blurred (N, 3, H, W) in [0, 1] to restored (N, 3, H, W) in (0, 1).

    While it is guided, each branch's features are multiplied by the mask of its range of radii (fig. 2):

        F = sum_k (w m_k + 1 - w) f_k,

    m_k being 1 where the radius is in the branch's range. The weight w falls to 0 in training (``guidance``): then no
    map is needed. The coarser scales take every fourth and eighth pixel of the map, and the same thresholds, in pixels
    of the photo. They reuse stages of the branches, with the same weights: 1, 2, 7, 8 at a quarter, 1 and 7 at an
    eighth.

    Reference: "Learnable Blur Kernel for Single-Image Defocus Deblurring in the Wild", eq. 6 and fig. 2.
    """

    multiple = 16
    guided = True

    def __init__(self, config: Config) -> None:
        super().__init__()
        if len(config.thresholds_px) != len(config.branches) - 1:
            raise InputError(
                f"{len(config.branches)} branches are separated by {len(config.branches) - 1} thresholds, not "
                f"{len(config.thresholds_px)}: give config.branches and config.thresholds_px that agree."
            )
        self.config = config
        self.head = nn.Sequential(conv(config.channels), nn.ReLU())
        self.branches = nn.ModuleList(Branch(kind, config.attention, deepest_skip=False) for kind in config.branches)
        self.tail = conv(WIDTH, config.channels)
        self.glue = None
        if config.scales == 3:
            self.glue = _Released() if config.glue == "released" else _Light()
        # An upper bound: the coarser scales run half as many stages, or fewer, at strides of 4 and 8 px.
        self.context_px = context_px(config.branches) * (1 if config.scales == 1 else 3)

    def forward(self, blurred: Tensor, radius_px: Tensor | None = None, guidance: float = 0.0) -> Tensor:
        """Restore images of any size.

        Args:
            blurred: (N, 3, H, W).
            radius_px: (N, 1, H, W), for guidance; then the sides must be multiples of 16.
            guidance: The weight w in [0, 1].

        Raises:
            ValueError: If there is guidance without a map.
        """
        if not guidance:
            restored: Tensor = padded(self.body, (blurred,), self.multiple)
            return restored
        if radius_px is None:
            raise ValueError("Guidance needs a map: give radius_px.")
        return self._run(blurred, [w.to(blurred.dtype) for w in self._shares(radius_px, guidance)])

    def body(self, blurred: Tensor) -> Tensor:
        """The same without guidance, for sides that are multiples of 16."""
        return self._run(blurred, None)

    def _shares(self, radius_px: Tensor, guidance: float) -> list[Tensor]:
        """The masks w m_k + 1 - w of all branches, (N, 1, H, W) each."""
        edges = (0.0, *self.config.thresholds_px, float("inf"))
        return [
            guidance * ((radius_px >= low) & (radius_px < high)) + (1 - guidance)
            for low, high in itertools.pairwise(edges)
        ]

    def _run(self, blurred: Tensor, shares: list[Tensor] | None) -> Tensor:
        head = self.head(blurred)
        heads = pyramid(head)
        fine = self._sum([branch(heads) for branch in self.branches], shares, 1)
        features = head + fine
        if self.glue is not None:
            x4 = self.glue.to_quarter(fine)
            f4 = self._sum([_quarter(branch, x4) for branch in self.branches], shares, 4)
            x8 = self.glue.to_eighth(f4)
            f8 = self._sum([branch.stage(7, branch.stage(1, x8)) for branch in self.branches], shares, 8) + x8
            features = features + self.glue.up(f8, f4, x4)
        restored: Tensor = torch.sigmoid(self.tail(features))
        return restored

    @staticmethod
    def _sum(parts: list[Tensor], shares: list[Tensor] | None, step: int) -> Tensor:
        if shares is not None:
            parts = [part * share[..., ::step, ::step] for part, share in zip(parts, shares, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


def guidance(update: int, updates: float = 2e4) -> float:
    """exp(-(2 t / T)^2), the weight of the guidance; from t = T on, where it is below 0.0184, it is 0.

    Args:
        update: Number of updates done, t.
        updates: T; 20,000 in the released program.
    """
    return math.exp(-((2 * update / updates) ** 2)) if update < updates else 0.0


def defocusgan(config: Config = Config()) -> DefocusGAN:
    """Build the network, with fresh weights."""
    return DefocusGAN(config)


def _quarter(branch: Branch, x: Tensor) -> Tensor:
    """A branch's stages 1, 2, 7 and 8, with the skip around the inner two."""
    first = branch.stage(1, x)
    return branch.stage(STAGES, branch.stage(STAGES - 1, branch.stage(2, first)) + first)


def _twice(inner: int = WIDTH) -> nn.Sequential:
    return nn.Sequential(conv(inner, bias=False), nn.ReLU(), conv(bias=False), nn.ReLU())


def _enlarge() -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(WIDTH, WIDTH, 2, stride=2)


class _Released(nn.Module):
    """Layers that join the scales in the released program: two convolutions after every change of size."""

    def __init__(self) -> None:
        super().__init__()
        self.to_quarter = nn.Sequential(nn.MaxPool2d(4), _twice())
        self.to_eighth = nn.Sequential(nn.MaxPool2d(2), _twice())
        self.join = _twice(2 * WIDTH)
        self.enlarge = nn.Sequential(_enlarge(), _twice(), _enlarge())

    def up(self, f8: Tensor, f4: Tensor, x4: Tensor) -> Tensor:
        """Features at an eighth and a quarter of the size to full size."""
        doubled = nn.functional.interpolate(f8, scale_factor=2, mode="bilinear", align_corners=True)
        y: Tensor = self.enlarge(f4 + self.join(torch.cat([doubled, x4], 1)))
        return y


class _Light(nn.Module):
    """One convolution per reduction and one transposed convolution: closest to the published parameter count."""

    def __init__(self) -> None:
        super().__init__()
        self.to_quarter = nn.Sequential(nn.MaxPool2d(4), conv())
        self.to_eighth = nn.Sequential(nn.MaxPool2d(2), conv())
        self.enlarge = _enlarge()

    def up(self, f8: Tensor, f4: Tensor, x4: Tensor) -> Tensor:
        """As in ``_Released``."""
        return nn.functional.interpolate(f4 + self.enlarge(f8), scale_factor=4, mode="nearest")
