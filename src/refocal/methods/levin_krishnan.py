"""Hyper-Laplacian deconvolution per disk level; each pixel is taken from the level nearest to its radius."""

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

    The method "[22] & [23]" of svbr_net's table: Krishnan and Fergus's deconvolution, composed like the all-focus image
    of Levin et al., by the local label of the scale. The paper states no more, so the rest is Krishnan and Fergus's
    own. Under a map only the levels differ from ``HyperLaplacian``: half the spacing, and one per pixel instead of two
    blended, so that a seam may show where the label changes. Where the level's kernel is a point (up to 0.5 px) the
    image stays as it is. It is extended by mirroring and made periodic by a blend. Under a ``Psf`` the two methods are
    the same.

    References: Levin, Fergus, Durand & Freeman, "Image and depth from a conventional camera with a coded aperture",
    SIGGRAPH 2007, section 5.1; Krishnan & Fergus, "Fast image deconvolution using hyper-Laplacian priors", NIPS 2009.

    Attributes:
        weight: Weight of the data term against the prior (2000 in Krishnan & Fergus, for noise of about 1 %).
        exponent: Exponent of the prior, in (0, 2) (2/3 in Krishnan & Fergus).

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
            # svbr_net's levels end at 6 px; larger radii continue in the same steps.
            # At a level's own radius the interpolation weights are 1 and 0: nothing is blended.
            blur = replace(blur, radius_px=STEP_PX * xp.round(blur.radius_px / STEP_PX), step_px=STEP_PX)
        return self._one_level()(image, blur)

    def tiling(self, half_px: int) -> Tiling:
        """Context for errors below 1e-3, for a kernel of half-width ``half_px`` that matches the blur (docs/log.md)."""
        return self._one_level().tiling(half_px)

    def _one_level(self) -> HyperLaplacian:
        return HyperLaplacian(self.weight, self.exponent)
