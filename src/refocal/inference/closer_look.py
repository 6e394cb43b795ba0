"""Whether anything is in focus: patches at full size, where the survey shows the least blur.

At a quarter of the size, a radius of 2 px looks nearly like none. So the places that the survey reads as nearly sharp
are sampled at full size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refocal.images.grids import reduce_mean
from refocal.inference.focus import predict
from refocal.inference.network_file import NetworkFile
from refocal.inference.survey import REDUCTION, Survey
from refocal.types import Array

NEARLY_SHARP_PX, SURE = 4.0, 0.5
"""A place is looked at where the survey reads at most this radius with at least this confidence."""

IN_FOCUS_PX = 1.0
"""At full size, a smaller radius is in focus."""

PATCH_PX, BORDER_PX = 160, 24
"""Side of the patches, and what is left out at their edges, where they lack context."""

MAX_PATCHES = 12
"""The patches are at most this many."""


@dataclass(frozen=True)
class Sharpest:
    """The sharpest parts of a photo.

    Attributes:
        in_focus: The share of the photo that is in focus, estimated from the patches.
        radius_px: The radius of the sharpest tenth of the patches; infinite if no place is nearly sharp.
    """

    in_focus: float
    radius_px: float


def look_closer(photo: Array, file: NetworkFile, survey: Survey) -> Sharpest:
    """Run the network on patches of a photo (1 or 3, H, W) where the survey reads the least blur."""
    near = (survey.radius_px <= NEARLY_SHARP_PX) & (survey.confidence >= SURE)
    cell = PATCH_PX // REDUCTION
    places = np.argwhere(reduce_mean(near, cell) >= 0.25)
    if not len(places):
        return Sharpest(0.0, float("inf"))
    # Evenly spread from the least blur to the most, so that a small subject in focus is not missed.
    by_blur = places[np.argsort(reduce_mean(survey.radius_px, cell)[tuple(places.T)], kind="stable")]
    chosen = by_blur[np.unique(np.linspace(0, len(by_blur) - 1, MAX_PATCHES).astype(int))]
    found = [_radii(photo, file, *(int(start) * PATCH_PX for start in place)) for place in chosen]
    radius_px = np.concatenate(found)
    if not len(radius_px):
        return Sharpest(0.0, float("inf"))
    share = float(near.mean() * (radius_px < IN_FOCUS_PX).mean())
    return Sharpest(share, float(np.percentile(radius_px, 10)))


def _radii(photo: Array, file: NetworkFile, top: int, left: int) -> Array:
    """The confident radii of the patch that begins there, or as near as the photo's edge allows."""
    multiple = file.tiling.multiple
    parts = []
    for start, side in ((top, photo.shape[-2]), (left, photo.shape[-1])):
        first = max(0, min(start, side - PATCH_PX)) // multiple * multiple
        parts.append(slice(first, first + PATCH_PX))
    _, radius_px, confidence = predict(photo[:, parts[0], parts[1]], file)
    inner = tuple(slice(BORDER_PX, max(side - BORDER_PX, BORDER_PX + 1)) for side in radius_px.shape)
    found: Array = radius_px[inner][confidence[inner] >= SURE]
    return found
