"""The blur of a whole photo at a quarter of its size: far blur and plain surfaces, which no tile shows.

The network reads radii up to about 8 px. At a quarter of the size, radii of 6 to 32 px are 1.5 to 8 px, so the same
weights read them. The survey takes a sixteenth of the time of the photo itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.images.colour import linear_to_srgb, luma, srgb_to_linear
from refocal.images.grids import enlarge_part, fill_in, reduce_mean, strips
from refocal.images.tiles import Region
from refocal.inference.focus import predict
from refocal.inference.network_file import NetworkFile
from refocal.inference.tiled import in_tiles
from refocal.optics.arrays import ramp
from refocal.types import Array

REDUCTION = 4
"""Pixels of the photo that become one, in each direction."""

MIN_SIDE_PX = 64
"""The blur of a photo with a smaller side is not surveyed."""

FAR_PX, SURELY_FAR_PX = 6.0, 8.0
"""From the first to the second radius of the survey, its reading replaces that of the photo at full size, which
saturates there."""

NEAR_PX, MAYBE_FAR_PX = 3.0, 5.0
"""Unless the reading at full size is below: a sharp edge before a blurred background is narrower than the survey's
pixels."""

UNSURE = 0.5
"""Below this confidence, the reading at full size is mixed with the survey's."""

NO_BLUR_PX = 0.01
"""The survey shows no blur below this radius."""

UNKNOWN, KNOWN = 0.35, 0.7
"""A reading of the survey counts from the first confidence on, fully from the second; others are filled in."""

SPREAD = 0.02
"""Weight of the surroundings beside that of a reading, 0 to 1, where radii are filled in."""

NOTHING = 1e-3
"""Weight of a radius of 0 px beside the mean weight of all readings."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Radius and confidence of a photo on a grid of ``REDUCTION`` pixels.

    Attributes:
        radius_px: (h, w) float32 in pixels of the photo; where the network is unsure, filled in from the surroundings.
        confidence: (h, w) float32 in [0, 1], the network's own.
    """

    radius_px: Array
    confidence: Array

    def at(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """Radius and confidence of the photo's pixels in these rows and columns, interpolated linearly."""
        radius_px, confidence = (
            enlarge_part(plane, rows, columns, REDUCTION) for plane in (self.radius_px, self.confidence)
        )
        return radius_px, confidence


def take_survey(photo: Array, file: NetworkFile, tile_px: int = 0) -> Survey | None:
    """Run the network on a photo at a quarter of its size.

    Args:
        photo: (1 or 3, H, W) in [0, 1], a NumPy array.
        file: From ``open_focus``.
        tile_px: Side of the tiles of the reduced photo in pixels; 0 chooses it from the free memory.

    Returns:
        The survey, or None for a photo with a side below ``MIN_SIDE_PX``.
    """
    if min(photo.shape[-2:]) < MIN_SIDE_PX:
        return None
    small = reduced(photo)

    def run(_: Array, region: Region) -> Array:
        return np.stack(predict(region.crop(small), file)[1:])

    planes = np.broadcast_to(np.float32(0), (2, *small.shape[1:]))
    radius_px, confidence = in_tiles(run, planes, file.tiling, tile_px)
    return Survey(filled(REDUCTION * radius_px, confidence), confidence)


def merged(near: tuple[Array, Array], far: tuple[Array, Array]) -> tuple[Array, Array]:
    """Radius and confidence (..., H, W) from those at full size and those of the survey there.

    Far blur is read from the survey. Where the reading at full size is unsure, as on a plain surface, the survey's
    radius is taken as well, which may come from the surroundings; the confidence stays low.
    """
    (radius_px, confidence), (far_px, far_confidence) = near, far
    is_far = ramp(far_px, FAR_PX, SURELY_FAR_PX)
    unsure = 1 - ramp(confidence, 0, UNSURE)
    is_far = is_far * np.maximum(ramp(radius_px, NEAR_PX, MAYBE_FAR_PX), unsure)
    share = np.maximum(is_far, unsure)
    # As of a black frame: neither reading shows a blur.
    share = np.where((far_px < NO_BLUR_PX) & (confidence < UNKNOWN), 1, share)
    return radius_px + share * (far_px - radius_px), confidence + share * (far_confidence - confidence)


def filled(radius_px: Array, confidence: Array) -> Array:
    """Radii (h, w) where unsure ones are replaced by those of the surroundings.

    Without any confidence, as of a black frame, the result is 0: nothing shows a blur.
    """
    return fill_in(radius_px, ramp(confidence, UNKNOWN, KNOWN), SPREAD, NOTHING)


def reduced(photo: Array) -> Array:
    """The luma of (C, H, W), reduced by averaging linear light, in which a lens blurs; (1, h, w) float32 sRGB."""
    parts = []
    for rows, _, _ in strips(photo.shape[1], 0):  # STRIP_PX is a multiple of REDUCTION
        light = srgb_to_linear(luma(photo[:, rows]).astype(np.float32))[0]
        parts.append(reduce_mean(light, REDUCTION))
    small: Array = linear_to_srgb(np.concatenate(parts))[None].astype(np.float32)
    return small
