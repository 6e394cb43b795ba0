"""Edges of a photo, one pixel wide: the places where its blur can be measured.

Canny, "A computational approach to edge detection", IEEE TPAMI 8(6), 1986.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def canny(grey: Floats, sigma_px: float = 1.0, low: float = 0.1, high: float = 0.2) -> npt.NDArray[np.bool_]:
    """Mark the edges of ``grey`` (H, W): ridges of the gradient, kept where they reach ``high`` somewhere.

    Args:
        grey: (H, W), range [0, 1].
        sigma_px: Gaussian smoothing before the gradient is taken.
        low: Sobel magnitude (eight times the slope per pixel) that an edge may not fall below.
        high: Sobel magnitude that an edge must reach at one of its pixels. 0.1 and 0.2 are scikit-image's defaults,
            with which the published re-implementations of Zhuo & Sim work.

    Returns:
        (H, W) bool. Never True on the outermost pixels, where no gradient is known.
    """
    return hysteresis(gradient_ridges(grey, sigma_px, low), high)


def gradient_ridges(grey: Floats, sigma_px: float, low: float) -> npt.NDArray[np.float32]:
    """Gradient magnitude where it is a maximum across the edge and at least ``low``; 0 elsewhere.

    Local: the result depends on pixels within ``ridge_reach_px(sigma_px)`` only.
    """
    from scipy.ndimage import gaussian_filter, sobel

    smooth = gaussian_filter(grey, sigma_px, mode="nearest", truncate=4.0)
    down, across = sobel(smooth, 0), sobel(smooth, 1)
    magnitude = np.hypot(down, across)
    strong = magnitude >= low
    strong[[0, -1]] = strong[:, [0, -1]] = False
    y, x = np.nonzero(strong)
    centre, dy, dx = magnitude[y, x], down[y, x], across[y, x]
    steep = np.abs(dy) > np.abs(dx)
    share = np.minimum(np.abs(dy), np.abs(dx)) / np.maximum(np.maximum(np.abs(dy), np.abs(dx)), 1e-20)
    ridge = np.ones(len(y), bool)
    for sign in (1, -1):
        # One step along the gradient, between the two nearest of the eight neighbours.
        step_y, step_x = (sign * np.sign(d).astype(np.intp) for d in (dy, dx))
        diagonal = magnitude[y + step_y, x + step_x]
        straight = magnitude[y + np.where(steep, step_y, 0), x + np.where(steep, 0, step_x)]
        ridge &= centre >= share * diagonal + (1 - share) * straight
    out = np.zeros(magnitude.shape, np.float32)
    out[y[ridge], x[ridge]] = centre[ridge]
    return out


def ridge_reach_px(sigma_px: float) -> int:
    """Context of ``gradient_ridges`` in pixels: the Gaussian's cut-off, the Sobel filter and the neighbour."""
    return round(4 * sigma_px) + 2


def hysteresis(ridges: Floats, high: float) -> npt.NDArray[np.bool_]:
    """Keep those 8-connected lines of ``ridges`` > 0 that reach ``high`` somewhere; (H, W) bool."""
    from scipy.ndimage import label

    lines, count = label(ridges > 0, np.ones((3, 3)))
    keep = np.zeros(count + 1, bool)
    keep[lines[ridges >= high]] = True
    keep[0] = False
    return keep[lines]


def estimate_noise(grey: Floats) -> float:
    """Standard deviation of white noise in ``grey`` (H, W), from the Haar wavelet's diagonal band.

    median |a - b - c + d| / 2 / 0.6745 over blocks of 2x2 (Donoho and Johnstone, "Ideal spatial adaptation by wavelet
    shrinkage", Biometrika 81(3), 1994). Fine texture makes it too large, noise smoothed by a camera too small.
    """
    height, width = (length // 2 * 2 for length in grey.shape)
    a, b, c, d = (grey[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1))
    return float(np.median(np.abs(a - b - c + d))) / 2 / 0.6745 if a.size else 0.0


def above_noise(noise_std: float, sigma_px: float) -> float:
    """Sobel magnitude that hardly any white noise reaches after a Gaussian of ``sigma_px``.

    Noise of 1 has a Sobel gradient of 8 / sqrt(8 pi) / sigma^2 = 1.6 / sigma^2 in each direction; five times that is
    safe.
    """
    return 5 * noise_std * 1.6 / sigma_px**2


def gradient_energy(grey: Floats, scale_px: float, noise_variance: float = 0.0) -> Floats:
    """Squared gradient of ``grey`` (H, W) under Gaussian derivatives, less what white noise adds on average.

    White noise of 1 adds 2 / (8 pi scale^4); where it adds less than that, the answer is below 0.
    """
    from scipy.ndimage import gaussian_gradient_magnitude

    energy = np.asarray(gaussian_gradient_magnitude(grey, scale_px, mode="nearest")) ** 2
    return energy - 2 * noise_variance / (8 * np.pi * scale_px**4)
