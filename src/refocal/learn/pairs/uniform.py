"""The table of training pairs, made on the training device from sharp crops; and those with one blur for all pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from refocal.catalog import Entry
from refocal.images.colour import truncated_luma
from refocal.optics.blur import Psf
from refocal.types import InputError

PAIRS: dict[str, Entry] = {
    "mean": Entry(
        "refocal.learn.pairs.uniform:MeanBlur",
        "luma, mean of 5 x 5 pixels, rounded to 8 bits",
        paper="Aurangabadkar et al. 2024",
    ),
    "photographed": Entry(
        "refocal.learn.pairs.uniform:RealPairs", "luma of photographed pairs, from refocal crops --pairs"
    ),
    "mapped": Entry(
        "refocal.learn.pairs.mapped:MappedBlur",
        "colour under disks of 0.75 to 6 px that vary from pixel to pixel, with the map",
        paper="Karaali & Jung 2022",
    ),
    "depth-like": Entry(
        "refocal.learn.pairs.depth_like:LayeredSceneBlur",
        "colour blurred by planes and shapes at random depths, with the map",
    ),
    "dual-pixel": Entry(
        "refocal.learn.pairs.dual_pixel:DualPixelPairs",
        "both views of a dual-pixel sensor, the photo, and the signed map",
        paper="Abuolaim et al. 2021",
    ),
    "camera": Entry(
        "refocal.learn.pairs.camera:CameraPairs",
        "luma of scenes behind random lenses, photographed out of focus by a camera, with the map",
    ),
    "noise": Entry("refocal.learn.pairs.uniform:Noise", "luma with white noise, not blurred: for denoisers"),
}


@dataclass(frozen=True)
class MeanBlur:
    """The pairs of sharpness_loss, section V: luma, the mean of ``size_px`` x ``size_px`` pixels, 8 bits.

    The image is padded by its mirror image, as in the authors' released crops.

    Attributes:
        size_px: Side of the mean in pixels, odd; 5 in the paper.
    """

    size_px: int = 5

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` and ``sharp``, (N, 1, H, W) float32, from uint8 (N, H, W, 3), and the ``kernel``."""
        sharp = luma8(crops)
        kernel = torch.full((self.size_px, self.size_px), 1 / self.size_px**2, device=crops.device)
        blurred = Psf(kernel, encoding="srgb").apply(sharp)
        return {"blurred": rounded(blurred), "sharp": sharp, "kernel": kernel}


@dataclass(frozen=True)
class RealPairs:
    """Photographed pairs, luma."""

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` and ``sharp``, (N, 1, H, W) float32, from uint8 (N, H, W, 6), the sharp photo first.

        Raises:
            InputError: If the crops hold sharp photos only.
        """
        if crops.shape[-1] != 6:
            raise InputError("These crops are of sharp photos only: pack pairs with refocal crops --pairs.")
        return {"blurred": luma8(crops[..., 3:]), "sharp": luma8(crops[..., :3])}


@dataclass(frozen=True)
class Noise:
    """Luma under white Gaussian noise.

    Attributes:
        noise_std: Standard deviation, for values in [0, 1].
        spread: Range of each image's own deviation: ``noise_std`` divided by this to ``noise_std`` times this.
    """

    noise_std: float = 5 / 255
    spread: float = 1.0

    def __call__(self, crops: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Make ``blurred`` (the noisy image) and ``sharp``, (N, 1, H, W) float32, from uint8 (N, H, W, 3)."""
        sharp = luma8(crops)
        draw = torch.rand((len(sharp), 1, 1, 1), generator=random, device=sharp.device)
        noise_std = self.noise_std * self.spread ** (2 * draw - 1)
        noise = torch.randn(sharp.shape, generator=random, device=sharp.device)
        return {"blurred": sharp + noise_std * noise, "sharp": sharp}


def luma8(crops: Tensor) -> Tensor:
    """BT.601 luma, truncated to 8 bits as in the authors' crops.

    uint8 (N, H, W, 3 or more), or (N, H, W, 1) of luma, to float32 (N, 1, H, W) in [0, 1].
    """
    if crops.shape[-1] == 1:
        return (crops[..., 0] / 255)[:, None].to(torch.float32)
    levels = truncated_luma(*crops[..., :3].to(torch.int32).unbind(-1))
    return (levels / 255)[:, None].to(torch.float32)


def rounded(image: Tensor) -> Tensor:
    """Round to the nearest of 256 levels in [0, 1]."""
    return (image.clamp(0, 1) * 255).round() / 255
