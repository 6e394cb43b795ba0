"""Deconvolution with a sparse prior on first and second differences: reweighted least squares, conjugate gradients."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace

from refocal.methods.levels import MAX_CONTEXT_PX, missing_blur
from refocal.optics.arrays import as_like, to_numpy
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.boundary import pad
from refocal.optics.conjugate_gradients import conjugate_gradients
from refocal.types import Array, Blur, Image, Needs, Tiling

# Weights of d_x, d_y, d_xx, d_yy and d_xy in the authors' program.
DIFFERENCE_WEIGHTS = (1.0, 1.0, 0.25, 0.25, 0.25)
# w = 0.1 |d|^(exponent - 2), |d| at least 0.01: the authors' program. At a slope of 0.15 that is 1, the weight of the
# first pass.
REWEIGHTING, MIN_SLOPE = 0.1, 0.01
# The first with a Gaussian prior, then two with weights from the current estimate: the authors' program.
PASSES = 3

BYTES_PER_PIXEL = 30 * 12
"""Peak memory per pixel: about thirty float32 images in colour."""

MIN_LIGHT = 1e-4
"""Smallest light that a pixel beyond the edge sends into the image to be part of x: a thirtieth of a 6 px disk's
smallest."""


@dataclass(frozen=True)
class LevinSparse:
    """min_x |H x - y|^2 + weight sum_j sum_p w_j |d_j x(p)|^exponent, d_j the first and second differences.

    First with |d_j x|^2, then twice with w_j(p) |d_j x(p)|^2, w_j(p) = 0.1 w_j max(|d_j x(p)|, 0.01)^(exponent - 2)
    from the current estimate. Each time the normal equations (H^T H + weight sum_j D_j^T w_j D_j) x = H^T y are solved
    by conjugate gradients, channel by channel. White noise is assumed and no boundary condition: x is larger than the
    image by half a kernel on every side (unless the boundary is periodic). Where the kernel is a point the image stays
    as it is.

    A blur map is inverted whole, not level by level as in most methods here, since conjugate gradients need only H and
    H^T. That is both better and faster: on photos under ramps of radius 1 to 6 px it gained 1.0 to 1.8 dB (0.3 dB of it
    at the edge) over blended levels, in a tenth of their time, as no context is computed again for each level.

    References: Levin, Fergus, Durand & Freeman, "Image and depth from a conventional camera with a coded aperture", ACM
    Transactions on Graphics (SIGGRAPH) 2007, section 5; constants: the authors' program.

    Attributes:
        weight: Weight of the prior against the data term (0.001 to 0.01 are the authors'; 0.0005 was best under noise
            of 0.4 %, 0.003 under 1 %).
        exponent: Exponent of the prior, in (0, 2] (0.8 is the authors').
        num_iter: Maximum number of conjugate-gradient steps in each of the three passes (200 is the authors').
        tolerance: Residual of the normal equations, relative to |H^T y|, at which a pass ends (1e-6: 160 steps in all,
            and tiles agree within 1e-3; 1e-4 takes 50 and loses 0.1 dB).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    weight: float = 0.001
    exponent: float = 0.8
    num_iter: int = 200
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"Give a weight above 0, not {self.weight}.")
        if not 0 < self.exponent <= 2:
            raise ValueError(f"Give an exponent above 0 and at most 2, not {self.exponent}.")
        if self.num_iter < 1:
            raise ValueError(f"Give a num_iter of at least 1, not {self.num_iter}.")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"Give a tolerance between 0 and 1, not {self.tolerance}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        xp = array_namespace(image)
        if not isinstance(blur, (Psf, BlurMap)):
            raise missing_blur()
        if isinstance(blur, BlurMap):
            blur.check_size(image)
        if blur.half_px == 0:
            gain = float(blur.kernel[0, 0]) if isinstance(blur, Psf) else 1.0
            return xp.clip(image / gain, min=0.0, max=1.0)
        # Always in NumPy: over hundreds of steps two libraries' rounding errors grow to the size of the tolerance.
        restored = as_like(self._solve(to_numpy(image), blur), image)
        if isinstance(blur, BlurMap):
            restored = restored + _sharp_weight(blur, image) * (image - restored)
        return xp.clip(restored, min=0.0, max=1.0)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur."""
        return Tiling(min(24 * half_px, MAX_CONTEXT_PX) + 16, bytes_per_pixel=BYTES_PER_PIXEL)

    def _solve(self, image: Image, blur: Psf | BlurMap) -> Image:
        margin = 0 if blur.boundary == "periodic" else blur.half_px
        grown = blur
        if isinstance(blur, BlurMap):
            grown = replace(blur, radius_px=pad(blur.radius_px, (margin, margin), "replicate"))
        inside = (..., slice(margin, margin + image.shape[-2]), slice(margin, margin + image.shape[-1]))

        def data_term(x: Image) -> Image:
            return grown.adjoint(_only(inside, grown.apply(x)))

        x = pad(image, (margin, margin), "replicate")
        right = grown.adjoint(_only(inside, x))
        # No prior where no light is observed: else a tile that contains a larger radius would differ at its edge.
        light = _only(inside, np.ones_like(x[..., :1, :, :]))
        observed = ((light + grown.adjoint(light)) > MIN_LIGHT).astype(x.dtype)
        priors = [self.weight * both for both in differences(observed, operator.mul)]
        weights = priors
        for _ in range(PASSES):

            def normal(x: Image, weights: list[Array] = weights) -> Image:
                prior = [weight * slope for weight, slope in zip(weights, differences(x), strict=True)]
                return data_term(x) + differences_adjoint(prior, x)

            x = conjugate_gradients(normal, right, x, self.num_iter, self.tolerance)
            slopes = zip(priors, DIFFERENCE_WEIGHTS, differences(x), strict=True)
            weights = [prior * weight * self._reweighted(slope) for prior, weight, slope in slopes]
        return x[inside]

    def _reweighted(self, slope: Array) -> Array:
        return REWEIGHTING * np.maximum(np.abs(slope), MIN_SLOPE) ** (self.exponent - 2)


def differences(x: Image, combine: Callable[[Array, Array], Array] = operator.sub) -> list[Array]:
    """d_x, d_y, d_xx, d_yy and d_xy of (..., H, W), inside the image only; or products of the same pixels."""
    across, down = _pairs(x, -1, combine), _pairs(x, -2, combine)
    return [across, down, _pairs(across, -1, combine), _pairs(down, -2, combine), _pairs(across, -2, combine)]


def differences_adjoint(slopes: list[Array], like: Image) -> Image:
    """The sum of the five differences' adjoints, for images of the shape of ``like``."""
    height, width = like.shape[-2:]
    across, down, across_twice, down_twice, both = slopes
    across = across + _steps_adjoint(across_twice, -1, max(width - 1, 0)) + _steps_adjoint(both, -2, height)
    down = down + _steps_adjoint(down_twice, -2, max(height - 1, 0))
    return _steps_adjoint(across, -1, width) + _steps_adjoint(down, -2, height)


def _pairs(x: Array, axis: int, combine: Callable[[Array, Array], Array]) -> Array:
    return combine(x[..., 1:], x[..., :-1]) if axis == -1 else combine(x[..., 1:, :], x[..., :-1, :])


def _steps_adjoint(slope: Array, axis: int, size: int) -> Array:
    shape = (*slope.shape[:-1], size) if axis == -1 else (*slope.shape[:-2], size, slope.shape[-1])
    out = np.zeros(shape, slope.dtype)
    after, before = (out[..., 1:], out[..., :-1]) if axis == -1 else (out[..., 1:, :], out[..., :-1, :])
    after += slope
    before -= slope
    return out


def _only(inside: tuple[object, ...], x: Image) -> Image:
    """The observed part of x, zeros around."""
    out = np.zeros_like(x)
    out[inside] = x[inside]
    return out


def _sharp_weight(blur: BlurMap, like: Image) -> Array:
    """Interpolation weight of the levels whose kernel is a point, for every pixel; (..., 1, H, W)."""
    total = as_like(0 * blur.radius_px, like)[..., None, :, :]
    for kernel, weight, rows, columns in blur.levels(like):
        if tuple(kernel.shape) == (1, 1):
            total[..., rows, columns] += weight
    return total
