"""Blur from the energy of local spectra: likelihoods of 23 radii, smoothed over the photo.

After D'Andres, Salvador, Kochale and Süsstrunk, "Non-parametric blur map regression for depth of field extension", IEEE
TIP 25(4), 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from refocal.estimators.common import MIN_SIDE_PX, check_image, unknown_blur
from refocal.estimators.local_spectra import (
    grid_step_px,
    log_likelihoods,
    most_likely_radii,
    noise_variance,
    ring_energies,
)
from refocal.images.colour import luma
from refocal.optics.blur import BlurMap
from refocal.types import Image


@dataclass(frozen=True)
class DAndres:
    """Choose among 23 disks, radius 0.5 (no blur) to 6 px, by the likelihood of the local spectrum.

    **An approximation**: the original learns regression tree fields from local frequency energies; neither its code nor
    its trees are public. This estimator shares its 23 radii and its kind of feature. Normal densities of the log
    energies (``local_spectra``) replace the trees, an edge-aware sum of the log-likelihoods replaces the fields.

    In areas without content (sky, a wall) the radius comes from the surroundings, with low confidence. Radii above 6 px
    are estimated as 6 px or less.

    Attributes:
        max_radius_px: Upper limit of the estimates; 6 is the largest radius of the model.
        max_propagation_mp: Photo size in megapixels up to which likelihoods are computed on a grid of 4 px; on a
            coarser grid for larger photos.
    """

    max_radius_px: float = 6.0
    max_propagation_mp: float = 2.0

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels and its confidence, both (H, W) float32; 0 everywhere if the photo
            contains only noise.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_image(image)
        if min(image.shape[1:]) < MIN_SIDE_PX:
            return unknown_blur(image.shape[1:])
        step = grid_step_px(image.shape[1:], self.max_propagation_mp)
        energies = ring_energies(luma(image)[0], step)
        likelihoods, weight = log_likelihoods(energies, noise_variance(energies, len(image)))
        return most_likely_radii(likelihoods, weight, image, step, self.max_radius_px)
