"""Arrays: conversion between NumPy and torch, and a ramp between two values."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array, to_device

from refocal.types import Array


def as_like(array: Array, like: Array) -> Array:
    """Convert ``array`` to the kind, dtype and device of ``like``; from tensor to tensor it keeps its gradient."""
    xp = array_namespace(like)
    if is_numpy_array(like):
        return np.asarray(array, dtype=like.dtype)
    if is_numpy_array(array):
        # A copy, because cached kernels are read-only, which a tensor can't be.
        return xp.asarray(np.array(array), dtype=like.dtype, device=device(like))
    # `asarray` detaches a tensor from its gradient in some versions of torch.
    return to_device(xp.astype(array, like.dtype, copy=False), device(like))


def to_numpy(image: Array) -> Array:
    """Return a NumPy array unchanged, and a tensor's values on the CPU without its gradient."""
    return image if is_numpy_array(image) else np.from_dlpack(to_device(image.detach(), "cpu"))


def ramp(value: Array, low: float, high: float) -> Array:
    """0 up to ``low``, 1 from ``high`` on, linear between; a NumPy array."""
    return np.clip((value - low) / (high - low), 0, 1)
