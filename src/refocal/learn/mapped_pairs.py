"""Training pairs with a blur map: a photo blurred by disks that differ from pixel to pixel, and the map, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from refocal.learn.map_crops import STEPS_PER_PX
from refocal.optics.blur import BlurMap
from refocal.optics.map_generators import KINDS, NATIVE_SHAPE, combine, profiles, to_level
from refocal.types import InputError


@dataclass(frozen=True)
class MappedBlur:
    """The pairs of svbr_net, section 3.1: 13 kinds of maps, disks of 0.75 to 6 px, 8 bits, no noise.

    Attributes:
        maps: ``drawn`` draws a map by rule for every crop and tells it exactly; ``packed`` takes the exact and the spread
            map that ``refocal crops --maps`` has packed beside the photo, and tells the spread one; ``exact`` takes the
            packed ones, too, and tells the exact one.
        border_px: Crops are blurred first and lose so many pixels at each edge then, so that what is beyond the edge of the
            crop blurs into it as in a photo. 0 continues the crop by its edge pixels, as the paper does with its photos.
    """

    maps: Literal["drawn", "packed", "exact"] = "drawn"
    border_px: int = 0

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` and ``sharp`` (N, 3, h, w) and ``radius_px`` (N, 1, h, w), float32, from crops.

        Args:
            crops: uint8 (N, H, W, 3 or more): the photo; for ``packed`` and ``exact`` five channels, the two last being the
                exact and the spread radius in quarters of a pixel.
            random: Its seed draws the maps.

        Raises:
            InputError: If maps are asked for and the crops hold none.
        """
        if self.maps != "drawn" and crops.shape[-1] != 5:
            raise InputError("These crops hold no blur maps: pack them with refocal crops --maps.")
        sharp = (crops[..., :3].to(torch.float32) / 255).permute(0, 3, 1, 2)
        if self.maps == "drawn":
            chance = np.random.default_rng(random.initial_seed())
            drawn = np.stack([_window(chance, (crops.shape[1], crops.shape[2])) for _ in range(len(crops))])
            exact = told = torch.from_numpy(drawn).to(crops.device, non_blocking=True)
        else:
            exact = crops[..., 3].to(torch.float32) / STEPS_PER_PX
            told = crops[..., 4].to(torch.float32) / STEPS_PER_PX if self.maps == "packed" else exact
        blurred = blur(sharp, exact)
        inner = (..., *2 * (slice(self.border_px, -self.border_px or None),))
        return {"blurred": blurred[inner], "sharp": sharp[inner], "radius_px": told[:, None][inner]}


def blur(sharp: Tensor, radius_px: Tensor) -> Tensor:
    """Gather (N, 3, H, W) by the disks of (N, H, W), edges replicated; 8 bits, cut downwards as in the paper's program."""
    # On a CPU one picture after the other: each needs a few of the levels only. On a GPU that would be too many calls.
    size = 1 if sharp.device.type == "cpu" else len(sharp)
    parts = [
        BlurMap(radius, step_px=1 / STEPS_PER_PX, boundary="replicate", encoding="srgb").apply(photo)
        for photo, radius in zip(sharp.split(size), radius_px.split(size), strict=True)
    ]
    # What is 8 bits and unblurred must not fall a level by the last digit of a sum.
    return (torch.cat(parts).clamp(0, 1) * 255 + 1e-3).floor() / 255


def _window(chance: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A part of a map of the paper's size, or a map of the crop's own where that is larger."""
    kind = KINDS[chance.integers(len(KINDS))]
    whole = (max(NATIVE_SHAPE[0], shape[0]), max(NATIVE_SHAPE[1], shape[1]))
    down, across = profiles(kind, chance, whole)
    top, left = (int(chance.integers(size - part + 1)) for size, part in zip(whole, shape, strict=True))
    down = None if down is None else down[top : top + shape[0]]
    across = None if across is None else across[left : left + shape[1]]
    return np.broadcast_to(to_level(combine(down, across)), shape)
