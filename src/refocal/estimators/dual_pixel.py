"""The two views of a dual-pixel photo: who takes them, how they are handed over, and what the camera did to them."""

from __future__ import annotations

import numpy as np

from refocal.estimators import ESTIMATORS, make_estimator
from refocal.images.colour import luma
from refocal.types import Array, BlurEstimator, Image, InputError

DEFAULT = "dual-pixel-learned"
"""The estimator that ``"default"`` stands for where two views are given."""

# Of the shorter side. Against the white sheets of pixel4_dp, whose quotient is the true gain, a quarter leaves 1.2 % of
# the 9.3 % that the views differ by, an eighth 1.4 %, one gain for the whole picture 5.1 %: what is out of focus lies
# elsewhere in the other view, so a narrow mean follows the scene instead of the lens.
WINDOW_SHARE = 1 / 4
DARK = 1e-3  # below it nobody knows the quotient of two means: it goes to 1
MAX_GAIN = 2.0  # a Pixel 4 needs 1.17 in encoded values, 1.4 in linear light


def estimator_of(estimator: str | BlurEstimator, views: int) -> BlurEstimator:
    """The estimator by its name or as it is, if it takes so many views of a photo.

    An estimator tells by its attribute ``views``; without one it takes one photo. In ``ESTIMATORS``, those of two need
    "views".

    Raises:
        InputError: If there is no such estimator, or it takes another number of views; the sentence names those that
            fit.
    """
    if estimator == "default" and views == 2:
        estimator = DEFAULT
    made = make_estimator(estimator) if isinstance(estimator, str) else estimator
    if getattr(made, "views", 1) == views:
        return made
    name = estimator if isinstance(estimator, str) else type(estimator).__name__
    fitting = ", ".join(name for name, entry in ESTIMATORS.items() if (entry.needs == "views") == (views == 2))
    if views == 2:
        raise InputError(
            f"{name} takes one photo, not two views: give one photo, or choose an estimator of two: {fitting}."
        )
    raise InputError(
        f"{name} takes two views of a photo, not one photo: give both (refocal map --left L --right R), or choose an "
        f"estimator of one photo: {fitting}."
    )


def stack_views(left: Image, right: Image) -> Image:
    """Both views as one array, as an estimator of two views takes them: (1 or 3, H, W) each to (2 or 6, H, W).

    A grey view beside one in colour is repeated.

    Raises:
        InputError: If they differ in size.
    """
    if left.shape[1:] != right.shape[1:]:
        sizes = (f"{view.shape[2]}x{view.shape[1]}" for view in (left, right))
        raise InputError(
            "The left view is {}, the right one {}: give two views of one photo, of one size.".format(*sizes)
        )
    channels = max(len(left), len(right))
    return np.concatenate([np.broadcast_to(view, (channels, *view.shape[1:])) for view in (left, right)])


def match_brightness(left: Image, right: Image) -> Image:
    """The right view as bright as the left one: each half of a pixel sees the lens from its own side, which vignettes.

    The gain is the quotient of the two views' means around each pixel, over a window wide enough to know the lens
    rather than the scene; the same for all channels, in the values as they are given.

    Args:
        left: (1 or 3, H, W), range [0, 1].
        right: Same shape.

    Returns:
        (1 or 3, H, W) in the dtype of ``right``, range [0, 1].
    """
    gain = (_surroundings(left) + DARK) / (_surroundings(right) + DARK)
    brightened: Array = np.clip(right * np.clip(gain, 1 / MAX_GAIN, MAX_GAIN), 0, 1)
    return brightened.astype(right.dtype)


def _surroundings(view: Image) -> Array:
    """(H, W): the mean of two boxes, one after the other, which is nearly a bell."""
    from scipy.ndimage import uniform_filter

    plane = luma(view)[0]
    side = max(1, round(min(plane.shape) * WINDOW_SHARE))
    return uniform_filter(uniform_filter(plane, side, mode="reflect"), side, mode="reflect")
