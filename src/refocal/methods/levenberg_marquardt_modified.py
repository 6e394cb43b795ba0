"""The modified Levenberg-Marquardt iteration (mLM), for a blur function, or in closed form for a known kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from refocal.methods.black_box import ForwardBlur, blur_function, iterate
from refocal.methods.levels import MAX_CONTEXT_PX, deconvolve_blur, wrapped
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import pad
from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2
from refocal.types import Array, Image, Needs, Tiling

TINY = 1e-16
"""Avoids 0 / 0 where an image lacks a frequency (the authors' programs have 1e-16 and 1e-7: 1e-6 dB apart)."""

MIN_NOISE_TO_SIGNAL = 1e-7
"""Noise of 0.03 % of the image's contrast, less than 8-bit quantisation; float32 is too coarse for less."""


@dataclass(frozen=True)
class LevenbergMarquardtModified:
    """X <- X + conj(H) (Y - Fx) / (|H|^2 + a) in frequency space, with H = Fx / X re-estimated at every x, from x = y.

    a = damping * noise_to_signal, and noise over signal is sigma^2 / var(y), sigma estimated by Immerkaer's mask as the
    authors do, with zeros beyond the edge: on small images the outline counts as noise.

    A kernel's H needs no estimate. For a ``Psf``, and for the levels of a ``BlurMap``, H = K throughout, and the
    iterations have a closed form: X = Y + conj(K) / (|K|^2 + a) (1 - q^n) / (1 - q) (Y - K Y) with
    q = a / (|K|^2 + a), the image extended as in every deconvolution here.

    Any other blur is iterated. The division assumes a spatially invariant blur and periodic images. Unless the blur's
    ``boundary`` is "periodic", a margin makes the images periodic, for the transforms only. H is then a rough estimate,
    and after ten iterations rounding errors grow to 1e-2 in single pixels, in float64 too; scores do not change.

    Stopping early regularises further: under noise of 1 % the optimum is reached after 3 to 30 iterations.

    References: Belyaev & Fayolle, "Black-box image deblurring and defiltering", Signal Processing: Image
    Communication 2022; Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 1996.

    Attributes:
        num_iter: Number of iterations (100 in the authors' program, which gives sharpness_loss's published image; its
            section IV says 250).
        damping: Factor of the noise-to-signal ratio in a (100 in the authors' program).
        noise_to_signal: Noise variance over the image's; estimated by default, separately for every channel (and tile).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    num_iter: int = 100
    damping: float = 100.0
    noise_to_signal: float | None = None

    def __post_init__(self) -> None:
        if self.num_iter < 1:
            raise ValueError(f"Give a num_iter of at least 1, not {self.num_iter}.")
        if not 0 < self.damping < math.inf:
            raise ValueError(f"Give a damping above 0, not {self.damping}.")
        if self.noise_to_signal is not None and not 0 < self.noise_to_signal < math.inf:
            raise ValueError(f"Give a noise_to_signal above 0, not {self.noise_to_signal}.")

    def __call__(self, image: Image, blur: ForwardBlur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a Psf, a BlurMap, a BlackBox, or any blur that has an ``apply``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        given = self.noise_to_signal
        weight = self.damping * (noise_to_signal(image) if given is None else given)
        if isinstance(blur, (Psf, BlurMap)):

            def summed(part: Image, kernel: Array) -> Image:
                return self._summed(part, kernel, weight)

            return deconvolve_blur(image, blur, summed, self.tiling)
        xp = array_namespace(image)
        return xp.clip(self._iterated(image, blur, weight), min=0.0, max=1.0)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur.

        It depends on ``noise_to_signal``. If that is estimated, each tile has its own estimate, and the context is the
        maximum of all methods.
        """
        if self.noise_to_signal is None:
            return Tiling((MAX_CONTEXT_PX if half_px else 0) + 16)
        # Measured with n / a of 100, 1,000 and 36,000 on a photo: 1e-3 at 10, 25 and 110 half-widths.
        reach = 2 + (self.num_iter / (self.damping * self.noise_to_signal)) ** 0.5
        return Tiling(min(round(reach * half_px), MAX_CONTEXT_PX) + 16)

    def _iterated(self, image: Image, blur: ForwardBlur | None, weight: Array | float) -> Image:
        xp = array_namespace(image)
        function = blur_function(blur)
        height, width = image.shape[-2:]
        periodic = getattr(blur, "boundary", "") == "periodic"

        def step(x: Image, predicted: Image, _: int) -> Image:
            x_periodic, predicted_periodic = (each if periodic else wrapped(each, 0) for each in (x, predicted))
            residual = image - predicted if periodic else wrapped(image - predicted, 0)
            shape = residual.shape[-2:]
            transfer = rfft2(predicted_periodic, shape) / (rfft2(x_periodic, shape) + TINY)
            power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
            change = irfft2(xp.conj(transfer) * rfft2(residual, shape) / (power + weight), shape)
            return x + change[..., :height, :width]

        return iterate(image, function, step, self.num_iter)

    def _summed(self, image: Image, kernel: Array, weight: Array | float) -> Image:
        xp = array_namespace(image)
        shape = image.shape[-2:]
        transfer = kernel_spectrum(kernel, image, shape)
        power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
        rate = power / (power + weight)  # 1 - q
        rate = xp.clip(rate, min=xp.finfo(image.dtype).tiny, max=1 - xp.finfo(image.dtype).eps)
        geometric_sum = -xp.expm1(self.num_iter * xp.log1p(-rate)) / rate
        gain = 1 + xp.conj(transfer) / (power + weight) * geometric_sum * (1 - transfer)
        return irfft2(rfft2(image, shape) * gain, shape)


def noise_to_signal(image: Image) -> Array:
    """sigma^2 / var(y) of every image and channel; (..., C, H, W) to (..., C, 1, 1).

    sigma = sqrt(pi/2) / (6 (W-2) (H-2)) * sum |y * M|, M the outer product of (1, -2, 1) with itself.
    """
    xp = array_namespace(image)
    height, width = image.shape[-2:]
    curved = pad(image, (2, 2), "zero")
    curved = curved[..., 2:, :] - 2 * curved[..., 1:-1, :] + curved[..., :-2, :]
    curved = curved[..., 2:] - 2 * curved[..., 1:-1] + curved[..., :-2]
    total = xp.sum(xp.abs(curved), axis=(-2, -1), keepdims=True)
    noise_std = total * (math.sqrt(math.pi / 2) / (6 * max(width - 2, 1) * max(height - 2, 1)))
    variance = xp.var(image, axis=(-2, -1), keepdims=True)
    # A flat image has nothing to restore: any large value will do.
    return xp.clip(noise_std**2 / xp.clip(variance, min=1e-12), min=MIN_NOISE_TO_SIGNAL)
