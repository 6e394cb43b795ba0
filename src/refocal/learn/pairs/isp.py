"""What a camera does to an image after the lens, in torch, for whole batches: noise, tone curve, sharpening, JPEG."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from refocal.images.jpeg import LUMA_TABLE


def s_curve(image: Tensor, slope: Tensor) -> Tensor:
    """An S-shaped tone curve on [0, 1] that keeps 0, 1/2 and 1; ``slope`` at 1/2. The inverse has the inverse slope."""
    image = image.clamp(0, 1)
    up, down = image**slope, (1 - image) ** slope
    return up / (up + down)


def with_noise(
    linear: Tensor, shot: Tensor, read: Tensor, random: torch.Generator, grain_px: Tensor | None = None
) -> Tensor:
    """Add noise of variance ``shot`` x + ``read``^2 to linear light x (Foi et al., TIP 2008).

    Args:
        linear: (N, 1, H, W).
        shot: Variance per unit of light.
        read: Standard deviation in the dark.
        random: Generator.
        grain_px: Sigma of the Gaussian (N, 1, 1, 1) that smooths the noise, whose variance is kept; None and 0 don't.
    """
    noise = torch.randn(linear.shape, generator=random, device=linear.device)
    if grain_px is not None:
        noise = _grained(noise, grain_px)
    return linear + (shot * linear.clamp(min=0) + read.square()).sqrt() * noise


def _grained(noise: Tensor, sigma_px: Tensor) -> Tensor:
    """White noise smoothed by a Gaussian, in the Fourier domain, at its old variance."""
    height, width = noise.shape[-2:]
    down = torch.fft.fftfreq(height, device=noise.device)[:, None]
    across = torch.fft.rfftfreq(width, device=noise.device)
    response = torch.exp(-2 * (math.pi * sigma_px) ** 2 * (down.square() + across.square()))
    whole = torch.exp(
        -2 * (math.pi * sigma_px) ** 2 * (down.square() + torch.fft.fftfreq(width, device=noise.device).square())
    )
    smooth = torch.fft.irfft2(torch.fft.rfft2(noise) * response, s=(height, width))
    return smooth / whole.square().mean((-2, -1), keepdim=True).sqrt()


def sharpened(image: Tensor, amount: Tensor, sigma_px: float) -> Tensor:
    """Unsharp mask: ``image`` + ``amount`` (image - Gaussian of it); (N, 1, H, W), edges mirrored."""
    reach = math.ceil(3 * sigma_px)
    row = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / sigma_px) ** 2)
    row = row / row.sum()
    grown = functional.pad(image, (reach,) * 4, mode="reflect")
    smooth = functional.conv2d(functional.conv2d(grown, row[None, None, None]), row[None, None, :, None])
    return image + amount * (image - smooth)


def jpeg(image: Tensor, quality: Tensor) -> Tensor:
    """Luma (N, 1, H, W) in [0, 1] after JPEG compression; sides are multiples of 8.

    Blocks, transform, tables and rounding are the format's (ITU-T T.81), the tables scaled as libjpeg does.

    Args:
        image: The luma.
        quality: (N, 1, 1, 1), whole numbers from 1 to 100.
    """
    height, width = image.shape[-2:]
    steps = _tables(quality.flatten()).to(image.dtype).reshape(-1, 1, 1, 8, 8)
    basis = _dct(image)
    blocks = image.reshape(-1, 1, height // 8, 8, width // 8, 8).permute(0, 2, 4, 1, 3, 5)[:, :, :, 0]
    frequencies = basis @ (255 * blocks - 128) @ basis.T
    blocks = basis.T @ ((frequencies / steps).round() * steps) @ basis
    levels = blocks.permute(0, 1, 3, 2, 4).reshape(-1, 1, height, width) + 128
    return levels.round().clamp(0, 255) / 255


def _tables(quality: Tensor) -> Tensor:
    """``images.jpeg.ijg_table`` of the luma for every quality (N,), on their device; (N, 8, 8)."""
    table = _luma_table(quality.device)
    scale = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)[:, None, None]
    return torch.floor((table * scale + 50) / 100).clamp(1, 255)


@lru_cache
def _luma_table(device: torch.device) -> Tensor:
    """The table of quality 50, (8, 8): copied to a device once, as a GPU waits for every copy from the host."""
    return torch.tensor(LUMA_TABLE, dtype=torch.float32, device=device).reshape(8, 8)


def _dct(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of 8 values, (8, 8)."""
    place = torch.arange(8, dtype=like.dtype, device=like.device)
    basis = torch.cos(math.pi / 8 * (place + 0.5) * place[:, None]) / 2
    basis[0] /= math.sqrt(2)
    return basis
