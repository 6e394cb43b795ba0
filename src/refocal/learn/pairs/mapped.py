"""Training pairs with a blur map: a photo blurred by disks that vary from pixel to pixel, and an exact or wrong map."""

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
        maps: ``drawn`` draws a random map for every crop and returns it exactly; ``packed`` blurs with the exact map
            that ``refocal crops --maps`` has packed beside the photo, and returns the propagated one packed with it;
            ``exact`` blurs with the packed exact map and returns it.
        border_px: Number of pixels cropped at each edge after blurring, so that light from beyond the edge blurs into
            the crop as in a photo. 0 pads the crop with its edge pixels, as the paper does with its photos.
        noise_px: Standard deviation of an error of the returned map, in pixels: a constant per crop, and smooth noise
            about 16 px wide of the same size. Not in the paper: estimators err at edges, too.
        grey: Whether all three channels are the photo's luma. Not in the paper: short trainings shift colours, and
            ``methods.svbr_net`` runs the network on luma only.
    """

    maps: Literal["drawn", "packed", "exact"] = "drawn"
    border_px: int = 0
    noise_px: float = 0.0
    grey: bool = False

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` and ``sharp`` (N, 3, h, w) and ``radius_px`` (N, 1, h, w), float32, from crops.

        Args:
            crops: uint8 (N, H, W, 3 or more): the photo; for ``packed`` and ``exact`` five channels, the two last being
                the exact and the propagated radius in quarters of a pixel.
            random: Generator of maps and errors.

        Raises:
            InputError: If packed maps are needed and the crops hold none.
        """
        if self.maps != "drawn" and crops.shape[-1] != 5:
            raise InputError("These crops hold no blur maps: pack them with refocal crops --maps.")
        sharp = (crops[..., :3].to(torch.float32) / 255).permute(0, 3, 1, 2)
        if self.grey:
            sharp = luma8(crops).expand_as(sharp)
        if self.maps == "drawn":
            generator = numpy_generator(random)
            drawn = np.stack([window(generator, (crops.shape[1], crops.shape[2])) for _ in range(len(crops))])
            exact = given = torch.from_numpy(drawn).to(crops.device, non_blocking=True)
        else:
            exact = crops[..., 3].to(torch.float32) / STEPS_PER_PX
            given = crops[..., 4].to(torch.float32) / STEPS_PER_PX if self.maps == "packed" else exact
        blurred = blur(sharp, exact)
        if self.noise_px:
            given = (given + self.noise_px * _errors(given, random)).clamp(min=0)
        inner = (..., *2 * (slice(self.border_px, -self.border_px or None),))
        return {"blurred": blurred[inner], "sharp": sharp[inner], "radius_px": given[:, None][inner]}


def blur(sharp: Tensor, radius_px: Tensor) -> Tensor:
    """Gather (N, 3, H, W) by the disks of (N, H, W), edges replicated; truncated to 8 bits like the authors'."""

    def operator(radius: Tensor) -> BlurMap:
        return BlurMap(radius, step_px=STEP_PX, boundary="replicate", encoding="srgb")

    # The offset keeps unblurred 8-bit values at their level despite rounding errors of the sum.
    return (blur_each(sharp, radius_px, operator).clamp(0, 1) * 255 + 1e-3).floor() / 255


def blur_each(sharp: Tensor, radius_px: Tensor, operator: Callable[[Tensor], BlurMap]) -> Tensor:
    """Blur a batch (N, C, H, W) by the operators of its maps (N, H, W).

    On a CPU one image after the other, as each needs a few of the levels only. On a GPU that would be too many calls.
    """
    size = 1 if sharp.device.type == "cpu" else len(sharp)
    parts = zip(sharp.split(size), radius_px.split(size), strict=True)
    return torch.cat([operator(radius).apply(photo) for photo, radius in parts])


def numpy_generator(random: torch.Generator) -> np.random.Generator:
    """A NumPy generator seeded from torch's, which advances: another one for each batch."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=random, device=random.device)))


def _errors(maps: Tensor, random: torch.Generator) -> Tensor:
    """A constant and smooth noise, each of standard deviation 1, for maps (N, H, W)."""
    count, height, width = maps.shape
    offset = torch.randn((count, 1, 1), generator=random, device=maps.device)
    coarse = (count, 1, height // 16 + 2, width // 16 + 2)
    smooth = torch.randn(coarse, generator=random, device=maps.device)
    return offset + functional.interpolate(smooth, (height, width), mode="bicubic")[:, 0]
