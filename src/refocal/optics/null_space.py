"""What a blurred picture tells about the sharp one, and what it leaves open: regularised inverse and null-space
projection.

A is the blur, A+ its inverse held back where the blur wiped out too much. With H the kernel's transfer function::

    A+ y       = conj(H) / (|H|^2 + epsilon) Y                    (Wiener's filter for white noise and a white picture)
    f -> x     = f - A+ A f + A+ y                                (what y tells replaces what f says of it)

Pictures don't wrap around: the mean is set aside, the edge's pixels are repeated into a margin, and that fades linearly
to nothing. On tensors everything is differentiable in the pictures, the kernel and the filters.

Reference: Lopez-Tapia, Mateos, Molina, Katsaggelos, "Learning Moore-Penrose based residuals for robust non-blind image
deconvolution", Digital Signal Processing 2023, and its sister at IEEE ICIP 2023; the margin, its fading, the mean and
the numbers as in the authors' released code.
"""

from __future__ import annotations

from array_api_compat import array_namespace, device

from refocal.optics.boundary import pad
from refocal.optics.fourier import fast_shape, irfft2, kernel_spectrum, rfft2
from refocal.types import Array, Image

EPSILON = 1e-2
"""Added to |H|^2, in the authors' code."""

MARGIN_PX = 64
"""Least margin, in the authors' code."""


def deconvolve(blurred: Image, kernel: Array, epsilon: float = EPSILON) -> Image:
    """A+ y.

    Args:
        blurred: (..., H, W) of any float dtype.
        kernel: (kh, kw), both odd.
        epsilon: Above 0; the larger, the less noise and the less detail.

    Returns:
        (..., H, W), not clipped.
    """
    xp = array_namespace(blurred)
    mean = xp.mean(blurred, axis=(-2, -1), keepdims=True)
    shape, spectrum, transfer, power = _spectra(blurred - mean, kernel)
    restored = irfft2(spectrum * (xp.conj(transfer) / (power + epsilon)), shape)
    return mean + _inside(restored, blurred, kernel)


def project(estimate: Image, deconvolved: Image, kernel: Array, epsilon: float = EPSILON) -> Image:
    """Make an estimate f agree with the blurred picture y as far as that can be trusted: f - A+ A f + A+ y.

    Blurred again, the difference to y becomes epsilon / (|H|^2 + epsilon) times what it was, at every frequency; where
    H is 0, f stays as it is.

    Args:
        estimate: f, (..., H, W) of any float dtype.
        deconvolved: A+ y of ``deconvolve``, with the same kernel and epsilon; the same shape.
        kernel: (kh, kw), both odd.
        epsilon: As given to ``deconvolve``.

    Returns:
        (..., H, W), not clipped.
    """
    xp = array_namespace(estimate)
    mean = xp.mean(estimate, axis=(-2, -1), keepdims=True)
    shape, spectrum, _, power = _spectra(estimate - mean, kernel)
    known = irfft2(spectrum * (power / (power + epsilon)), shape)
    return estimate - mean - _inside(known, estimate, kernel) + deconvolved


def filter_pixels(image: Image, filters: Array) -> Image:
    """Give every pixel the sum of the pixels around it, weighted by its own filter; the edge's pixels are repeated.

    Args:
        image: (..., C, H, W).
        filters: (..., size^2, H, W), size odd: weights row by row from above left to below right, for all channels.

    Returns:
        (..., C, H, W).
    """
    size = round(filters.shape[-3] ** 0.5)
    if size * size != filters.shape[-3] or size % 2 == 0:
        raise ValueError(f"Give the weights of square filters with an odd side, not {filters.shape[-3]} of them.")
    height, width = image.shape[-2:]
    grown = pad(image, (size // 2, size // 2), "replicate")
    taps = [(i, j) for i in range(size) for j in range(size)]
    parts = (filters[..., n : n + 1, :, :] * grown[..., i : i + height, j : j + width] for n, (i, j) in enumerate(taps))
    return sum(parts)


def _spectra(image: Image, kernel: Array) -> tuple[tuple[int, int], Array, Array, Array]:
    """Size of the transforms, spectrum of the faded picture, transfer function H and |H|^2."""
    xp = array_namespace(image)
    faded = _faded(image, _margin(kernel))
    shape = fast_shape(*faded.shape[-2:])
    transfer = kernel_spectrum(kernel, image, shape)
    power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
    return shape, rfft2(faded, shape), transfer, power


def _faded(image: Image, margin: int) -> Image:
    """Grow the picture by its repeated edges, times a ramp from 0 to 1 on the way in and back on the way out."""
    xp = array_namespace(image)
    rise = xp.arange(margin, dtype=image.dtype, device=device(image)) / margin
    out = pad(image, (margin, margin), "replicate")
    for axis in (-2, -1):
        flat = xp.ones(image.shape[axis], dtype=image.dtype, device=device(image))
        ramp = xp.concat([rise, flat, xp.flip(rise)])
        out = out * (ramp[:, None] if axis == -2 else ramp)
    return out


def _inside(grown: Image, image: Image, kernel: Array) -> Image:
    margin = _margin(kernel)
    return grown[..., margin : margin + image.shape[-2], margin : margin + image.shape[-1]]


def _margin(kernel: Array) -> int:
    """The authors' kernels reach 32 px at most, half the margin; so for larger ones."""
    return max(MARGIN_PX, *(side // 2 * 2 for side in kernel.shape))
