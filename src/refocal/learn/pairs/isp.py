"""What a camera does to a picture after the lens, in torch, for whole batches: noise, tone curve, sharpening, JPEG."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

JPEG_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of the luma at quality 50: ITU-T T.81, table K.1."""


def steeper(image: Tensor, slope: Tensor) -> Tensor:
    """An S-shaped tone curve on [0, 1] that keeps 0, 1/2 and 1; ``slope`` at 1/2. The inverse has the inverse slope."""
    image = image.clamp(0, 1)
    up, down = image**slope, (1 - image) ** slope
    return up / (up + down)


def with_noise(linear: Tensor, shot: Tensor, read: Tensor, random: torch.Generator) -> Tensor:
    """Add noise of variance ``shot`` x + ``read``^2 to linear light x (Foi et al., TIP 2008)."""
    noise = torch.randn(linear.shape, generator=random, device=linear.device)
    return linear + (shot * linear.clamp(min=0) + read.square()).sqrt() * noise


def sharpened(image: Tensor, amount: Tensor, sigma_px: float) -> Tensor:
    """Unsharp mask: ``image`` + ``amount`` (image - Gaussian of it); (N, 1, H, W), edges mirrored."""
    reach = math.ceil(3 * sigma_px)
    row = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / sigma_px) ** 2)
    row = row / row.sum()
    grown = functional.pad(image, (reach,) * 4, mode="reflect")
    smooth = functional.conv2d(functional.conv2d(grown, row[None, None, None]), row[None, None, :, None])
    return image + amount * (image - smooth)


def jpeg(image: Tensor, quality: Tensor) -> Tensor:
    """The luma as a JPEG file of a quality (N, 1, 1, 1), 1 to 100, gives it back; (N, 1, H, W), sides multiples of 8.

    Blocks, transform, tables and rounding are the format's (ITU-T T.81), the tables scaled as libjpeg does.
    """
    height, width = image.shape[-2:]
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    table = torch.tensor(JPEG_LUMA, dtype=image.dtype, device=image.device)
    steps = ((table * scale[..., None] + 50) / 100).floor().clamp(1, 255)
    basis = _dct(image)
    blocks = image.reshape(-1, 1, height // 8, 8, width // 8, 8).permute(0, 2, 4, 1, 3, 5)[:, :, :, 0]
    frequencies = basis @ (255 * blocks - 128) @ basis.T
    steps = steps.reshape(-1, 1, 1, 8, 8)
    blocks = basis.T @ ((frequencies / steps).round() * steps) @ basis
    levels = blocks.permute(0, 1, 3, 2, 4).reshape(-1, 1, height, width) + 128
    return levels.round().clamp(0, 255) / 255


def _dct(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of 8 values, (8, 8)."""
    place = torch.arange(8, dtype=like.dtype, device=like.device)
    basis = torch.cos(math.pi / 8 * (place + 0.5) * place[:, None]) / 2
    basis[0] /= math.sqrt(2)
    return basis
