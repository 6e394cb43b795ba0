"""Hyper-Laplacian deconvolution per disk level, composed by the level nearest to each pixel's radius."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from array_api_compat import array_namespace

from refocal.methods.hyper_laplacian import HyperLaplacian
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import STEP_PX
from refocal.types import Blur, Image, Needs, Tiling


@dataclass(frozen=True)
class LevinKrishnan:
    """``HyperLaplacian`` once per disk level; each pixel is taken from the level nearest to its radius.

    What svbr_net's table calls "[22] & [23]": Krishnan and Fergus's deconvolution, composed as Levin et al. compose
    their all-focus picture, by the local label of the scale. The paper tells no more, so the rest is Krishnan and
    Fergus's own. This differs from ``HyperLaplacian`` under a map in the levels alone: half as far apart, one per pixel
    instead of two blended, so that a seam may show where the label changes. Where the level's kernel is a point (up to
    0.5 px) the picture stays as it is. Its edges are continued by mirroring, faded to wrap around. Under a ``Psf`` the
    two are the same.

    References: Levin, Fergus, Durand & Freeman, "Image and depth from a conventional camera with a coded aperture",
    SIGGRAPH 2007, section 5.1; Krishnan & Fergus, "Fast image deconvolution using hyper-Laplacian priors", NIPS 2009.

    Attributes:
        weight: Of the data against the prior (2000 in Krishnan & Fergus, for noise of about 1 %).
        exponent: Of the prior, in (0, 2) (2/3 in Krishnan & Fergus).

    Raises:
        ValueError: If an option is outside its range.
    """

    needs: ClassVar[Needs] = "blur"

    weight: float = 2000.0
    exponent: float = 2 / 3

    def __post_init__(self) -> None:
        self._one_level()

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore (..., C, H, W) in [0, 1] under a ``Psf`` or ``BlurMap``.

        Raises:
            InputError: If no blur is given, or a map of another size.
        """
        if isinstance(blur, BlurMap):
            xp = array_namespace(blur.radius_px)
            # svbr_net's levels go to 6 px; larger radii go on in the same steps.
            # On a level itself the weights of the two neighbouring levels are 1 and 0: nothing is blended.
            blur = replace(blur, radius_px=STEP_PX * xp.round(blur.radius_px / STEP_PX), step_px=STEP_PX)
        return self._one_level()(image, blur)

    def tiling(self, half_px: int) -> Tiling:
        """How far the input matters to 1e-3, for a kernel reaching ``half_px`` that fits the blur; see docs/log.md."""
        return self._one_level().tiling(half_px)

    def _one_level(self) -> HyperLaplacian:
        return HyperLaplacian(self.weight, self.exponent)
