"""Restoring with a blur that is known only as a function F on pictures: the frame of the three iterative methods.

What a kernel's adjoint does for a linear blur, two half turns do for any that acts alike everywhere: rot F(rot z),
with rot the picture turned by 180 degrees, is then F^T z (exactly so without an edge: periodic or zero boundary).

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
"""Picture (..., C, H, W) to picture of the same shape."""

Step = Callable[[Image, Image, int], Image]
"""From x, F(x) and the iteration's number, counted from 1, to the next x."""

RUNAWAY = 16.0
"""An iterate whose squared error is so many times the least seen (four times in amplitude) is not coming back."""


class ForwardBlur(Protocol):
    """A blur that can be applied; whether it has an adjoint is not asked."""

    def apply(self, sharp: Image) -> Image:
        """F(x): blur a sharp image; same shape."""
        ...


@dataclass(frozen=True)
class BlackBox:
    """A blur given as a function, linear or not, of which nothing else is known.

    Taken by the methods that use a blur through ``apply`` alone: landweber-accelerated, richardson-lucy-modified and
    levenberg-marquardt-modified.

    Example: ``BlackBox(lambda image: scipy.ndimage.uniform_filter(image, (1, 5, 5)))``.

    Attributes:
        function: Takes a picture (..., C, H, W), gives its blurred version of the same shape; must not change its
            argument.
        boundary: What the function takes to lie beyond the edge, as far as that is known.
        encoding: Of the pictures that it blurs, as in ``Psf``.
    """

    function: Function
    boundary: Boundary = "mirror"
    encoding: Encoding = "linear"

    def apply(self, sharp: Image) -> Image:
        """F(x); (..., C, H, W) to the same, in the dtype of ``sharp``.

        Raises:
            InputError: If the function gives a picture of another shape.
        """
        blurred = self.function(sharp)
        if tuple(blurred.shape) != tuple(sharp.shape):
            shapes = f"{tuple(blurred.shape)} out of a picture of shape {tuple(sharp.shape)}"
            raise InputError(f"The blur function made {shapes}: give one that keeps (..., channel, height, width).")
        return as_like(blurred, sharp)


def blur_function(blur: ForwardBlur | None) -> Function:
    """What a blur does, as a function.

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
    """The function rot F(rot z), which stands for F^T z.

    A blur map is turned with the picture, so that every pixel keeps its own radius. Unturned, iterations run away on
    every map that isn't symmetric; turned, they do about as well as with the exact adjoint. Of any other blur that
    differs from place to place nothing can be turned: there the trick does not hold.
    """
    turned = replace(blur, radius_px=half_turn(blur.radius_px), confidence=None) if isinstance(blur, BlurMap) else blur
    function = blur_function(turned)
    return lambda image: half_turn(function(half_turn(image)))


def half_turn(image: Image) -> Image:
    """The picture turned by 180 degrees; (..., H, W)."""
    return array_namespace(image).flip(image, axis=(-2, -1))


def iterate(observed: Image, function: Function, step: Step, num_iter: int) -> Image:
    """x_0 = y, x_n = step(x_(n-1), F(x_(n-1)), n): the iterate whose F(x) is nearest to y, for every image and channel.

    Where a method is at home the error falls from step to step, and that is the last iterate. Where it isn't (some
    nonlinear F, or one that differs from place to place) iterates may run away. They are then called back to the best
    one, so that the result is finite and explains the data no worse than the blurred picture itself does.

    Args:
        observed: The blurred picture y, (..., C, H, W).
        function: F.
        step: One iteration.
        num_iter: Number of iterations.

    Returns:
        (..., C, H, W), not clipped.
    """
    xp = array_namespace(observed)
    x = best = observed
    predicted = function(x)
    least = _error(observed, predicted)
    for n in range(1, num_iter + 1):
        x = step(x, predicted, n)
        predicted = function(x)
        error = _error(observed, predicted)
        better = error <= least
        if xp.all(better):
            best, least = x, error
            continue
        best, least = xp.where(better, x, best), xp.where(better, error, least)
        lost = ~(error <= RUNAWAY * least)  # true for NaN too
        if xp.any(lost):
            x = xp.where(lost, best, x)
            predicted = function(x)
    return best


def _error(observed: Image, predicted: Image) -> Image:
    """Mean squared difference of every image and channel; (..., C, 1, 1)."""
    return array_namespace(observed).mean((observed - predicted) ** 2, axis=(-2, -1), keepdims=True)
