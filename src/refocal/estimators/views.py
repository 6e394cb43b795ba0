"""Preparation of the two views of a dual-pixel photo: one array of both, at equal brightness."""

from __future__ import annotations

import numpy as np

from refocal.images.colour import luma
from refocal.types import Array, Image, InputError

# Fraction of the shorter side. Against the white sheets of pixel4_dp, whose quotient is the true gain, a quarter leaves
# 1.2 % of the 9.3 % by which the views differ, an eighth 1.4 %, one gain for the whole image 5.1 %: defocused content
# is displaced between the views, so that a narrow mean follows the scene instead of the lens.
WINDOW_SHARE = 1 / 4
DARK = 1e-3  # added to both means: below it their quotient is unreliable and goes to 1
MAX_GAIN = 2.0  # a Pixel 4 needs 1.17 in encoded values, 1.4 in linear light


def stack_views(left: Image, right: Image) -> Image:
    """Stack both views along the channels, as estimators for two views take them: (1 or 3, H, W) to (2 or 6, H, W).

    A grey view is repeated if the other one has colour.

    Raises:
        InputError: If the views differ in size.
    """
    if left.shape[1:] != right.shape[1:]:
        sizes = (f"{view.shape[2]}x{view.shape[1]}" for view in (left, right))
        raise InputError(
            "The left view is {}, the right one {}: give two views of one photo, of one size.".format(*sizes)
        )
    channels = max(len(left), len(right))
    return np.concatenate([np.broadcast_to(view, (channels, *view.shape[1:])) for view in (left, right)])


def match_brightness(left: Image, right: Image) -> Image:
    """Scale the right view to the local brightness of the left one; the two halves of the lens vignette differently.

    The gain is the quotient of the local means of both views, over a window wide enough to follow the lens rather than
    the scene. It is the same for all channels and applies to the values as given, encoded or linear.

    Args:
        left: (1 or 3, H, W), range [0, 1].
        right: Same shape.

    Returns:
        (1 or 3, H, W) in the dtype of ``right``, range [0, 1].
    """
    gain = (_local_mean(left) + DARK) / (_local_mean(right) + DARK)
    brightened: Array = np.clip(right * np.clip(gain, 1 / MAX_GAIN, MAX_GAIN), 0, 1)
    return brightened.astype(right.dtype)


def _local_mean(view: Image) -> Array:
    """Local mean of the luma, (H, W): two box filters in turn, which approximate a Gaussian."""
    from scipy.ndimage import uniform_filter

    plane = luma(view)[0]
    side = max(1, round(min(plane.shape) * WINDOW_SHARE))
    return uniform_filter(uniform_filter(plane, side, mode="reflect"), side, mode="reflect")
