"""Deblurring when the blur is available only as a function F on images: shared by the three iterative methods.

For a linear, spatially invariant F, rot F(rot z) is the adjoint F^T z, with rot the rotation by 180 degrees. This is
exact without edge effects, that is under a periodic or zero boundary.

Reference: Belyaev & Fayolle, "Black-box image deblurring and defiltering", Signal Processing: Image Communication 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from array_api_compat import array_namespace

from refocal.methods.levels import missing_blur
from refocal.optics.arrays import as_like
from refocal.optics.blur import BlurMap
from refocal.types import Boundary, Encoding, Image, InputError

Function = Callable[[Image], Image]
"""Maps an image (..., C, H, W) to one of the same shape."""

Step = Callable[[Image, Image, int], Image]
"""Maps x, F(x) and the iteration number, counted from 1, to the next x."""

DIVERGENCE_RATIO = 16.0
"""Ratio of an iterate's squared error to the smallest so far above which it counts as diverged (4 in amplitude)."""


class ForwardBlur(Protocol):
    """A blur that can be applied; it needs no adjoint."""

    def apply(self, sharp: Image) -> Image:
        """F(x): blur a sharp image; same shape."""
        ...


@dataclass(frozen=True)
class BlackBox:
    """A blur given as a function, linear or not, without any other property.

    For the methods that use a blur through ``apply`` alone: landweber-accelerated, richardson-lucy-modified and
    levenberg-marquardt-modified.

    Example: ``BlackBox(lambda image: scipy.ndimage.uniform_filter(image, (1, 5, 5)))``.

    Attributes:
        function: Maps an image (..., C, H, W) to its blurred version of the same shape; must not modify its argument.
        boundary: The function's boundary condition; "mirror" if it is unknown.
        encoding: Encoding of the images that it blurs, as in ``Psf``.
    """

    function: Function
    boundary: Boundary = "mirror"
    encoding: Encoding = "linear"

    def apply(self, sharp: Image) -> Image:
        """F(x); (..., C, H, W) to the same, in the dtype of ``sharp``.

        Raises:
            InputError: If the function returns an image of another shape.
        """
        blurred = self.function(sharp)
        if tuple(blurred.shape) != tuple(sharp.shape):
            shapes = f"{tuple(blurred.shape)} for an image of shape {tuple(sharp.shape)}"
            raise InputError(f"The blur function returned {shapes}: give one that keeps (..., channel, height, width).")
        return as_like(blurred, sharp)


def blur_function(blur: ForwardBlur | None) -> Function:
    """The ``apply`` of a blur.

    Raises:
        InputError: If there is no blur, or it has no ``apply``.
    """
    if blur is None:
        raise missing_blur()
    apply = getattr(blur, "apply", None)
    if apply is None:
        raise InputError(f"This method needs a blur with an apply; put a bare function into a BlackBox, not {blur!r}.")
    return apply


def transposed(blur: ForwardBlur | None) -> Function:
    """The function rot F(rot z), an approximation of F^T z.

    A blur map is rotated with the image, so that every pixel keeps its own radius. Without that, iterations diverge
    under every map that isn't symmetric; with it, they do about as well as with the exact adjoint. Any other spatially
    varying blur cannot be rotated: there the approximation does not hold.
    """
    rotated = replace(blur, radius_px=half_turn(blur.radius_px), confidence=None) if isinstance(blur, BlurMap) else blur
    function = blur_function(rotated)
    return lambda image: half_turn(function(half_turn(image)))


def half_turn(image: Image) -> Image:
    """The image rotated by 180 degrees; (..., H, W)."""
    return array_namespace(image).flip(image, axis=(-2, -1))


def iterate(observed: Image, function: Function, step: Step, num_iter: int) -> Image:
    """x_0 = y, x_n = step(x_(n-1), F(x_(n-1)), n): the iterate whose F(x) is nearest to y, for every image and channel.

    Where a method converges, the error falls from step to step, and that is the last iterate. Where it doesn't (some
    nonlinear or spatially varying F), iterates may diverge. They are then reset to the best one, so that the result is
    finite and its error is at most that of the blurred image itself.

    Args:
        observed: The blurred image y, (..., C, H, W).
        function: F.
        step: One iteration.
        num_iter: Number of iterations.

    Returns:
        (..., C, H, W), not clipped.
    """
    xp = array_namespace(observed)
    x = best = observed
    predicted = function(x)
    best_error = _error(observed, predicted)
    for n in range(1, num_iter + 1):
        x = step(x, predicted, n)
        predicted = function(x)
        error = _error(observed, predicted)
        better = error <= best_error
        if xp.all(better):
            best, best_error = x, error
            continue
        best, best_error = xp.where(better, x, best), xp.where(better, error, best_error)
        diverged = ~(error <= DIVERGENCE_RATIO * best_error)  # true for NaN too
        if xp.any(diverged):
            x = xp.where(diverged, best, x)
            predicted = function(x)
    return best


def _error(observed: Image, predicted: Image) -> Image:
    """Mean squared difference of every image and channel; (..., C, 1, 1)."""
    return array_namespace(observed).mean((observed - predicted) ** 2, axis=(-2, -1), keepdims=True)
