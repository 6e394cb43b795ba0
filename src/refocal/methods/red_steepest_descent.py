"""Regularisation by denoising (RED), solved by steepest descent."""

from __future__ import annotations

from dataclasses import dataclass

from refocal.methods import red
from refocal.methods.denoisers import DenoiserOption
from refocal.types import Blur, Image


@dataclass(frozen=True)
class RedSteepestDescent:
    """x <- x - mu (H^T (H x - y) / s^2 + weight (x - f(x))), clipped, from x = y, with a denoiser f.

    mu = 2 / (D / s^2 + (1 + inertia) weight). In the paper D is 1, the square of the largest gain of a blur that wraps
    around and keeps brightness. Here every pixel has its own, see ``red.row_sums``: also 1, but near an edge that
    mirrors, where the paper's step would run away.

    Reference: Romano, Elad, Milanfar, "The little engine that could: Regularization by denoising (RED)", SIAM Journal
        on
    Imaging Sciences 2017, its steepest descent; the defaults are those of the authors' program for uniform blur.

    Attributes:
        num_iter: Number of iterations (1500), each with one call of the denoiser.
        weight: Of the prior against the data (0.02).
        noise_std_levels: Noise s of the blurred picture, in levels of 8 bit (the square root of 2).
        denoiser_std_levels: Noise that the denoiser is told to remove, in levels of 8 bit (3.25); a median ignores it.
        denoiser: "median" (of 3x3 pixels, which the paper uses as well), "network" (a small one of ours: far better
            where there is hardly any noise, worse above 2 levels of it) or the path of an .onnx file; in Python also a
            function f(image, noise_std).
        inertia: 0 is the paper's. More makes the steps shorter, to the same end; 1 is enough for every denoiser that
            doesn't enlarge differences. The median turns narrow stripes into their opposite: with 0 it runs away where
            the picture is sharp.

    Raises:
        ValueError: If an option is outside its range.
    """

    num_iter: int = 1500
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
        step = 2 / (red.row_sums(image, blur) + (1 + self.inertia) * red.pull(self))
        return red.descend(self, image, blur, lambda gradient: step * gradient)

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
