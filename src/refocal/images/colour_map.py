"""The colours in which blur maps are shown."""

from __future__ import annotations

import numpy as np

from refocal.types import Array

# Ten colours of viridis (Smith & van der Walt 2015, CC0): lightness rises evenly, also for the colour-blind and in
# grey.
COLOURS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")


def palette() -> Array:
    """The colours at 256 levels, (256, 3) uint8."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in COLOURS], float)
    position = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(position, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
