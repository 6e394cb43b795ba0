"""Richardson-Lucy deconvolution, for a uniform blur or a blur map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from refocal.methods.levels import MAX_CONTEXT_PX, missing_blur
from refocal.types import Blur, Image, InputError, Needs, Tiling


@dataclass(frozen=True)
class RichardsonLucy:
    """x <- x / (H^T 1) * H^T (y / (H x)), the maximum likelihood under Poisson noise, from a flat x.

    The blur is used through ``apply`` and ``adjoint`` only. Stopping early is the regularisation. Under a periodic
    boundary every step keeps the total light.

    References: Richardson, JOSA 1972; Lucy, The Astronomical Journal 1974; the normalisation H^T 1, which matters near
    the image's edge and for blur maps: Shepp & Vardi, IEEE TMI 1982.

    Attributes:
        num_iter: Number of iterations (10 to 50 are usual; 30 is scikit-image's default).
        floor: Smallest divisor (1e-4: a fortieth of an 8-bit step).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    num_iter: int = 30
    floor: float = 1e-4

    def __post_init__(self) -> None:
        if self.num_iter < 1:
            raise ValueError(f"Give a num_iter of at least 1, not {self.num_iter}.")
        if not 0 < self.floor < math.inf:
            raise ValueError(f"Give a floor above 0, not {self.floor}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, one without an adjoint, or a map of another size.
        """
        if blur is None:
            raise missing_blur()
        if not hasattr(blur, "adjoint"):
            raise InputError(
                "richardson-lucy needs a blur with apply and adjoint; richardson-lucy-modified does without."
            )
        xp = array_namespace(image)
        observed = xp.clip(image, min=0.0)
        light = 1 / xp.clip(blur.adjoint(xp.ones_like(image[..., :1, :, :])), min=self.floor)
        restored = xp.full_like(observed, 0.5)  # as in scikit-image; it converges faster than x = y
        for _ in range(self.num_iter):
            ratio = observed / xp.clip(blur.apply(restored), min=self.floor)
            restored = restored * light * blur.adjoint(ratio)
        return xp.clip(restored, min=0.0, max=1.0)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur (docs/log.md)."""
        return Tiling(min(round(8 * half_px * max(self.num_iter / 30, 1)), MAX_CONTEXT_PX) + 16)
