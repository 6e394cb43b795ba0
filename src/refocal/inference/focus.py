"""One look of the default model at a photo: the luma restored, how blurred each pixel was, and how sure that is."""

from __future__ import annotations

import numpy as np

from refocal.images.colour import luma
from refocal.inference.network_file import NetworkFile, open_network
from refocal.optics.boundary import pad
from refocal.types import Array, InputError

OUTPUTS = ("restored", "radius_px", "confidence")
"""What the network tells, in this order."""

MARGIN_PX = 32
"""The photo is continued by its mirror image, at least so far: the network's zeros beyond the edge look like no
photo."""

MIN_SIDE_PX = 5
"""Of a smaller photo nothing is told, as estimators have it: it stays as it is, with radius and confidence 0."""


def open_focus(weights: str, threads: int = 0) -> NetworkFile:
    """Open the network.

    Raises:
        InputError: If there is no such file, or it is another kind of network's.
    """
    file = open_network(weights, threads)
    if not is_focus(file):
        raise InputError(f"The weights {weights} are those of {file.network!r}: give those of a focus-unet.")
    return file


def is_focus(file: NetworkFile) -> bool:
    """Whether the network restores the luma of one photo and tells its blur."""
    return (file.inputs, file.outputs, file.channels) == (("blurred",), OUTPUTS, "luma")


def look(photo: Array, file: NetworkFile) -> tuple[Array, Array, Array]:
    """Run the network on a photo or on a tile that begins on the network's grid.

    Args:
        photo: (..., 1 or 3, H, W) in [0, 1], a NumPy array.
        file: From ``open_focus``.

    Returns:
        The restored luma (..., 1, H, W), not clipped; the radius in pixels, at least 0, and the confidence in [0, 1],
        (..., H, W) each; float32.
    """
    grey = luma(photo).astype(np.float32)
    if min(grey.shape[-2:]) < MIN_SIDE_PX:
        nothing = np.zeros((*grey.shape[:-3], *grey.shape[-2:]), np.float32)
        return grey, nothing, nothing
    margin = -(-MARGIN_PX // file.multiple) * file.multiple
    grown = pad(grey.reshape(-1, *grey.shape[-3:]), (margin, margin), "mirror")
    inside = (output[..., margin:-margin, margin:-margin] for output in file.run(grown))
    restored, radius_px, confidence = (output.reshape(grey.shape) for output in inside)
    return restored, np.maximum(radius_px[..., 0, :, :], 0), np.clip(confidence[..., 0, :, :], 0, 1)
