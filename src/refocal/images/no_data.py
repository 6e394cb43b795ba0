"""Pixels whose value stands for nothing: GDAL's no-data value of a TIFF, or the one transparent grey of a PIL image."""

from __future__ import annotations

import numpy as np

from refocal.images.metadata import Metadata
from refocal.types import Array

_NO_DATA = 42113  # GDAL's tag, a number as text


def no_data_value(metadata: Metadata) -> float | None:
    """The value that a TIFF's no-data tag names; None without such a tag."""
    for tag, _, value in metadata.tiff_tags:
        if tag == _NO_DATA:
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            try:
                return float(text.rstrip("\0 "))
            except ValueError:
                return None
    return None


def has_data(pixels: Array, value: float) -> Array:
    """(H, W) of bool: where a pixel of (H, W, C) is something else than the value in every channel."""
    different: Array = (pixels != value).any(axis=2)
    return different


def kept_apart(pixels: Array, value: float, data: Array) -> Array:
    """Restored pixels (H, W, C) that became the value by accident, moved by one level."""
    collided = data & (pixels == value).all(axis=2)
    if not collided.any():
        return pixels
    apart = pixels.copy()
    apart[collided] = value + 1 if value < np.iinfo(pixels.dtype).max else value - 1
    return apart
