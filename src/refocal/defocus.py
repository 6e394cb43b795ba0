"""A sharp photo taken out of focus: what ``refocal blur`` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.io import from_float, read, to_float, write
from refocal.map_files import read_depth
from refocal.optics.blur import Psf
from refocal.optics.kernels import family_kernel
from refocal.optics.render import render_depth
from refocal.optics.thin_lens import ThinLens
from refocal.types import Image, InputError

MAX_RADIUS_PX = 500
"""Larger kernels take more memory than the photo."""


def defocus_file(
    source: Path, target: Path, lens: float | tuple[Path, ThinLens], family: str, noise: tuple[float, int], overwrite: bool
) -> tuple[str, ...]:
    """Blur a sharp photo with a lens's out-of-focus light and write it.

    Args:
        source: The sharp photo.
        target: The photo to write.
        lens: The radius of a uniform blur in pixels, or a depth map's file and the lens that looks at it.
        family: Which kernels, see ``optics.kernels.FAMILIES``.
        noise: Standard deviation of Gaussian noise, added to the encoded photo whose range is [0, 1]; and its seed.
        overwrite: Replace a file of this name.

    Returns:
        Sentences about what reading and writing changed.

    Raises:
        InputError: If a file can't be read or written, or the sizes differ.
    """
    photo = read(source)
    image = to_float(photo.pixels)
    if isinstance(lens, tuple):
        depth_m = read_depth(lens[0])
        farthest = float(np.abs(lens[1].signed_radius_px(depth_m)).max())
        if not farthest <= MAX_RADIUS_PX:
            raise InputError(
                f"With this lens {lens[0]} gives a blur radius of {farthest:,.0f} px, and the limit is {MAX_RADIUS_PX}; "
                "check the depths and the pixel pitch."
            )
        image = render_depth(image, depth_m, lens[1], family=family)
    else:
        image = defocus(image, lens, family)
    noise_std, seed = noise
    if noise_std > 0:
        image += noise_std * np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    blurred = replace(photo, pixels=from_float(image, photo.pixels.dtype))
    return (*photo.notes, *write(target, blurred, overwrite=overwrite))


def defocus(sharp: Image, radius_px: float, family: str) -> Image:
    """Blur (C, H, W) in [0, 1], sRGB, uniformly; the light is added up linearly."""
    light = Psf(family_kernel(family, radius_px)).apply(srgb_to_linear(sharp))
    return linear_to_srgb(np.clip(light, 0.0, 1.0))
