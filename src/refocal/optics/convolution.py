"""Convolution with a small kernel and its adjoint: direct for a few taps, by FFT for more."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from refocal.optics.arrays import as_like
from refocal.optics.fourier import fast_shape, irfft2, rfft2, rfft2_small
from refocal.types import Array

DIRECT_TAPS = 25
"""Largest number of taps for which direct summation beats the FFT (measured: benchmarks/core.py)."""

MAX_CACHED_PIXELS = 4_000_000
"""Largest image whose spectra are cached, in pixels; a spectrum takes 8 bytes per pixel."""


def convolve_valid(padded: Array, kernel: Array) -> Array:
    """Convolve (..., H + kh - 1, W + kw - 1) with (kh, kw) where the kernel fits; returns (..., H, W)."""
    rows, columns = kernel.shape
    height, width = padded.shape[-2] - rows + 1, padded.shape[-1] - columns + 1
    if rows * columns <= DIRECT_TAPS:
        taps = as_like(kernel, padded)
        out = taps[-1, -1] * padded[..., :height, :width]
        for i, j in _offsets(rows, columns)[1:]:
            out = out + taps[rows - 1 - i, columns - 1 - j] * padded[..., i : i + height, j : j + width]
        return out
    shape = fast_shape(*padded.shape[-2:])
    product = rfft2(padded, shape) * _spectrum(kernel, padded, shape)
    return irfft2(product, shape)[..., rows - 1 : rows - 1 + height, columns - 1 : columns - 1 + width]


def correlate_full(image: Array, kernel: Array) -> Array:
    """Adjoint of ``convolve_valid``: (..., H, W) to (..., H + kh - 1, W + kw - 1)."""
    xp = array_namespace(image)
    rows, columns = kernel.shape
    height, width = image.shape[-2:]
    full = (*image.shape[:-2], height + rows - 1, width + columns - 1)
    if rows * columns <= DIRECT_TAPS:
        taps = as_like(kernel, image)
        out = xp.zeros(full, dtype=image.dtype, device=device(image))
        for i, j in _offsets(rows, columns):
            out[..., i : i + height, j : j + width] += taps[rows - 1 - i, columns - 1 - j] * image
        return out
    shape = fast_shape(full[-2], full[-1])
    # Shifting the image by kh - 1, kw - 1 undoes the crop of `convolve_valid`; flipping the kernel avoids that copy.
    product = rfft2(image, shape) * _spectrum(kernel, image, shape, flipped=True)
    return irfft2(product, shape)[..., : full[-2], : full[-1]]


def _spectrum(kernel: Array, like: Array, shape: tuple[int, int], flipped: bool = False) -> Array:
    xp = array_namespace(like)
    if is_numpy_array(like) and is_numpy_array(kernel) and shape[0] * shape[1] <= MAX_CACHED_PIXELS:
        return _cached_spectrum(kernel.astype(like.dtype).tobytes(), kernel.shape, like.dtype.char, shape, flipped)
    taps = as_like(kernel, like)
    return rfft2_small(xp.flip(taps, axis=(0, 1)) if flipped else taps, shape)


@lru_cache(maxsize=2)
def _cached_spectrum(
    taps: bytes, kernel_shape: tuple[int, int], dtype: str, shape: tuple[int, int], flipped: bool
) -> Array:
    """Spectrum of a kernel, cached: iterative methods apply the same kernel and its adjoint in every step."""
    kernel = np.frombuffer(taps, dtype=dtype).reshape(kernel_shape)
    spectrum = rfft2_small(kernel[::-1, ::-1] if flipped else kernel, shape)
    spectrum.flags.writeable = False
    return spectrum


def _offsets(rows: int, columns: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(rows) for j in range(columns)]
