"""Checks of the image metrics' arguments, and their weighted mean per image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from refocal.types import Array, Image, InputError

OVERSHOOT = 1e-3
"""Images may leave [0, 1] by this much, as interpolation and rounding do; more is another range, such as 0 to 255."""

_ANY_RANGE = ContextVar("any_range", default=False)


def namespace_of(*arrays: Array) -> Any:
    """Return the common array namespace of ``arrays``.

    Raises:
        InputError: If they aren't all NumPy arrays or all torch tensors.
    """
    try:
        return array_namespace(*arrays)
    except TypeError:
        kinds = " and ".join(sorted({type(array).__name__ for array in arrays}))
        raise InputError(f"A metric needs all NumPy arrays or all torch tensors, not {kinds}.") from None


def check_image(image: Image, name: str) -> Any:
    """Check that ``image`` is float (..., channel, height, width), and return its array namespace.

    Values are checked where that costs little: not those of tensors on a GPU, whose queue would have to be awaited, and
    not those of tensors with a gradient, as a network that is being trained may leave the range.

    Raises:
        InputError: If it is not an array, has a mask, is not float32 or float64, has fewer than 3 axes, is empty, or
            leaves [0, 1].
    """
    xp = namespace_of(image)
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(f"The {name} image is a masked array: fill it, and give the metric its mask as mask=.")
    dtype = image.dtype.newbyteorder("=") if isinstance(image, np.ndarray) else image.dtype
    if dtype not in (xp.float32, xp.float64):  # half precision would lose small differences
        raise InputError(f"The {name} image must be float32 or float64 in [0, 1], not {image.dtype}: convert it first.")
    if image.ndim < 3 or 0 in image.shape:
        raise InputError(f"The {name} image must be (..., channel, height, width), not of shape {tuple(image.shape)}.")
    if _is_readable(image) and not _ANY_RANGE.get():
        low, high = float(xp.min(image)), float(xp.max(image))
        if low < -OVERSHOOT or high > 1 + OVERSHOOT:  # a value that is no number makes the metric none, either
            raise InputError(f"The {name} image must be in [0, 1], not from {low:.4g} to {high:.4g}.")
    return xp


@contextmanager
def any_range() -> Iterator[None]:
    """Inside a ``with`` block, in this thread, images may leave [0, 1]: after a fit of gain and offset, say."""
    token = _ANY_RANGE.set(True)
    try:
        yield
    finally:
        _ANY_RANGE.reset(token)


def _is_readable(image: Image) -> bool:
    if isinstance(image, np.ndarray):
        return True
    return image.device.type == "cpu" and not image.requires_grad


def check_pair(restored: Image, sharp: Image) -> Any:
    """Check that two images are float and of the same shape, and return their array namespace.

    Raises:
        InputError: As ``check_image``, or if kinds or shapes differ.
    """
    xp = namespace_of(restored, sharp)
    check_image(restored, "restored")
    check_image(sharp, "sharp")
    if restored.shape != sharp.shape:
        raise InputError(
            f"The restored image is {tuple(restored.shape)} and the sharp one {tuple(sharp.shape)}: they must agree."
        )
    return xp


def fit_mask(mask: Array | None, image: Image) -> Array | None:
    """Reshape a mask (..., H, W) or (..., 1, H, W) to (..., 1, H, W) in the image's dtype; None stays None.

    Raises:
        InputError: If its shape doesn't fit the image, or a weight lies outside [0, 1].
    """
    if mask is None:
        return None
    if isinstance(mask, np.ma.MaskedArray):
        raise InputError("Give the weights as an array without a mask of its own.")
    xp = namespace_of(mask, image)
    shape = tuple(mask.shape)
    wanted = (*image.shape[:-3], 1, *image.shape[-2:])
    if mask.ndim < image.ndim:
        mask = mask[..., None, :, :]
    try:
        fits = mask.shape[-2:] == image.shape[-2:] and np.broadcast_shapes(tuple(mask.shape), wanted) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"The mask is {shape}, which doesn't fit the image {tuple(image.shape)}.")
    mask = xp.astype(mask, image.dtype)
    if not bool(xp.all((mask >= 0) & (mask <= 1))):
        raise InputError("The mask must hold weights in [0, 1].")
    return mask


def image_mean(values: Array, mask: Array | None = None) -> Array:
    """Average (..., channel, height, width) to (...), weighted by a mask from ``fit_mask`` if given.

    Raises:
        InputError: If the mask is zero everywhere in an image.
    """
    xp = array_namespace(values)
    # One flat axis, because NumPy's pairwise (accurate) float32 summation works along the last axis only.
    flat = (*values.shape[:-3], -1)
    if mask is None:
        return xp.mean(xp.reshape(values, flat), axis=-1)
    weight = xp.mean(xp.reshape(mask, (*mask.shape[:-3], -1)), axis=-1)
    if bool(xp.any(weight == 0)):
        raise InputError("The mask is zero everywhere, so there is nothing to measure.")
    return xp.mean(xp.reshape(values * mask, flat), axis=-1) / weight
