"""Training pairs with a blur map: a photo blurred by disks that differ from pixel to pixel, and the map, right or
wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refocal.datasets.radius_maps import window
from refocal.learn.crops.blur_maps import STEPS_PER_PX
from refocal.learn.pairs.uniform import luma8
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import STEP_PX
from refocal.types import InputError


@dataclass(frozen=True)
class MappedBlur:
    """The pairs of svbr_net, section 3.1: 13 kinds of maps, disks of 0.75 to 6 px, 8 bits, no noise.

    Attributes:
        maps: ``drawn`` draws a map by rule for every crop and tells it exactly; ``packed`` takes the exact and the
            spread map that ``refocal crops --maps`` has packed beside the photo, and tells the spread one; ``exact``
            takes the packed ones, too, and tells the exact one.
        border_px: Crops are blurred first and lose so many pixels at each edge then, so that what is beyond the edge of
            the crop blurs into it as in a photo. 0 continues the crop by its edge pixels, as the paper does with its
            photos.
        noise_px: What is told errs besides, by an offset of this standard deviation in each crop and as much again in
            blotches some 16 px wide. Not in the paper: estimators err at edges, too.
        grey: The photo's luma stands for all three channels. Not in the paper: what a short training gets wrong is
            colours, and ``methods.svbr_net`` lets the network see the luma only.
    """

    maps: Literal["drawn", "packed", "exact"] = "drawn"
    border_px: int = 0
    noise_px: float = 0.0
    grey: bool = False

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` and ``sharp`` (N, 3, h, w) and ``radius_px`` (N, 1, h, w), float32, from crops.

        Args:
            crops: uint8 (N, H, W, 3 or more): the photo; for ``packed`` and ``exact`` five channels, the two last being
                the exact and the spread radius in quarters of a pixel.
            random: Draws the maps and their errors.

        Raises:
            InputError: If maps are asked for and the crops hold none.
        """
        if self.maps != "drawn" and crops.shape[-1] != 5:
            raise InputError("These crops hold no blur maps: pack them with refocal crops --maps.")
        sharp = (crops[..., :3].to(torch.float32) / 255).permute(0, 3, 1, 2)
        if self.grey:
            sharp = luma8(crops).expand_as(sharp)
        if self.maps == "drawn":
            chance = numpy_chance(random)
            drawn = np.stack([window(chance, (crops.shape[1], crops.shape[2])) for _ in range(len(crops))])
            exact = told = torch.from_numpy(drawn).to(crops.device, non_blocking=True)
        else:
            exact = crops[..., 3].to(torch.float32) / STEPS_PER_PX
            told = crops[..., 4].to(torch.float32) / STEPS_PER_PX if self.maps == "packed" else exact
        blurred = blur(sharp, exact)
        if self.noise_px:
            told = (told + self.noise_px * _errors(told, random)).clamp(min=0)
        inner = (..., *2 * (slice(self.border_px, -self.border_px or None),))
        return {"blurred": blurred[inner], "sharp": sharp[inner], "radius_px": told[:, None][inner]}


def blur(sharp: Tensor, radius_px: Tensor) -> Tensor:
    """Gather (N, 3, H, W) by the disks of (N, H, W), edges replicated; 8 bits, cut downwards as in the paper's
    program.
    """

    def operator(radius: Tensor) -> BlurMap:
        return BlurMap(radius, step_px=STEP_PX, boundary="replicate", encoding="srgb")

    # What is 8 bits and unblurred must not fall a level by the last digit of a sum.
    return (blur_each(sharp, radius_px, operator).clamp(0, 1) * 255 + 1e-3).floor() / 255


def blur_each(sharp: Tensor, radius_px: Tensor, operator: Callable[[Tensor], BlurMap]) -> Tensor:
    """Blur a batch (N, C, H, W) by the operators of its maps (N, H, W).

    On a CPU one picture after the other: each needs a few of the levels only. On a GPU that would be too many calls.
    """
    size = 1 if sharp.device.type == "cpu" else len(sharp)
    parts = zip(sharp.split(size), radius_px.split(size), strict=True)
    return torch.cat([operator(radius).apply(photo) for photo, radius in parts])


def numpy_chance(random: torch.Generator) -> np.random.Generator:
    """A generator for NumPy that hangs on torch's, and moves it on: another one for each batch."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=random, device=random.device)))


def _errors(told: Tensor, random: torch.Generator) -> Tensor:
    """An offset and blotches, each of standard deviation 1, for maps (N, H, W)."""
    count, height, width = told.shape
    offset = torch.randn((count, 1, 1), generator=random, device=told.device)
    coarse = (count, 1, height // 16 + 2, width // 16 + 2)
    blotches = torch.randn(coarse, generator=random, device=told.device)
    return offset + functional.interpolate(blotches, (height, width), mode="bicubic")[:, 0]
