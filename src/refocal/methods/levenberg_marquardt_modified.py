"""The modified Levenberg-Marquardt iteration (mLM), for a blur known as a function or, at once, by its kernel."""

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
"""Keeps 0 / 0 away where a picture lacks a frequency (the authors' programs have 1e-16 and 1e-7: 1e-6 dB apart)."""

MIN_NOISE_TO_SIGNAL = 1e-7
"""Noise of 0.03 % of the picture's contrast, less than 8 bits add: below, float32 would run out of digits."""


@dataclass(frozen=True)
class LevenbergMarquardtModified:
    """X <- X + conj(H) (Y - Fx) / (|H|^2 + a) in frequency space, with H = Fx / X re-estimated at every x, from x = y.

    a = damping * noise_to_signal, and noise over signal is sigma^2 / var(y), sigma estimated by Immerkaer's mask as the
    authors do, zeros beyond the edge included: on small pictures the outline counts as noise.

    A kernel's H needs no estimate. For a ``Psf``, and for the levels of a ``BlurMap``, H = K all along, and the
    iterations are summed up: X = Y + conj(K) / (|K|^2 + a) (1 - q^n) / (1 - q) (Y - K Y) with q = a / (|K|^2 + a),
    the edges continued as in every deconvolution here.

    Any other blur is iterated on. The division takes it to act alike everywhere and pictures to wrap around. Unless its
    ``boundary`` is "periodic", they are led from edge to edge over a margin, for the transforms only. H is then a rough
    guess, and after ten iterations rounding grows to 1e-2 in single pixels, in float64 too; scores do not change.

    Stopping early regularises further: under noise of 1 % the best is passed after 3 to 30 iterations.

    References: Belyaev & Fayolle, "Black-box image deblurring and defiltering", Signal Processing: Image
    Communication 2022; Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 1996.

    Attributes:
        num_iter: Number of iterations (100 in the authors' program, which gives sharpness_loss's published picture; its
            section IV says 250).
        damping: Times noise over signal (100 in the authors' program).
        noise_to_signal: Noise variance over the picture's; estimated by default, for every channel (and tile) by
            itself.

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
        """How far the input matters to 1e-3, for a kernel reaching ``half_px`` that fits the blur, at the noise given.

        Where it is to be estimated, as far as any method here looks; every tile then finds a noise of its own.
        """
        if self.noise_to_signal is None:
            return Tiling((MAX_CONTEXT_PX if half_px else 0) + 16)
        # Measured with n / a of 100, 1,000 and 36,000 on a photo: 1e-3 at 10, 25 and 110 half sides.
        reach = 2 + (self.num_iter / (self.damping * self.noise_to_signal)) ** 0.5
        return Tiling(min(round(reach * half_px), MAX_CONTEXT_PX) + 16)

    def _iterated(self, image: Image, blur: ForwardBlur | None, weight: Array | float) -> Image:
        xp = array_namespace(image)
        function = blur_function(blur)
        height, width = image.shape[-2:]
        periodic = getattr(blur, "boundary", "") == "periodic"

        def step(x: Image, predicted: Image, _: int) -> Image:
            x_whole, predicted_whole = (each if periodic else wrapped(each, 0) for each in (x, predicted))
            residual = image - predicted if periodic else wrapped(image - predicted, 0)
            shape = residual.shape[-2:]
            transfer = rfft2(predicted_whole, shape) / (rfft2(x_whole, shape) + TINY)
            power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
            change = irfft2(xp.conj(transfer) * rfft2(residual, shape) / (power + weight), shape)
            return x + change[..., :height, :width]

        return iterate(image, function, step, self.num_iter)

    def _summed(self, image: Image, kernel: Array, weight: Array | float) -> Image:
        xp = array_namespace(image)
        shape = image.shape[-2:]
        transfer = kernel_spectrum(kernel, image, shape)
        power = xp.real(transfer) ** 2 + xp.imag(transfer) ** 2
        share = power / (power + weight)  # 1 - q, what one iteration takes of the way
        share = xp.clip(share, min=xp.finfo(image.dtype).tiny, max=1 - xp.finfo(image.dtype).eps)
        sum_of_shares = -xp.expm1(self.num_iter * xp.log1p(-share)) / share
        gain = 1 + xp.conj(transfer) / (power + weight) * sum_of_shares * (1 - transfer)
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
    # A flat picture has nothing to restore: any large number tells so.
    return xp.clip(noise_std**2 / xp.clip(variance, min=1e-12), min=MIN_NOISE_TO_SIGNAL)
