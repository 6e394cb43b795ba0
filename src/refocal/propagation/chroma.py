"""Chroma that follows a change of the luma, by a local linear model between them."""

from __future__ import annotations

import numpy as np

from refocal.images.colour import LUMA_WEIGHTS, luma
from refocal.images.grids import enlarge, reduce_mean
from refocal.types import Array

REDUCTION = 2
"""The slopes vary slowly: they are fitted at half the size, in a quarter of the time."""

REACH_PX = 1
"""The slope at a pixel is fitted over 2 x 2 cells further in each direction, 3 x 3 cells."""

EPSILON = 2e-4
"""Variance of the luma below which its changes say little about the chroma; chosen on Kodak photos (docs/log.md)."""


def with_changed_luma(photo: Array, change: Array) -> Array:
    """Add a change of the luma to a photo, and the change of the chroma that goes with it.

    Where the chroma of a blurred photo rises and falls with its luma, as across the outline of a coloured object, both
    were blurred by the same lens. So the chroma is changed by the slope of a local fit, a = cov(chroma, luma) /
    (var(luma) + epsilon), times the change of the luma (the model of the guided filter: He, Sun and Tang, TPAMI 2013).
    The luma of the result is that of the photo plus the change.

    Args:
        photo: (3, H, W) in [0, 1], or (1, H, W), to which the change is added.
        change: (1, H, W).

    Returns:
        The same shape as ``photo``, float32, not clipped.
    """
    if photo.shape[0] == 1:
        return photo + change
    grey = luma(photo)[0]
    shape = grey.shape
    small = reduce_mean(grey, REDUCTION)
    middle = _mean(small)
    variance = _mean(small * small) - middle * middle + EPSILON
    slopes: dict[int, Array] = {}
    for channel in (0, 2):
        colour = reduce_mean(photo[channel] - grey, REDUCTION)
        slope = (_mean(colour * small) - _mean(colour) * middle) / variance
        slopes[channel] = enlarge(_mean(slope), shape, REDUCTION)
    red, green, blue = LUMA_WEIGHTS
    slopes[1] = -(red * slopes[0] + blue * slopes[2]) / green  # the changes of chroma have no luma
    return np.stack([photo[channel] + (1 + slopes[channel]) * change[0] for channel in range(3)])


def _mean(plane: Array) -> Array:
    from scipy.ndimage import uniform_filter

    return uniform_filter(plane, 2 * REACH_PX + 1, mode="reflect")
