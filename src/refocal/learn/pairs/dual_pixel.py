"""Training pairs of dual-pixel photos, on the training device: two views and a photo from sharp crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.learn.pairs.depth_like import layered_radius
from refocal.learn.pairs.mapped import numpy_generator
from refocal.learn.pairs.uniform import luma8, rounded
from refocal.optics.dual_pixel import RING_SETS, render_views
from refocal.optics.kernels import Kernel, disk

RIM = 0.12
"""Softness of the rim to either side, as a fraction of the radius: that of a measured lens (the Pixel 4 of pixel4_dp),
whose rim is 2 to 3 px soft at radius 11."""

SOFT_DISKS = 5
"""Number of disks whose mean is the soft one."""


@dataclass(frozen=True)
class DualPixelPairs:
    """Both views and the combined photo of crops at drawn or measured depths, by ``optics.dual_pixel.render_views``.

    The circle of confusion is linear in inverse depth, so a plane of the scene is a ramp of signed radii. Drawn scenes
    are such planes, in front of and behind each other (``depth_like.layered_radius``); for crops packed with depth
    (``refocal crops --depth``) the inverse depth is scaled about a random plane of focus.

    Attributes:
        max_radius_px: Largest radius; that of each crop is a random fraction of it.
        least_share: Smallest such fraction.
        kernels: ``first`` of the twelve rings of the simulator, as in learnable_blur_kernel_defocusgan; one of all
            ``rings`` for each crop; ``disks`` with a soft rim; or ``both``, each for half of the crops.
        crosstalk: Largest fraction of the other view's light in each view. 0 in the simulator; with 0.12 the views of
            its lenses are as far apart as those of a Pixel 4 (0.46 radii; the ramp gives 0.61 for a ring of 8 px, the
            ring with the largest beta 0.5).
        uneven: Largest brightness ramp of each view over the crop, opposite in the other view: a sensor's vignetting
            differs from view to view. 0 in the simulator.
        noise_std: Largest standard deviation of the noise in each view; each crop has a random one from 0 on.
        border_px: Number of pixels cropped at each edge after rendering.
        grey: Fraction of the crops that have their luma in all channels.
        sharp: Fraction of the crops that are in focus everywhere.
    """

    max_radius_px: float = 24.0
    least_share: float = 0.1
    kernels: Literal["first", "rings", "disks", "both"] = "rings"
    crosstalk: float = 0.0
    uneven: float = 0.0
    noise_std: float = 0.0
    border_px: int = 0
    grey: float = 0.0
    sharp: float = 0.0

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``left``, ``right``, ``blurred``, ``sharp`` (N, 3, h, w), ``signed_px``, ``radius_px`` (N, 1, h, w).

        Args:
            crops: uint8 (N, H, W, 3), or 4 with the inverse depth as the last channel, 0 where it is unknown.
            random: Generator of scenes, kernels and errors.

        Returns:
            float32 by name; negative ``signed_px`` are in front of the plane of focus.
        """
        photo = (crops[..., :3].to(torch.float32) / 255).permute(0, 3, 1, 2)
        u01 = torch.rand((4, len(crops), 1, 1), generator=random, device=random.device)
        sharp = torch.where(u01[0, ..., None] < self.grey, luma8(crops), photo)
        limit = self.max_radius_px * (self.least_share + (1 - self.least_share) * u01[1])
        signed = layered_radius(len(crops), (crops.shape[1], crops.shape[2]), random, signed=True)
        if crops.shape[-1] == 4:
            depth = crops[..., 3].to(torch.float32) / 255
            measured = 2 * (u01[2] - depth)  # nearer than the plane in focus: larger inverse depth
            signed = torch.where((depth > 0).flatten(1).any(1)[:, None, None], measured, signed)
        signed = signed.clamp(-1, 1) * limit * (u01[3] >= self.sharp)
        left, right, combined = self._photograph(sharp, signed, random)
        inner = (..., *2 * (slice(self.border_px, -self.border_px or None),))
        return {
            "left": left[inner],
            "right": right[inner],
            "blurred": combined[inner],
            "sharp": sharp[inner],
            "signed_px": signed[:, None][inner],
            "radius_px": signed.abs()[:, None][inner],
        }

    def _photograph(self, sharp: Tensor, signed: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
        """Left, right and combined view, with crosstalk, vignetting and noise."""
        lenses = [
            _lens(int(pick), self.kernels)
            for pick in numpy_generator(random).integers(2 * len(RING_SETS), size=len(sharp))
        ]
        # One image after the other: lenses and radii differ, and each needs a few layers only.
        made = [render_views(photo, radii, lens) for photo, radii, lens in zip(sharp, signed, lenses, strict=True)]
        views = [torch.stack(part) for part in zip(*((one.left, one.right, one.combined) for one in made), strict=True)]
        shape = (len(sharp), 1, 1, 1)
        if self.crosstalk:
            other = self.crosstalk * torch.rand(shape, generator=random, device=sharp.device)
            left, right = srgb_to_linear(views[0]), srgb_to_linear(views[1])
            views[0] = linear_to_srgb((1 - other) * left + other * right)
            views[1] = linear_to_srgb((1 - other) * right + other * left)
        if self.uneven:
            slope = self.uneven * (2 * torch.rand((2, *shape), generator=random, device=sharp.device) - 1)
            across = torch.linspace(-1, 1, sharp.shape[-1], device=sharp.device)
            ramp = slope[0] * across + slope[1]
            views[0], views[1] = views[0] * (1 + ramp / 2), views[1] * (1 - ramp / 2)
        if self.noise_std:
            std = self.noise_std * torch.rand(shape, generator=random, device=sharp.device)
            noise = [std * torch.randn(sharp.shape, generator=random, device=sharp.device) for _ in range(2)]
            views = [views[0] + noise[0], views[1] + noise[1], views[2] + (noise[0] + noise[1]) / 2]
        return tuple(rounded(view) for view in views)


def _lens(pick: int, kernels: str) -> Callable[[float], Kernel]:
    if kernels == "first":
        return RING_SETS[0]
    if kernels == "disks" or (kernels == "both" and pick >= len(RING_SETS)):
        return soft_disk
    return RING_SETS[pick % len(RING_SETS)]


@lru_cache(maxsize=512)
def soft_disk(radius_px: float) -> Kernel:
    """A disk whose rim is as soft as a real lens's: the mean of disks of radii up to ``RIM`` larger and smaller."""
    disks = [disk(radius_px * (1 + share)) for share in np.linspace(-RIM, RIM, SOFT_DISKS)]
    side = max(len(kernel) for kernel in disks)
    kernel = np.mean([np.pad(kernel, (side - len(kernel)) // 2) for kernel in disks], axis=0)
    kernel.flags.writeable = False
    return kernel


def smooth3(views: Tensor) -> Tensor:
    """The 3 x 3 Gaussian of sigma 1.5 of BaMBNet's consistency loss; (N, C, H, W), edges mirrored."""
    row = torch.exp(-0.5 * (torch.arange(-1.0, 2, device=views.device) / 1.5) ** 2)
    row = row / row.sum()
    flat = functional.pad(views.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="reflect")
    return functional.conv2d(flat, torch.outer(row, row)[None, None])[:, 0].unflatten(0, views.shape[:2])
