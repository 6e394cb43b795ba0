"""NumPy arrays of every layout that holds a photo, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refocal.images.opened import Opened, open_image
from refocal.images.photo import from_float, to_float
from refocal.types import Array, Image, InputError


def open_array(array: Array, space_of: Callable[[int], Any] | None = None) -> tuple[Opened, Callable[[Image], Array]]:
    """Convert (H, W) or (H, W, 1 to 4) of uint8, uint16 or float in [0, 1], alpha last; any byte order.

    Args:
        array: The image.
        space_of: Returns the colour space for the number of channels; by default sRGB.

    Raises:
        InputError: If it is a masked array, or of another shape, dtype or range.
    """
    array = array if isinstance(array, np.ma.MaskedArray) else np.asarray(array)  # np.matrix has always two axes
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or 0 in array.shape:
        raise InputError(f"Give an array (height, width) or (height, width, 1 to 4), not {array.shape}.")
    if isinstance(array, np.ma.MaskedArray):
        raise InputError("Give an array without a mask: fill it first, and give what is to be restored as mask=.")
    colours = 3 if channels >= 3 else 1
    planes = array.reshape(*array.shape[:2], channels)
    dtype = array.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16):
        every = to_float(planes.astype(dtype, copy=False))
    elif dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InputError("Give a floating-point image with finite values from 0 to 1.")
        every = np.ascontiguousarray(np.moveaxis(planes, -1, 0), np.float32)
    else:
        raise InputError(f"Give an image of uint8, uint16 or float, not {array.dtype}.")
    space = {} if space_of is None else {"space": space_of(colours)}
    opened = open_image(every[:colours], every[colours] if channels > colours else None, **space)

    def give_back(restored: Image) -> Array:
        image, out = opened.put_back(restored), planes.copy()
        out[..., :colours] = np.moveaxis(image, 0, -1) if dtype.kind == "f" else from_float(image, dtype)
        return out.reshape(array.shape)

    return opened, give_back
