"""Likelihood of 23 disk radii at each location of a photo, from the energy of its local spectra.

A disk of radius r multiplies the energy of a sharp photo at frequency f by |OTF_r(f)|^2. The content of a window is
unknown, but the gradient spectra of sharp photos are nearly flat. Therefore the log energies in rings of frequency, up
to the unknown contrast, are distributed about a mean that depends on the radius. Mean and covariance per radius were
measured (``benchmarks/learn_spectra.py``); photo noise is added analytically.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refocal.estimators.common import full_size_map, reduce_image, unknown_blur
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import LEVELS_PX
from refocal.propagation.domain_transform import domain_transform
from refocal.types import Image

Floats = npt.NDArray[np.floating]

SIDE_PX = 32  # side of the windows: wide enough to resolve the OTF of the largest disk
RINGS = (*range(2, 13), 14, 16, 19, 23)  # a ring covers the frequencies from n / 32 up to the start of the next ring
TABLE = Path(__file__).with_name("local_spectra.npy")

# Hypotheses for each radius, as logs over the photo's noise: the window's contrast, up to black beside white, and the
# noise that e.g. JPEG adds in this window (its spectrum is that of white noise within a factor of 2).
_NUISANCES = tuple((gain, extra) for extra in (0, 2, 4, 6, 8) for gain in np.arange(extra - 1, 15, 1.25))
_MISFIT = 0.5  # standard deviation of model errors in a log energy (other lenses, JPEG); 0.1 to 0.6 perform alike
_QUANTISED_VARIANCE = 1 / 12 / 255**2  # variance of rounding to 8 bits
_WINDOWS = 2048  # windows per batch, some 60 MB
_STEP_PX = 4  # step of the grid for small photos

# Parameters of the smoothing, chosen on 12 training photos with synthetic blur, by the error at edges and then
# everywhere. Half or double an extent or weight changes the error at edges by less than a tenth, except where noted.
_MIN_LOG_LIKELIHOOD = -8.0  # lower limit per window: near edges of the map, windows contain two radii
_CONTRAST = 3e3  # energy over noise at weight one half; 300 adds 0.4 px of error in flat areas of JPEG photos
_NEAR_CELLS, _FAR_SHARE, _FAR_WEIGHT = 2.0, 0.25, 0.3  # extents in cells, and as a fraction of the shorter side
_MIN_CONTENT = 2e-3  # maximum weight of a window below which the photo contains only noise
_GUIDE_STEP = 1.0  # step of the guide, summed over its channels, that stops the smoothing
_SHARPEN = 5.0  # exponent of the pooled likelihoods; 1 doubles the error


def grid_step_px(shape: tuple[int, int], max_propagation_mp: float) -> int:
    """Side of the grid's cells for a photo of ``shape``: 4 px up to ``max_propagation_mp``, proportional above."""
    return math.ceil(_STEP_PX * max((shape[0] * shape[1] / (1e6 * max_propagation_mp)) ** 0.5, 1))


def ring_energies(grey: Floats, step_px: int) -> npt.NDArray[np.float32]:
    """Energy of the gradient of ``grey`` (H, W) around the centre of each cell of ``step_px``; (h, w, rings)."""
    from scipy import fft

    height, width = grey.shape
    before = (SIDE_PX - step_px) // 2 if step_px < SIDE_PX else 0
    rows, columns = -(-height // step_px), -(-width // step_px)
    skip = max(step_px - SIDE_PX, 0) // 2
    after = [cells * step_px + SIDE_PX - length for cells, length in ((rows, height), (columns, width))]
    padded = np.pad(np.asarray(grey, np.float32), [(before, more) for more in after], mode="symmetric")
    # Both derivatives in one complex image: their cross terms cancel between f and -f, which lie in the same ring.
    gradient = np.empty((padded.shape[0] - 1, padded.shape[1] - 1), np.complex64)
    gradient.real = np.diff(padded, axis=1)[:-1]
    gradient.imag = np.diff(padded, axis=0)[:, :-1]
    windows = np.lib.stride_tricks.sliding_window_view(gradient[skip:, skip:], (SIDE_PX, SIDE_PX))[::step_px, ::step_px]
    taper, rings = _taper_and_rings()
    out = np.empty((rows, columns, len(RINGS) - 1), np.float32)
    for row in range(rows):
        for first in range(0, columns, _WINDOWS):
            part = windows[row, first : min(first + _WINDOWS, columns)] * taper
            spectra = fft.fft2(part, overwrite_x=True)
            power = spectra.real**2 + spectra.imag**2
            out[row, first : first + len(part)] = power.reshape(len(part), -1) @ rings
    return out


@lru_cache(maxsize=1)
def _taper_and_rings() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Window function of unit energy (32, 32), and the matrix (32 * 32, rings) of means over each ring."""
    hann = np.sin(np.pi * (np.arange(SIDE_PX) + 0.5) / SIDE_PX) ** 2
    taper = np.outer(hann, hann)
    frequency = np.fft.fftfreq(SIDE_PX, 1 / SIDE_PX)
    distance = np.hypot(frequency[:, None], frequency).ravel() + 0.5  # so that ring n is centred on n
    rings = np.stack([(distance >= a) & (distance < b) for a, b in pairwise(RINGS)], 1)
    return (taper / np.linalg.norm(taper)).astype(np.float32), (rings / rings.sum(0)).astype(np.float32)


def noise_variance(energies: Floats, channels: int) -> float:
    """Variance of white noise, from the finest ring of the flattest windows; at least that of 8-bit rounding."""
    finest = energies[..., -1]
    finest = finest[finest > 0]  # constant windows carry no information
    rounding = _QUANTISED_VARIANCE * (0.447 if channels == 3 else 1)  # luma's weights, squared
    if finest.size == 0:
        return rounding
    # The 5th percentile of windows of pure noise is 1 / 1.4 of their mean.
    return max(float(np.percentile(finest, 5)) * 1.4 / math.exp(_table()[-1, 0, -1]), rounding)


def log_likelihoods(energies: Floats, variance: float) -> tuple[Floats, Floats]:
    """Log-likelihood of each radius for each window.

    With x the log energies relative to those of the photo's noise, log p(x | r) is the maximum, over contrasts a and
    extra noise n, of a normal log density whose mean in ring f is log(e^(a + m_f(r)) + e^n), and whose covariance
    combines that of sharp photos and that of noise by their fractions of the energy.

    Args:
        energies: (h, w, rings) from ``ring_energies``.
        variance: Variance of the photo's noise.

    Returns:
        Log-likelihoods (23, h, w), at most 0, and the weight of each window (h, w), [0, 1].
    """
    rows, columns, rings = energies.shape
    noise = _table()[-1, 0]
    flat = energies.reshape(-1, rings)
    out = np.empty((len(LEVELS_PX), len(flat)), np.float32)
    weight = np.empty(len(flat), np.float32)
    upper = np.triu_indices(rings)
    for first in range(0, len(flat), _WINDOWS):
        part = slice(first, first + _WINDOWS)
        x = np.log(flat[part] / variance + 1e-3) - noise
        products = np.concatenate([x[:, upper[0]] * x[:, upper[1]], x, np.ones((len(x), 1))], 1).astype(np.float32)
        each = (products @ _hypotheses()).reshape(len(x), len(LEVELS_PX), len(_NUISANCES))
        best = each.max(2)
        out[:, part] = (best - best.max(1, keepdims=True)).T
        contrast = np.exp(x[:, :3].mean(1))
        weight[part] = contrast / (contrast + _CONTRAST)
    return out.reshape(-1, rows, columns), weight.reshape(rows, columns)


def most_likely_radii(likelihoods: Floats, weight: Floats, image: Image, step_px: int, max_radius_px: float) -> BlurMap:
    """Smooth the log-likelihoods over the grid, but not across edges of the photo, and return the mean radius.

    Each cell sums the nearby evidence and, with a lower weight, the mean evidence over a large neighbourhood, which
    dominates where nearby evidence is missing: a simple substitute for the random field that the original solves.

    Args:
        likelihoods: (23, h, w) from ``log_likelihoods``.
        weight: (h, w), weight of each cell.
        image: (1 or 3, H, W), the photo.
        step_px: Side of the cells in pixels.
        max_radius_px: Upper limit of the radius.

    Returns:
        Radius in [0, 6] and confidence per pixel: the relative reduction of the radius' deviation by nearby evidence.
    """
    shape = image.shape[1:]
    if weight.max() < _MIN_CONTENT:
        return unknown_blur(shape)
    guide = reduce_image(image, step_px)
    evidence = np.concatenate([np.maximum(likelihoods, _MIN_LOG_LIKELIHOOD) * weight, weight[None]])
    near = domain_transform(evidence, guide, _NEAR_CELLS, _GUIDE_STEP)[:-1]
    far = domain_transform(evidence, guide, _FAR_SHARE * min(weight.shape), _GUIDE_STEP)
    both = near + _FAR_WEIGHT * far[:-1] / np.maximum(far[-1], 1e-6)
    radius, _ = _mean_and_deviation(_SHARPEN * both)
    _, deviation = _mean_and_deviation(near)
    confidence = np.clip(1 - deviation / np.std((0, *LEVELS_PX[1:])), 0, 1)
    return full_size_map(np.minimum(radius, max_radius_px), confidence, shape, step_px)


def _mean_and_deviation(log_weights: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the radius, (h, w), under weights e^``log_weights`` (23, h, w)."""
    weights = np.exp(log_weights - log_weights.max(0))
    weights /= weights.sum(0)
    radii = np.array((0, *LEVELS_PX[1:]), np.float32)  # the first stands for no blur
    mean = np.tensordot(radii, weights, 1)
    square = np.tensordot(radii**2, weights, 1)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.float64]:
    """Mean and, below it, covariance of the log energies per radius, and last of noise; (24, 1 + rings, rings)."""
    return np.asarray(np.load(TABLE), np.float64)


@lru_cache(maxsize=1)
def _hypotheses() -> npt.NDArray[np.float32]:
    """Log normal densities of each hypothesis as coefficients of x_i x_j (i <= j), x_i and 1; one column each."""
    table = _table()
    noise_mean, noise_covariance = table[-1, 0], table[-1, 1:]
    identity = np.eye(len(noise_mean))
    columns = []
    for signal_mean, signal_covariance in ((row[0], row[1:]) for row in table[:-1]):
        for gain, extra in _NUISANCES:
            over_noise = signal_mean - noise_mean + gain
            mean = np.logaddexp(over_noise, extra)
            signal = 1 / (1 + np.exp(extra - over_noise))  # its fraction of the energy
            # The 1 is the variance of the contrast: more than the distance to the next hypothesis.
            covariance = np.outer(signal, signal) * (signal_covariance + 1)
            covariance += np.outer(1 - signal, 1 - signal) * noise_covariance + _MISFIT**2 * identity
            precision = np.linalg.inv(covariance)
            linear = precision @ mean
            constant = -(mean @ linear + np.linalg.slogdet(covariance)[1]) / 2
            quadratic = (-precision * (1 - identity / 2))[np.triu_indices(len(mean))]
            columns.append(np.concatenate([quadratic, linear, [constant]]))
    return np.stack(columns, 1).astype(np.float32)
