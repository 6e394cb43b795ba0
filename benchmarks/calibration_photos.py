"""Photos under known blur of every kind, on which confidences are calibrated and checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from refocal.images.colour import linear_to_srgb, luma, srgb_to_linear
from refocal.images.io import read, to_float
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from refocal.types import Array

RADII_PX = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0)
MAX_SIDE_PX = 800
NEAR_PX, NEAR_SHARE = 0.5, 0.25
"""A radius is right within half a pixel, or a quarter of itself, as in ``refocal.learn.nets.focus_unet``."""


def photos(paths: list[Path], seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """Photo (1, H, W) of 8 bits, and its true radius (H, W): every second one has one radius, the others a ramp.

    Noise of 0 to 1.5 % is added, on half of the photos smoothed over a pixel. A tenth are without any texture.
    """
    random = np.random.default_rng(seed)
    for number, path in enumerate(paths):
        sharp = luma(to_float(read(path).pixels)).astype(np.float32)[:, :MAX_SIDE_PX, :MAX_SIDE_PX]
        if number % 10 == 9:
            sharp = np.full_like(sharp, random.random())
        radius = RADII_PX[number % len(RADII_PX)]
        light = srgb_to_linear(sharp)
        if number % 2 or radius == 0:
            truth = np.full(sharp.shape[1:], radius, np.float32)
            blurred = Psf(disk(radius)).apply(light) if radius else light
        else:
            grid = radius * (0.5 + random.random((4, 4)))
            truth = zoom(grid, [side / 4 for side in sharp.shape[1:]], order=1, grid_mode=True, mode="nearest")
            truth = truth[: sharp.shape[1], : sharp.shape[2]].astype(np.float32)
            blurred = BlurMap(truth).apply(light)
        noise = random.standard_normal(sharp.shape)
        noise = gaussian_filter(noise, (0, 1, 1)) if random.random() < 0.5 else noise
        photo = linear_to_srgb(blurred) + 0.015 * random.random() ** 2 * noise / noise.std()
        yield np.round(255 * np.clip(photo, 0, 1)).astype(np.float32) / 255, truth


def right(found_px: Array, true_px: Array) -> Array:
    """Where a radius is right, (H, W) bool."""
    near: Array = np.abs(found_px - true_px) <= np.maximum(NEAR_PX, NEAR_SHARE * true_px)
    return near
