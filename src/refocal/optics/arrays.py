"""A kernel or a map as the kind of array the picture is."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array, to_device

from refocal.types import Array


def as_like(array: Array, like: Array) -> Array:
    """``array`` with the kind, dtype and device of ``like``; a tensor for a tensor keeps its gradient."""
    xp = array_namespace(like)
    if is_numpy_array(like):
        return np.asarray(array, dtype=like.dtype)
    if is_numpy_array(array):
        # A copy, as the kept kernels are read-only, which a tensor cannot be.
        return xp.asarray(np.array(array), dtype=like.dtype, device=device(like))
    # `asarray` would cut a tensor off from its gradient in some versions of torch.
    return to_device(xp.astype(array, like.dtype, copy=False), device(like))


def to_numpy(image: Array) -> Array:
    """A NumPy array as it is; a tensor's values on the CPU, without its gradient."""
    return image if is_numpy_array(image) else np.from_dlpack(to_device(image.detach(), "cpu"))
