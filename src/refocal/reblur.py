"""Fidelity: a restored photo, blurred again by its blur map, must give the photo that was taken.

The check needs no sharp reference. It finds what a result adds that the photo contradicts; it can't find what the blur
removes altogether, as every such detail fits the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from refocal.images.colour import linear_to_srgb, luma, srgb_to_linear
from refocal.images.edges import estimate_noise
from refocal.images.inputs import open_picture
from refocal.images.tiles import Region, apply_tiled
from refocal.optics.blur import BlurMap
from refocal.types import Array, Image

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image as PilImage

# A disk of half a pixel lies inside one pixel: it changes nothing, and so is explained by anything.
MIN_RADIUS_PX = 0.5
# Squared differences are averaged over this square, so that noise averages out before it is subtracted.
WINDOW_PX = 17
# Differences below one grey level of 255 can't be seen: the picture shows them as explained.
VISIBLE = 1 / 255
# What the rounding to 8 bits makes of a flat grey: mean square of at most half a level.
ROUNDING = VISIBLE**2 / 12
# Radii within a tile are interpolated between at most this many kernels; the default map's radii vary smoothly.
_LEVELS = 8
_TILE_PX = 512
_ROWS = 256  # converted at a time


@dataclass(frozen=True, eq=False)
class Fidelity:
    """How far a result, blurred again, explains the photo.

    Attributes:
        explained: The share of the photo's blurred detail that it explains, 0 to 1. 1: the result, blurred again, is
            the photo up to its noise. 0: no better than the photo itself in the place of the result, or worse. None if
            nothing is blurred, or has detail above the noise.
        kept: The share of the blurred detail where the result is the photo unchanged, 0 to 1: there it explains
            nothing, and adds nothing that could be untrue.
        plane: (H, W) float32, how far each place is explained, 0 to 1; 1 where there is nothing to explain.
    """

    explained: float | None
    kept: float
    plane: NDArray[np.float32]


def fidelity(
    blurred: str | Path | bytes | PilImage | NDArray[Any],
    restored: str | Path | bytes | PilImage | NDArray[Any],
    radius_px: NDArray[Any],
) -> Fidelity:
    """Blur a result again and compare it with the photo, such as ``fidelity(photo, both.image, both.radius_px)``.

    Args:
        blurred: The photo before restoring; the kinds of image that ``deblur`` takes.
        restored: The result, of the same size.
        radius_px: (H, W), the radius of the blur in pixels.

    Raises:
        InputError: If a photo can't be read, the sizes differ, or a radius is negative or not finite.
    """
    before, after = (open_picture(picture)[0].in_srgb() for picture in (blurred, restored))
    return compare(lightness(before), lightness(after), radius_px)


def lightness(image: Image) -> Array:
    """(H, W) float32: the luma of the linear light of (1 or 3, H, W) in sRGB, in sRGB's encoding again."""
    grey = np.empty(image.shape[1:], np.float32)
    for start in range(0, grey.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        grey[rows] = linear_to_srgb(luma(srgb_to_linear(image[:, rows]))[0])
    return grey


def compare(blurred: Array, restored: Array, radius_px: Array) -> Fidelity:
    """The fidelity of a result whose lightness is known.

    With y the photo, x the result, H the blur of the map, in linear light, and differences in lightness:

        explained = 1 - sum |y - H x|^2 / sum |y - H y|^2

    over the pixels with a radius of at least ``MIN_RADIUS_PX``; both squares are averages over ``WINDOW_PX``, less
    the noise in them. |y - H y| is the detail that such a blur takes out of the photo, and the error of the photo
    itself in the place of x. If x undoes the share w of the blur everywhere, 1 - (1 - w)^2 is explained.

    Args:
        blurred: (H, W) in [0, 1], from ``lightness``.
        restored: Likewise.
        radius_px: (H, W), in pixels.

    Raises:
        InputError: If the sizes differ, or a radius is negative or not finite.
    """
    blur = BlurMap(np.asarray(radius_px, np.float32))
    for image in (blurred, restored):
        blur.check_size(image)
    noise = estimate_noise(blurred) ** 2

    def compared(tile: Image, region: Region) -> Image:
        return _squares(tile, region.crop(blur.radius_px), noise)

    halo_px = blur.half_px + WINDOW_PX // 2
    images = np.stack([blurred, restored]).astype(np.float32, copy=False)
    error, detail = apply_tiled(compared, images, tile_px=_TILE_PX, halo_px=halo_px, feather_px=0)
    plane = np.clip(1 - error / (detail + VISIBLE**2), 0, 1)
    counted = blur.radius_px >= MIN_RADIUS_PX
    missed, total = (float(squares[counted].sum(dtype=np.float64)) for squares in (error, detail))
    if max(missed, total) <= ROUNDING * np.count_nonzero(counted):
        return Fidelity(None, 0.0, plane)
    same = counted & (np.abs(blurred - restored) < VISIBLE / 2)
    kept = float(detail[same].sum(dtype=np.float64)) / total if total else 0.0
    return Fidelity(max(1 - missed / total, 0.0) if total else 0.0, kept, plane)


def _squares(tile: Image, radius_px: Array, noise: float) -> Image:
    """(2, h, w): the squared error and the squared detail around each pixel, less the noise."""
    from scipy.ndimage import uniform_filter

    light = srgb_to_linear(tile)
    spread = float(radius_px.max() - radius_px.min()) if radius_px.size else 0.0
    step_px = max(np.ceil(spread / _LEVELS * 2) / 2, 0.5)  # multiples of half a pixel, whose kernels are cached
    again = linear_to_srgb(np.clip(BlurMap(radius_px, step_px=step_px).apply(light), 0, 1))
    means = uniform_filter((tile[0] - again[::-1]) ** 2, (0, WINDOW_PX, WINDOW_PX), mode="reflect")
    # A disk of n pixels leaves 1/n of the noise's variance in place, and takes the rest out.
    removed = noise * np.clip(1 - 1 / (np.pi * np.maximum(radius_px, 0.1) ** 2), 0, 1)
    return np.maximum(means - removed, 0)
