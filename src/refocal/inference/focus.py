"""Inference of the default model: restored luma, blur radius and confidence from one forward pass."""

from __future__ import annotations

import numpy as np

from refocal.images.colour import luma
from refocal.inference.network_file import NetworkFile, open_network
from refocal.types import Array, InputError

OUTPUTS = ("restored", "radius_px", "confidence")
"""The outputs of the network, in this order."""

MARGIN_PX = 32
"""Minimum margin by which the photo is extended by reflection: the network's zero padding looks unlike any photo."""

MIN_SIDE_PX = 5
"""A photo with a smaller side is returned unchanged, with radius and confidence 0, as estimators do."""


def open_focus(weights: str, threads: int = 0) -> NetworkFile:
    """Open the network.

    Raises:
        InputError: If there is no such file, or it holds another kind of network.
    """
    file = open_network(weights, threads)
    if not is_focus(file):
        raise InputError(f"The weights {weights} are those of {file.network!r}: give those of a focus-unet.")
    return file


def is_focus(file: NetworkFile) -> bool:
    """Whether the network restores the luma of one photo and predicts its blur."""
    return (file.inputs, file.outputs, file.channels) == (("blurred",), OUTPUTS, "luma")


def predict(photo: Array, file: NetworkFile) -> tuple[Array, Array, Array]:
    """Run the network on a photo, or on a tile that starts on the network's grid.

    Args:
        photo: (..., 1 or 3, H, W) in [0, 1], a NumPy array.
        file: From ``open_focus``.

    Returns:
        The restored luma (..., 1, H, W), not clipped; the radius in pixels, at least 0, and the confidence in [0, 1],
        (..., H, W) each; float32.
    """
    grey = luma(photo).astype(np.float32)
    if min(grey.shape[-2:]) < MIN_SIDE_PX:
        unknown = np.zeros((*grey.shape[:-3], *grey.shape[-2:]), np.float32)
        return grey, unknown, unknown
    margin = -(-MARGIN_PX // file.tiling.multiple) * file.tiling.multiple
    restored, radius_px, confidence = file.run(grey, margin_px=margin)
    return restored, np.maximum(radius_px[..., 0, :, :], 0), np.clip(confidence[..., 0, :, :], 0, 1)
