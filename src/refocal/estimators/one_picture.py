"""What every estimator does with what is no picture, or too small a one."""

from __future__ import annotations

import numpy as np

from refocal.optics.blur import BlurMap
from refocal.types import Image, InputError

MIN_SIDE_PX = 5
"""A smaller picture can't tell an edge from its surroundings."""


def check_picture(image: Image) -> None:
    """Refuse what isn't one picture (1 or 3, H, W).

    Raises:
        InputError: Naming the shape.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise InputError(f"Blur is estimated on one picture (1 or 3, H, W), not {image.shape}.")


def unknown_blur(shape: tuple[int, int]) -> BlurMap:
    """No blur, no confidence, for a picture of this height and width."""
    nothing = np.zeros(shape, np.float32)
    return BlurMap(nothing, confidence=nothing)
