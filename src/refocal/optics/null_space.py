"""Regularised inverse of a uniform blur, and projection onto the images consistent with a blurred one.

A is the blur and A+ its regularised pseudo-inverse. With H the kernel's transfer function::

    A+ y       = conj(H) / (|H|^2 + epsilon) Y          (Wiener filter for white noise and a white image)
    f -> x     = f - A+ A f + A+ y                      (f only contributes what y leaves undetermined)

Images aren't periodic: the mean is subtracted, and a margin of replicated edge pixels fades linearly to zero. On
tensors everything is differentiable in the images, the kernel and the filters.

Reference: Lopez-Tapia, Mateos, Molina, Katsaggelos, "Learning Moore-Penrose based residuals for robust non-blind image
deconvolution", Digital Signal Processing 2023, and its companion at IEEE ICIP 2023; margin, fading, mean and constants
as in the authors' released code.
"""

from __future__ import annotations

from array_api_compat import array_namespace, device

from refocal.optics.boundary import pad
from refocal.optics.fourier import fast_shape, irfft2, kernel_spectrum, rfft2
from refocal.types import Array, Image

EPSILON = 1e-2
"""Regularisation added to |H|^2, as in the authors' code."""

MARGIN_PX = 64
"""Minimum width of the margin in pixels, as in the authors' code."""


def deconvolve(blurred: Image, kernel: Array, epsilon: float = EPSILON) -> Image:
    """Apply the regularised inverse, A+ y.

    Args:
        blurred: (..., H, W) of any float dtype.
        kernel: (kh, kw), both odd.
        epsilon: Regularisation, above 0; larger values give less noise and less detail.

    Returns:
        (..., H, W), not clipped.
    """
    xp = array_namespace(blurred)
    mean = xp.mean(blurred, axis=(-2, -1), keepdims=True)
    shape, spectrum, transfer, power = _spectra(blurred - mean, kernel)
    restored = irfft2(spectrum * (xp.conj(transfer) / (power + epsilon)), shape)
    return mean + _inside(restored, blurred, kernel)


def project(estimate: Image, deconvolved: Image, kernel: Array, epsilon: float = EPSILON) -> Image:
    """Make an estimate f consistent with the blurred image y: f - A+ A f + A+ y.

    At every frequency, the difference between the blurred estimate and y is multiplied by epsilon / (|H|^2 + epsilon);
    where H is 0, f is unchanged.

    Args:
        estimate: f, (..., H, W) of any float dtype.
        deconvolved: A+ y of ``deconvolve``, with the same kernel and epsilon; the same shape.
        kernel: (kh, kw), both odd.
        epsilon: Regularisation, the one of ``deconvolve``.

    Returns:
        (..., H, W), not clipped.
    """
    xp = array_namespace(estimate)
    mean = xp.mean(estimate, axis=(-2, -1), keepdims=True)
    shape, spectrum, _, power = _spectra(estimate - mean, kernel)
    known = irfft2(spectrum * (power / (power + epsilon)), shape)
    return estimate - mean - _inside(known, estimate, kernel) + deconvolved


def filter_pixels(image: Image, filters: Array) -> Image:
    """Filter each pixel with its own kernel; the edges are replicated.

    Args:
        image: (..., C, H, W).
        filters: (..., size^2, H, W), size odd: weights row by row from top left to bottom right, for all channels.

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
    """Size of the transforms, spectrum of the padded and faded image, transfer function H and |H|^2."""
    xp = array_namespace(image)
    faded = _faded(image, _margin(kernel))
    shape = fast_shape(*faded.shape[-2:])
    transfer = kernel_spectrum(kernel, image, shape)
    power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
    return shape, rfft2(faded, shape), transfer, power


def _faded(image: Image, margin: int) -> Image:
    """Pad the image by replication and multiply the margin by a linear ramp from 0 at its outside to 1."""
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
    """Margin in pixels: twice the half-width of the kernel, as for the authors' largest (32 px), or more."""
    return max(MARGIN_PX, *(side // 2 * 2 for side in kernel.shape))
