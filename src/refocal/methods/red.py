"""Regularisation by denoising (RED), solved by its fixed point or by steepest descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from array_api_compat import array_namespace

from refocal.inference.network_file import NetworkFile
from refocal.methods.denoisers import DenoiserOption, NetworkDenoiser, denoiser_tiling, open_denoiser
from refocal.methods.levels import MAX_CONTEXT_PX, missing_blur
from refocal.optics.blur import Psf
from refocal.optics.fourier import irfft2, kernel_spectrum, rfft2
from refocal.types import Blur, Image, InputError, Needs, Tiling

LEVELS = 255
"""Noise is given in levels of 8 bits, as in the paper."""

BYTES_PER_PIXEL = 64 * 3
"""Memory of the solvers per pixel of a colour image, besides the denoiser's."""

INEXACTNESS = 0.3
"""The share of the error that the Chebyshev iteration may leave: the next iteration starts from there. On kodim19's
crop, 200 iterations with the 4 steps that this takes end within 0.001 dB of exact ones."""

Operator = Callable[[Image], Image]


@dataclass(frozen=True)
class RED:
    """argmin_x 1/(2 s^2) |H x - y|^2 + weight/2 x^T (x - f(x)), with a denoiser f and the noise s of the blurred y.

    For a good denoiser the gradient is g(x) = H^T (H x - y) / s^2 + weight (x - f(x)); for any f, both solvers converge
    to a zero of it. Both repeat x <- clip(x - P g(x)) from x = y:

    - fixed point: P = (H^T H / s^2 + (1 + inertia) weight I)^-1; with inertia 0 this is the paper's
      x <- (H^T H / s^2 + weight I)^-1 (H^T y / s^2 + weight f(x)). Under a ``Psf`` with periodic boundary the inverse
      is exact, by Fourier transforms; under any other blur it is a few Chebyshev steps.
    - steepest descent: P = 2 / (D / s^2 + (1 + inertia) weight). In the paper D is 1, the squared largest gain of a
      blur that wraps around and keeps brightness; here each pixel has its own, see ``row_sums``, because near a
      mirrored edge the paper's step diverges.

    The code multiplies g by s^2, which changes nothing.

    Reference: Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising (RED)", SIAM Journal
    on Imaging Sciences 2017; the defaults are those of the authors' program for uniform blur.

    Attributes:
        num_iter: Number of iterations, each with one call of the denoiser (200; the paper's steepest descent has 1500).
        weight: Weight of the prior against the data (0.02).
        noise_std_levels: Noise s of the blurred image, in levels of 8 bits (the square root of 2).
        denoiser_std_levels: Noise that the denoiser removes, in levels of 8 bits (3.25); a median ignores it.
        denoiser: "median" (of 3x3 pixels, which the paper uses as well), "network" (a small one of ours: far better
            where there is hardly any noise, worse above 2 levels of it) or the path of an .onnx file; in Python also a
            function f(image, noise_std).
        inertia: 0 is the paper's. A larger value shortens the steps and keeps the result; 1 suffices for every
            denoiser that doesn't amplify differences. The median inverts narrow stripes: with 0 the fixed point
            alternates between two images, 0.003 apart on kodim19, and steepest descent diverges where the image is
            sharp.
        solver: "fixed-point" or "steepest-descent"; the name of the method says which, so it is no flag.

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    num_iter: int = 200
    weight: float = 0.02
    noise_std_levels: float = 2**0.5
    denoiser_std_levels: float = 3.25
    denoiser: DenoiserOption = "median"
    inertia: float = 1.0
    solver: Literal["fixed-point", "steepest-descent"] = field(default="fixed-point", metadata={"named": True})

    def __post_init__(self) -> None:
        if self.num_iter < 1:
            raise ValueError(f"Give a num_iter of at least 1, not {self.num_iter}.")
        for name in ("weight", "noise_std_levels", "denoiser_std_levels"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Give a {name} above 0, not {getattr(self, name)}.")
        if not 0 <= self.inertia < math.inf:
            raise ValueError(f"Give an inertia of at least 0, not {self.inertia}.")
        if self.solver not in ("fixed-point", "steepest-descent"):
            raise ValueError(f"The solver is fixed-point or steepest-descent, not {self.solver!r}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under any blur with ``apply`` and ``adjoint``.

        Raises:
            InputError: If no blur is given, a map of another size, or there is no such denoiser.
        """
        if blur is None:
            raise missing_blur()
        if not (hasattr(blur, "apply") and hasattr(blur, "adjoint")):
            raise InputError(
                f"This method needs a blur with apply and adjoint, such as a Psf or a BlurMap, not {blur!r}."
            )
        shift = (1 + self.inertia) * self.prior_weight
        if self.solver == "steepest-descent":
            step = 2 / (row_sums(image, blur) + shift)
            return self._iterate(image, blur, lambda gradient: step * gradient)
        if isinstance(blur, Psf) and blur.boundary == "periodic":
            return self._iterate(image, blur, _fourier_inverse(image, blur, shift))
        return self._iterate(image, blur, _chebyshev_inverse(image, blur, shift))

    def tiling(self, half_px: int) -> Tiling:
        """Context beyond which an input changes the output by less than 1e-3; ``half_px`` is that of the kernel."""
        reach = round(24 * half_px * (0.04 / self.prior_weight) ** 0.5)  # measured with the median, on photos and maps
        denoiser = denoiser_tiling(open_denoiser(self.denoiser))
        context_px = min(reach, MAX_CONTEXT_PX) + 16 + denoiser.context_px
        return Tiling(context_px, denoiser.multiple, BYTES_PER_PIXEL + denoiser.bytes_per_pixel)

    @property
    def network(self) -> NetworkFile | None:
        """The denoiser's network; None for a median or a function."""
        denoiser = open_denoiser(self.denoiser)
        return denoiser.file if isinstance(denoiser, NetworkDenoiser) else None

    @property
    def prior_weight(self) -> float:
        """Weight s^2, of the prior against |H x - y|^2 / 2: the same number for images in levels and in [0, 1]."""
        return self.weight * self.noise_std_levels**2

    def _iterate(self, observed: Image, blur: Blur, precondition: Operator) -> Image:
        """Repeat x <- clip(x - P g(x)) from x = y; a kernel of one pixel is only divided by its sum."""
        xp = array_namespace(observed)
        denoise, noise_std = open_denoiser(self.denoiser), self.denoiser_std_levels / LEVELS
        if getattr(blur, "half_px", None) == 0:
            return xp.clip(observed / blur.apply(xp.ones_like(observed)), min=0.0, max=1.0)
        x = observed
        for n in range(self.num_iter):
            f = denoise(x, noise_std, turn=n) if isinstance(denoise, NetworkDenoiser) else denoise(x, noise_std)
            gradient = blur.adjoint(blur.apply(x) - observed) + self.prior_weight * (x - f)
            x = xp.clip(x - precondition(gradient), min=0.0, max=1.0)
        return x


def row_sums(like: Image, blur: Blur) -> Image:
    """D = H^T H 1, for every pixel the sum of its row of H^T H; (..., 1, H, W).

    For kernels without negative values D - H^T H is the Laplacian of a graph, so H^T H <= D, and a step divided by D
    does not diverge. D is 1 where the blur wraps around and keeps brightness, and differs only near a mirrored edge or
    where a map's radius changes; the largest eigenvalue would shorten the steps everywhere, and differently in every
    tile.
    """
    return blur.adjoint(blur.apply(array_namespace(like).ones_like(like[..., :1, :, :])))


def _fourier_inverse(like: Image, blur: Psf, shift: float) -> Operator:
    """(H^T H + shift I)^-1 for a kernel that wraps around."""
    xp = array_namespace(like)
    shape = (like.shape[-2], like.shape[-1])
    transfer = kernel_spectrum(blur.kernel, like, shape)
    inverse = 1 / (xp.real(transfer) ** 2 + xp.imag(transfer) ** 2 + shift)
    return lambda gradient: irfft2(rfft2(gradient, shape) * inverse, shape)


def _chebyshev_inverse(like: Image, blur: Blur, shift: float) -> Operator:
    """(H^T H + shift I)^-1 up to ``INEXACTNESS``, by the Chebyshev iteration from 0, scaled by the row sums.

    Unlike those of conjugate gradients its coefficients don't depend on the image, so distant parts don't affect each
    other, which tiles and batches need.

    Reference: Saad, "Iterative methods for sparse linear systems", 2nd edition, SIAM 2003, algorithm 12.1.
    """
    scale = 1 / (row_sums(like, blur) + shift)
    # Eigenvalues of the scaled operator where row sums are 1; the largest is 1 anywhere.
    smallest = shift / (1 + shift)
    middle, half_width = (1 + smallest) / 2, (1 - smallest) / 2
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
