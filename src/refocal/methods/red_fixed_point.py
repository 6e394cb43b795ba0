"""Regularisation by denoising (RED), solved by its fixed point."""

from __future__ import annotations

import math
from dataclasses import dataclass

from array_api_compat import array_namespace

from refocal.methods import red
from refocal.methods.denoisers import DenoiserOption
from refocal.optics.blur import Psf
from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2
from refocal.types import Blur, Image

INEXACTNESS = 0.3
"""What part of an error the Chebyshev steps may leave: the next iteration starts there. On kodim19's crop 200
iterations of the 4 steps that this takes end within 0.001 dB of exact ones."""


@dataclass(frozen=True)
class RedFixedPoint:
    """x <- (H^T H / s^2 + weight I)^-1 (H^T y / s^2 + weight f(x)), clipped, from x = y, with a denoiser f.

    Written with RED's gradient g that is x <- x - (H^T H / s^2 + (1 + inertia) weight I)^-1 g(x). Under a ``Psf`` that
    wraps around the inverse is exact, by Fourier transforms; any other blur is met with a few Chebyshev steps.

    Reference: Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising (RED)", SIAM Journal
        on
    Imaging Sciences 2017, its fixed-point strategy; the defaults are those of the authors' program for uniform blur.

    Attributes:
        num_iter: Number of iterations (200), each with one call of the denoiser.
        weight: Of the prior against the data (0.02).
        noise_std_levels: Noise s of the blurred picture, in levels of 8 bit (the square root of 2).
        denoiser_std_levels: Noise that the denoiser is told to remove, in levels of 8 bit (3.25); a median ignores it.
        denoiser: "median" (of 3x3 pixels, which the paper uses as well), "network" (a small one of ours: far better
            where there is hardly any noise, worse above 2 levels of it) or the path of an .onnx file; in Python also a
            function f(image, noise_std).
        inertia: 0 is the paper's. More makes the steps shorter, to the same end; 1 is enough for every denoiser that
            doesn't enlarge differences. The median turns narrow stripes into their opposite: with 0 it ends in two
            pictures by turns, 0.003 apart on kodim19.

    Raises:
        ValueError: If an option is outside its range.
    """

    num_iter: int = 200
    weight: float = 0.02
    noise_std_levels: float = 2**0.5
    denoiser_std_levels: float = 3.25
    denoiser: DenoiserOption = "median"
    inertia: float = 1.0

    def __post_init__(self) -> None:
        red.check(self)

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under any blur with ``apply`` and ``adjoint``.

        Raises:
            InputError: If no blur is given, a map of another size, or there is no such denoiser.
        """
        blur = red.known(blur)
        shift = (1 + self.inertia) * red.pull(self)
        if isinstance(blur, Psf) and blur.boundary == "periodic":
            inverse = _fourier_inverse(image, blur, shift)
        else:
            inverse = _chebyshev_inverse(image, blur, shift)
        return red.descend(self, image, blur, inverse)

    def context_px(self, half_px: int) -> int:
        """How far the input matters to 1e-3, for a kernel reaching ``half_px`` that fits the blur."""
        return red.context_px(self, half_px)

    @property
    def multiple(self) -> int:
        """Tiles must begin at multiples of this, where the denoiser is a network."""
        return red.multiple(self)

    @property
    def working_bytes(self) -> int:
        """What is held at once per pixel of a tile."""
        return red.working_bytes(self)


def _fourier_inverse(like: Image, blur: Psf, shift: float) -> red.Operator:
    """(H^T H + shift I)^-1 for a kernel that wraps around."""
    xp = array_namespace(like)
    shape = (like.shape[-2], like.shape[-1])
    transfer = kernel_spectrum(blur.kernel, like, shape)
    inverse = 1 / (xp.real(transfer) ** 2 + xp.imag(transfer) ** 2 + shift)
    return lambda gradient: irfft2(rfft2(gradient, shape) * inverse, shape)


def _chebyshev_inverse(like: Image, blur: Blur, shift: float) -> red.Operator:
    """(H^T H + shift I)^-1 up to ``INEXACTNESS``, by the Chebyshev iteration from 0, every pixel scaled by its row's
    sum.

    Unlike those of conjugate gradients its coefficients don't depend on the picture: parts far from each other stay
    apart, which tiles and batches ask for.

    Reference: Saad, "Iterative methods for sparse linear systems", 2nd edition, SIAM 2003, algorithm 12.1.
    """
    scale = 1 / (red.row_sums(like, blur) + shift)
    least = shift / (
        1 + shift
    )  # eigenvalue of what is inverted, scaled, where row sums are 1; the largest is 1 anywhere
    middle, half_width = (1 + least) / 2, (1 - least) / 2
    ratio = middle / half_width
    num_steps = math.ceil(math.acosh(1 / INEXACTNESS) / math.acosh(ratio))

    def solve(residual: Image) -> Image:
        change = scale * residual / middle
        solution, rho = change, 1 / ratio
        for _ in range(num_steps - 1):
            residual = residual - blur.adjoint(blur.apply(change)) - shift * change
            rho, before = 1 / (2 * ratio - rho), rho
            change = rho * before * change + (2 * rho / half_width) * scale * residual
            solution = solution + change
        return solution

    return solve
