"""Real 2-D Fourier transforms over the last two axes: scipy.fft on all cores for NumPy, torch.fft for tensors."""

from __future__ import annotations

import math
import os
from functools import lru_cache

import scipy.fft
from array_api_compat import array_namespace, device, is_numpy_array

from refocal.optics.arrays import as_like
from refocal.types import Array


def rfft2(x: Array, shape: tuple[int, int]) -> Array:
    """Transform (..., H, W), zero-padded at the end to ``shape``; returns (..., shape[0], shape[1] // 2 + 1)."""
    if is_numpy_array(x):
        return scipy.fft.rfft2(x, s=shape, workers=_workers())
    return array_namespace(x).fft.rfftn(x, s=shape, axes=(-2, -1))


def rfft2_small(x: Array, shape: tuple[int, int]) -> Array:
    """Same as ``rfft2`` for an array much smaller than ``shape``: skipping the zero rows halves the work."""
    if is_numpy_array(x):
        rows = scipy.fft.rfft(x, n=shape[1], axis=-1)
        return scipy.fft.fft(rows, n=shape[0], axis=-2, workers=_workers(), overwrite_x=True)
    xp = array_namespace(x)
    return xp.fft.fft(xp.fft.rfft(x, n=shape[1], axis=-1), n=shape[0], axis=-2)


def irfft2(spectrum: Array, shape: tuple[int, int]) -> Array:
    """Inverse transform; ``shape`` is the height and width given to ``rfft2``."""
    if is_numpy_array(spectrum):
        return scipy.fft.irfft2(spectrum, s=shape, workers=_workers(), overwrite_x=True)
    return array_namespace(spectrum).fft.irfftn(spectrum, s=shape, axes=(-2, -1))


def kernel_spectrum(kernel: Array, like: Array, shape: tuple[int, int]) -> Array:
    """Transfer function of a kernel (kh, kw) centred on the origin, for periodic images of ``shape``."""
    xp = array_namespace(like)
    rows, columns = kernel.shape
    spectrum = rfft2_small(_wrap(as_like(kernel, like), shape), shape)
    down = xp.arange(shape[0], dtype=like.dtype, device=device(like)) * (2 * math.pi * (rows // 2) / shape[0])
    right = xp.arange(shape[1] // 2 + 1, dtype=like.dtype, device=device(like)) * (
        2 * math.pi * (columns // 2) / shape[1]
    )
    angle = down[:, None] + right[None, :]
    return spectrum * (xp.cos(angle) + 1j * xp.sin(angle))


def slope_energy(like: Array, shape: tuple[int, int]) -> Array:
    """|D_y|^2 + |D_x|^2 of periodic first differences, in the layout of ``rfft2``'s result."""
    xp = array_namespace(like)
    down = xp.arange(shape[0], dtype=like.dtype, device=device(like)) * (math.pi / shape[0])
    right = xp.arange(shape[1] // 2 + 1, dtype=like.dtype, device=device(like)) * (math.pi / shape[1])
    return 4 * (xp.sin(down)[:, None] ** 2 + xp.sin(right)[None, :] ** 2)


def fast_shape(height: int, width: int) -> tuple[int, int]:
    """Smallest height and width, at least these, that are fast to transform."""
    return scipy.fft.next_fast_len(height, real=True), scipy.fft.next_fast_len(width, real=True)


def _wrap(kernel: Array, shape: tuple[int, int]) -> Array:
    """Sum the parts of a kernel that overlap in a periodic image smaller than the kernel."""
    xp = array_namespace(kernel)
    for axis, size in zip((-2, -1), shape, strict=True):
        length = kernel.shape[axis]
        if length > size:
            starts = range(0, length, size)
            parts = [kernel[s : s + size] if axis == -2 else kernel[:, s : s + size] for s in starts]
            missing = size - parts[-1].shape[axis]
            filler = xp.zeros_like(parts[0][:missing] if axis == -2 else parts[0][:, :missing])
            parts[-1] = xp.concat([parts[-1], filler], axis=axis)
            kernel = xp.sum(xp.stack(parts), axis=0)
    return kernel


@lru_cache(maxsize=1)
def _workers() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
