"""Deconvolution with a hyper-Laplacian prior on gradients, by half-quadratic splitting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace, device

from refocal.methods.levels import MAX_CONTEXT_PX, deconvolve_blur
from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2, slope_energy
from refocal.types import Array, Blur, Image, Needs, Tiling


@dataclass(frozen=True)
class HyperLaplacian:
    """min_x weight/2 |k * x - y|^2 + sum |D_x x|^exponent + |D_y x|^exponent.

    Auxiliary variables w replace the gradients, coupled by beta/2 |D x - w|^2 with beta growing from 1 by factors of
    2 sqrt 2 while below 256 (eq. 3). For each beta, once: every w by a table of the one-dimensional problem (eq. 5),
    then x by X = (conj(K) Y + beta/weight conj(D) W) / (|K|^2 + beta/weight |D|^2) (eq. 4). The image is extended by
    mirroring; white noise is assumed.

    Reference: Krishnan & Fergus, "Fast image deconvolution using hyper-Laplacian priors", NIPS 2009.

    Attributes:
        weight: Weight of the data term against the prior (2000 in the paper, for noise of about 1 %).
        exponent: Exponent of the prior, in (0, 2): 2/3 is the paper's; 1 is total variation; at most 1 keeps edges.
        softening: Half-width of the softened threshold as a fraction of it, in [0, 1). The exact solution jumps at the
            threshold, and a difference of 1e-5 (another tile, another FFT) moves single pixels by 0.02. Softening makes
            tiles agree within 1e-3 and scores a little higher (docs/log.md); 0 is the paper's.

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    weight: float = 2000.0
    exponent: float = 2 / 3
    softening: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"Give a weight above 0, not {self.weight}.")
        if not 0 < self.exponent < 2:
            raise ValueError(f"Give an exponent between 0 and 2, not {self.exponent}.")
        if not 0 <= self.softening < 1:
            raise ValueError(f"Give a softening of at least 0 and below 1, not {self.softening}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        return deconvolve_blur(image, blur, self._periodic, self.tiling)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur (docs/log.md)."""
        return Tiling(min(round(48 * half_px * (self.weight / 2000) ** 0.5), MAX_CONTEXT_PX) + 16)

    def _periodic(self, image: Image, kernel: Array) -> Image:
        xp = array_namespace(image)
        shape = tuple(image.shape[-2:])
        transfer = kernel_spectrum(kernel, image, shape)
        power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
        data = xp.conj(transfer) * rfft2(image, shape)
        slopes = slope_energy(image, shape)
        restored, beta = image, 1.0
        while beta < 256:
            coupling = beta / self.weight
            prior = xp.zeros_like(image)  # D^T w
            for axis in (-2, -1):
                step = _shrink(xp.roll(restored, -1, axis=axis) - restored, beta, self.exponent, self.softening)
                prior += xp.roll(step, 1, axis=axis) - step
            restored = irfft2((data + coupling * rfft2(prior, shape)) / (power + coupling * slopes), shape)
            beta *= 2 * 2**0.5
        return restored


STEP = 1 / 4096
"""Spacing of the table: a slope of 1/255 has sixteen entries below it; linear in between."""


def _shrink(slope: Array, beta: float, exponent: float, softening: float = 0.0) -> Array:
    """argmin_w |w|^exponent + beta/2 (w - slope)^2 for every slope in [-2, 2], from a table."""
    xp = array_namespace(slope)
    if exponent == 1:
        return slope - xp.clip(slope, min=-1 / beta, max=1 / beta)
    table = xp.asarray(_shrink_table(beta, exponent, softening), dtype=slope.dtype, device=device(slope))
    position = xp.clip(slope, min=-2.0 + STEP, max=2.0 - STEP) * (1 / STEP) + (table.shape[0] - 1) // 2
    index = xp.astype(position, xp.int32)
    low = xp.reshape(xp.take(table, xp.reshape(index, (-1,))), slope.shape)
    high = xp.reshape(xp.take(table, xp.reshape(index + 1, (-1,))), slope.shape)
    return low + (position - xp.astype(index, slope.dtype)) * (high - low)


@lru_cache(maxsize=64)
def _shrink_table(beta: float, exponent: float, softening: float) -> np.ndarray:
    """The same for slopes -2, -2 + STEP, ..., 2, with the softened threshold."""
    w = _exact_table(beta, exponent)
    threshold = int(np.argmax(w > 0))
    low, high = round((1 - softening) * threshold), min(round((1 + softening) * threshold), len(w) - 1)
    if exponent < 1 and high > low:
        w[low : high + 1] = np.linspace(0, w[high], high - low + 1)
    return np.concatenate([-w[:0:-1], w])


def _exact_table(beta: float, exponent: float) -> np.ndarray:
    """For slopes 0, STEP, ..., 2: by Newton's method from the slope, compared with w = 0."""
    slope = np.arange(0, 2 + STEP / 2, STEP)
    w = slope.copy()
    # The objective is convex above its inflection point, where the root of its derivative lies: Newton from above
    # converges.
    knee = (exponent * (1 - exponent) / beta) ** (1 / (2 - exponent)) if exponent < 1 else 0.0
    for _ in range(60):
        safe = np.maximum(w, max(knee, 1e-12))
        first = exponent * safe ** (exponent - 1) + beta * (safe - slope)
        second = exponent * (exponent - 1) * safe ** (exponent - 2) + beta
        w = np.clip(safe - np.divide(first, second, out=np.zeros_like(first), where=second > 1e-9), knee, slope + knee)
    kept = w**exponent + beta / 2 * (w - slope) ** 2
    return np.where((kept < beta / 2 * slope**2) & (w <= slope), w, 0.0)
