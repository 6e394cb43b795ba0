"""The Wiener filter: the optimal linear inverse of a known blur, for noise and images of known spectra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from refocal.methods.levels import MAX_CONTEXT_PX, deconvolve_blur
from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2, slope_energy
from refocal.types import Array, Blur, Image, Needs, Tiling


@dataclass(frozen=True)
class Wiener:
    """X = conj(K) Y / (|K|^2 + noise_to_signal |D|^2), |D|^2 = |D_x|^2 + |D_y|^2 of first differences.

    The power of natural images falls with the square of frequency, so 1 / |D|^2 models their spectrum; as |D| is 0 at
    frequency zero, brightness is kept exactly. White noise is assumed; the image is extended by mirroring.

    References: Wiener, "Extrapolation, interpolation, and smoothing of stationary time series", MIT Press 1949; the
    spectrum: Field, "Relations between the statistics of natural images and the response properties of cortical
    cells", JOSA A 1987.

    Attributes:
        noise_to_signal: Noise power over that of the image's first differences (0.01: noise of 0.4 % where
            neighbouring pixels differ by 4 %, a good camera's).

    Raises:
        ValueError: If it isn't positive and finite.
    """

    needs: ClassVar[Needs] = "blur"

    noise_to_signal: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.noise_to_signal < math.inf:
            raise ValueError(f"Give a noise_to_signal above 0, not {self.noise_to_signal}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        return deconvolve_blur(image, blur, self._periodic, self.tiling)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur (docs/log.md)."""
        return Tiling(min(round(24 * half_px * (0.01 / self.noise_to_signal) ** 0.5), MAX_CONTEXT_PX) + 16)

    def _periodic(self, image: Image, kernel: Array) -> Image:
        xp = array_namespace(image)
        shape = tuple(image.shape[-2:])
        transfer = kernel_spectrum(kernel, image, shape)
        power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
        inverse = xp.conj(transfer) / (power + self.noise_to_signal * slope_energy(image, shape))
        return irfft2(rfft2(image, shape) * inverse, shape)
