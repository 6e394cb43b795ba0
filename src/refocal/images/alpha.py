"""Transparency: colours that can't be seen must not reach those that can.

The pixels under alpha 0 hold anything, often black. Before a photo is filtered, they are filled in from the visible
surroundings, so that an outline is no edge; afterwards they are what they were.
"""

from __future__ import annotations

import numpy as np

from refocal.images.grids import fill_in
from refocal.types import Array, Image

VISIBLE = 0.25
"""From this alpha on, a colour counts fully; below, files that store it premultiplied have little of it left."""

SPREAD = 1e-4
"""Weight of the surroundings beside that of a colour."""


def visibility(alpha: Array) -> Array:
    """(H, W) float32 in [0, 1]: how far a colour counts, from alpha (H, W) in [0, 1]."""
    return np.clip(alpha.astype(np.float32) / VISIBLE, 0, 1)


def fill_hidden(image: Image, visible: Array) -> Image:
    """Replace the hidden colours of (C, H, W) by those of the visible surroundings.

    Args:
        image: In [0, 1].
        visible: (H, W), from ``visibility``; colours of 1 are kept exactly.
    """
    out = image.copy()
    for plane in out:
        around = fill_in(plane, visible, SPREAD)
        # Where nothing is visible, the hidden value must not even change the rounding.
        plane[:] = np.where(visible > 0, plane + (1 - visible) * (around - plane), around)
    return out


def put_back(image: Image, restored: Image, filled: Image, visible: Array) -> Image:
    """The image with the change from ``filled`` to ``restored``, as far as it is visible; in [0, 1]."""
    changed: Image = np.clip(image + visible * (restored - filled), 0, 1)
    return changed
