"""Unsharp masking: add back the detail that a Gaussian blur removes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from refocal.optics.blur import Psf
from refocal.optics.kernels import gaussian
from refocal.types import Blur, Image, Needs, Tiling


@dataclass(frozen=True)
class UnsharpMask:
    """x + amount (x - G * x), clipped to [0, 1]; independent of the blur, without a noise model.

    Reference: Polesel, Ramponi, Mathews, "Image enhancement via adaptive unsharp masking", IEEE TIP 2000, eq. 1.

    Attributes:
        sigma_px: Standard deviation of the Gaussian, in pixels (2 is GIMP's and Pillow's default radius).
        amount: Factor of the added difference (1.5 is Pillow's default of 150 percent).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = ""

    sigma_px: float = 2.0
    amount: float = 1.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma_px) and self.sigma_px >= 0):
            raise ValueError(f"Give a sigma_px of at least 0, not {self.sigma_px}.")
        if not math.isfinite(self.amount):
            raise ValueError(f"Give a finite amount, not {self.amount}.")

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Sharpen (..., C, H, W) in [0, 1]."""
        xp = array_namespace(image)
        smooth = Psf(gaussian(self.sigma_px)).apply(image)
        return xp.clip(image + self.amount * (image - smooth), min=0.0, max=1.0)

    def tiling(self, half_px: int) -> Tiling:
        """Exact context: the Gaussian's half-width, whatever the blur."""
        return Tiling(gaussian(self.sigma_px).shape[0] // 2)
