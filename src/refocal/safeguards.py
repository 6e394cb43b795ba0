"""All attenuation of a restoration: where and how far the restored image may replace the input.

An estimated blur map is wrong in places, and a network over-sharpens where real lenses differ from those of its
training. Every rule and every constant that limits the result for that reason stands in this file. A blur that the user
gives is not attenuated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refocal.optics.arrays import ramp
from refocal.optics.blur import BlurMap
from refocal.types import Array, Image

# Estimated maps; each number chosen on photos of known sharpness (docs/log.md). A small radius may be the soft edge of
# something in focus, so the weight rises from 0 at 1 px to its maximum at 2 px, and in proportion to the confidence. A
# tenth of the input always stays.
UNSURE_RADIUS_PX, SURE_RADIUS_PX = 1.0, 2.0
SURE_CONFIDENCE = 0.5  # the probability from which on the estimate is more likely right than wrong
MAX_BLEND_WEIGHT = 0.9

# Deconvolution rings near clipped highlights and occlusion edges. Results are clamped to the range of the input within
# 4 px; where the input holds less than a tenth of the brightest light within 8 px, it is blended back in.
RANGE_REACH_PX = 4
HIGHLIGHT_REACH_PX, MIN_SHARE_OF_HIGHLIGHT = 8, 0.1

# The network of the default model. Less than three quarters of a pixel of blur looks in focus, so the input stays; from
# 1.5 px on the whole change is applied, in proportion to the confidence below SURE_CONFIDENCE.
IN_FOCUS_PX, BLURRED_PX = 0.75, 1.5
# The network over-sharpens on real lenses (domain gap), more so for large radii: on pixel4_dp and lytro_pairs half of
# the change is best from 8 px on (docs/log.md).
DOMAIN_GAP_PX, MAX_DOMAIN_GAP_PX, DOMAIN_GAP_WEIGHT = 3.0, 8.0, 0.5
# Beyond, nothing of the detail is left; what the network makes of it is invented.
LOST_PX, SURELY_LOST_PX = 10.0, 14.0


def blend_weight(strength: float, mask: Array | None, estimate: BlurMap | None) -> Array | float:
    """The weight with which the restored image replaces the input.

    Args:
        strength: 0 keeps the input, 1 takes the restored image.
        mask: (H, W) in [0, 1].
        estimate: The map, if the blur is estimated.

    Returns:
        A number, or (H, W) float32.
    """
    weight: Array | float = float(strength)
    if mask is not None:
        weight = np.asarray(mask, np.float32) * np.float32(strength)
    if estimate is not None:
        attenuated = MAX_BLEND_WEIGHT * ramp(estimate.radius_px, UNSURE_RADIUS_PX, SURE_RADIUS_PX)
        attenuated = attenuated * (1 - ramp(estimate.radius_px, LOST_PX, SURELY_LOST_PX))
        if estimate.confidence is not None:
            attenuated *= ramp(estimate.confidence, 0, SURE_CONFIDENCE)
        weight = (weight * attenuated).astype(np.float32)
    return weight


def within_recovery(estimate: BlurMap) -> BlurMap:
    """The map to invert: radii beyond recovery, whose result is not used, are cut to the largest one that may be."""
    return replace(estimate, radius_px=np.minimum(estimate.radius_px, SURELY_LOST_PX))


def network_weight(radius_px: Array, confidence: Array) -> Array:
    """The weight, 0 to 1, of the default network's change at each pixel, from its radius and confidence (..., H, W)."""
    weight = ramp(radius_px, IN_FOCUS_PX, BLURRED_PX) * ramp(confidence, 0, SURE_CONFIDENCE)
    weight = weight * (1 - (1 - DOMAIN_GAP_WEIGHT) * ramp(radius_px, DOMAIN_GAP_PX, MAX_DOMAIN_GAP_PX))
    return weight * (1 - ramp(radius_px, LOST_PX, SURELY_LOST_PX))


def clamp_to_local_range(restored: Image, photo: Image) -> Image:
    """Clamp every value of (C, H, W) to the range of the photo's values within ``RANGE_REACH_PX``."""
    from scipy.ndimage import maximum_filter, minimum_filter

    window = (1, 2 * RANGE_REACH_PX + 1, 2 * RANGE_REACH_PX + 1)
    return np.clip(restored, minimum_filter(photo, window), maximum_filter(photo, window))


def attenuation_near_highlights(light: Image) -> Array:
    """(H, W) in [0, 1]: below 1 where light (C, H, W) is weak beside the brightest within ``HIGHLIGHT_REACH_PX``."""
    from scipy.ndimage import maximum_filter

    brightest = maximum_filter(light.max(axis=0), 2 * HIGHLIGHT_REACH_PX + 1)
    return np.clip(light.mean(axis=0) / (MIN_SHARE_OF_HIGHLIGHT * brightest + 1e-6), 0, 1)
