"""How likely each of 23 disk radii is at each place of a photo, from the energy of its local spectra.

A disk of radius r leaves |OTF_r(f)|^2 of a sharp photo's energy at frequency f. What a window's content is isn't known,
but sharp photos resemble each other: seen through the gradient, their spectra are nearly flat. So the energies in rings
of frequency, as logarithms and but for the unknown contrast, scatter about a mean that tells the radius. Mean and
covariance per radius were measured (``benchmarks/learn_spectra.py``); photo noise is added by formula.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refocal.estimators.one_picture import unknown_blur
from refocal.images.grids import enlarge, reduce_mean
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import LEVELS_PX
from refocal.propagation.domain_transform import domain_transform
from refocal.types import Image

Floats = npt.NDArray[np.floating]

SIDE_PX = 32  # of the windows: wide enough to tell the largest disk's rings apart
RINGS = (*range(2, 13), 14, 16, 19, 23)  # a ring's frequencies begin at n / 32 and end before the next one's
TABLE = Path(__file__).with_name("local_spectra.npy")

# What is tried for each radius, as logs over the photo's noise: the window's contrast, up to black beside white, and
# what JPEG and the like add to the noise in this window (their spectrum is that of white noise within a factor of 2).
_NUISANCES = tuple((gain, extra) for extra in (0, 2, 4, 6, 8) for gain in np.arange(extra - 1, 15, 1.25))
_MISFIT = 0.5  # standard deviation of a log energy that no table explains (other lenses, JPEG); 0.1 to 0.6 do alike
_QUANTISED_VARIANCE = 1 / 12 / 255**2  # of rounding to 8 bits
_WINDOWS = 2048  # looked at together, some 60 MB
_STEP_PX = 4  # of the grid, for a photo small enough

# Of the smoothing, chosen on 12 training photos with made blur, by the error at edges and then everywhere. Half or
# twice of a reach or weight changes the error at edges by less than a tenth, except where noted.
_WORST = -8.0  # no window may rule a radius out more firmly than by e^-8: near edges of the map, windows see two radii
_CONTRAST = 3e3  # energy over noise where a window counts half; with 300, flat parts of JPEG photos read 0.4 px worse
_NEAR_CELLS, _FAR_SHARE, _FAR_WEIGHT = 2.0, 0.25, 0.3  # reaches: in cells, and as share of the shorter side
_NO_CONTENT = 2e-3  # weight of the best window below which the photo shows nothing but noise
_GUIDE_STEP = 1.0  # sum of the channels' changes that stops the smoothing
_SHARPEN = 5.0  # windows overlap, but each is looked at with its neighbours' weight; 1 doubles the error


def grid_step_px(shape: tuple[int, int], max_propagation_mp: float) -> int:
    """Side of the grid's cells for a photo of ``shape``: 4 px up to ``max_propagation_mp``, in proportion above."""
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
    # Both derivatives in one complex picture: their cross terms cancel between f and -f, which lie in the same ring.
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
    """The window, of unit energy, and the matrix (32 * 32, rings) that takes the mean over each ring."""
    hann = np.sin(np.pi * (np.arange(SIDE_PX) + 0.5) / SIDE_PX) ** 2
    taper = np.outer(hann, hann)
    frequency = np.fft.fftfreq(SIDE_PX, 1 / SIDE_PX)
    distance = np.hypot(frequency[:, None], frequency).ravel() + 0.5  # so that ring n is centred on n
    rings = np.stack([(distance >= a) & (distance < b) for a, b in pairwise(RINGS)], 1)
    return (taper / np.linalg.norm(taper)).astype(np.float32), (rings / rings.sum(0)).astype(np.float32)


def noise_variance(energies: Floats, channels: int) -> float:
    """Variance of white noise: what the emptiest windows hold in the finest ring, but at least 8-bit rounding's."""
    finest = energies[..., -1]
    finest = finest[finest > 0]  # windows of one colour tell nothing
    rounding = _QUANTISED_VARIANCE * (0.447 if channels == 3 else 1)  # luma's weights, squared
    if finest.size == 0:
        return rounding
    # A twentieth of windows with nothing but noise hold less than 1 / 1.4 of its mean.
    return max(float(np.percentile(finest, 5)) * 1.4 / math.exp(_table()[-1, 0, -1]), rounding)


def log_likelihoods(energies: Floats, variance: float) -> tuple[Floats, Floats]:
    """Log-likelihood of each radius (23, h, w), at most 0, and how much each window should count (h, w), [0, 1].

    With x the log energies over those of the photo's noise, log p(x | r) is the largest, over contrasts a and extra
    noise n, of a normal density whose mean in ring f is log(e^(a + m_f(r)) + e^n), and whose covariance is that of
    sharp photos and that of noise, each in its share.
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
    """Smooth the log-likelihoods over the grid, but not across the photo's edges, and take the mean radius under them.

    Each cell adds up the evidence near by and, with less weight, the mean evidence far around, which decides where
    nothing near by tells: a plain relative of the random field that the original solves.

    Args:
        likelihoods: (23, h, w) from ``log_likelihoods``.
        weight: (h, w), how much each cell counts.
        image: (1 or 3, H, W), the photo.
        step_px: Side of a cell.
        max_radius_px: Larger radii are cut to it.

    Returns:
        A radius in [0, 6] and its confidence for each pixel: by how much the evidence near by narrows the choice.
    """
    shape = image.shape[1:]
    if weight.max() < _NO_CONTENT:
        return unknown_blur(shape)
    guide = np.stack([reduce_mean(plane, step_px) for plane in image])
    evidence = np.concatenate([np.maximum(likelihoods, _WORST) * weight, weight[None]])
    near = domain_transform(evidence, guide, _NEAR_CELLS, _GUIDE_STEP)[:-1]
    far = domain_transform(evidence, guide, _FAR_SHARE * min(weight.shape), _GUIDE_STEP)
    both = near + _FAR_WEIGHT * far[:-1] / np.maximum(far[-1], 1e-6)
    radius, _ = _mean_and_deviation(_SHARPEN * both)
    _, deviation = _mean_and_deviation(near)
    confidence = np.clip(1 - deviation / np.std((0, *LEVELS_PX[1:])), 0, 1)
    return BlurMap(
        enlarge(np.minimum(radius, max_radius_px), shape, step_px), confidence=enlarge(confidence, shape, step_px)
    )


def _mean_and_deviation(log_weights: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the radius, (h, w), under weights e^``log_weights`` (23, h, w)."""
    share = np.exp(log_weights - log_weights.max(0))
    share /= share.sum(0)
    radii = np.array((0, *LEVELS_PX[1:]), np.float32)  # the first stands for no blur
    mean = np.tensordot(radii, share, 1)
    square = np.tensordot(radii**2, share, 1)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.float64]:
    """(24, 1 + rings, rings): of each radius, and last of noise, the log energies' mean and below it their
    covariance.
    """
    return np.asarray(np.load(TABLE), np.float64)


@lru_cache(maxsize=1)
def _hypotheses() -> npt.NDArray[np.float32]:
    """The log of the normal densities, for each radius and contrast, as factors of x_i x_j (i <= j), x_i and 1."""
    table = _table()
    noise_mean, noise_covariance = table[-1, 0], table[-1, 1:]
    identity = np.eye(len(noise_mean))
    columns = []
    for signal_mean, signal_covariance in ((row[0], row[1:]) for row in table[:-1]):
        for gain, extra in _NUISANCES:
            over_noise = signal_mean - noise_mean + gain
            mean = np.logaddexp(over_noise, extra)
            signal = 1 / (1 + np.exp(extra - over_noise))  # its share of the energy
            # The 1 is the contrast's own variance, more than wide enough to reach the next one that is tried.
            covariance = np.outer(signal, signal) * (signal_covariance + 1)
            covariance += np.outer(1 - signal, 1 - signal) * noise_covariance + _MISFIT**2 * identity
            precision = np.linalg.inv(covariance)
            linear = precision @ mean
            constant = -(mean @ linear + np.linalg.slogdet(covariance)[1]) / 2
            quadratic = (-precision * (1 - identity / 2))[np.triu_indices(len(mean))]
            columns.append(np.concatenate([quadratic, linear, [constant]]))
    return np.stack(columns, 1).astype(np.float32)
