"""Blur from the energy of local spectra: 23 radii, the likelihood of each, smoothed over the photo.

After D'Andres, Salvador, Kochale and Süsstrunk, "Non-parametric blur map regression for depth of field extension", IEEE
TIP 25(4), 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from refocal.estimators.local_spectra import (
    grid_step_px,
    log_likelihoods,
    most_likely_radii,
    noise_variance,
    ring_energies,
)
from refocal.estimators.one_picture import MIN_SIDE_PX, check_picture, unknown_blur
from refocal.images.colour import luma
from refocal.optics.blur import BlurMap
from refocal.types import Image


@dataclass(frozen=True)
class DAndres:
    """Ask at each place which of 23 disks, radius 0.5 (no blur) to 6 px, explains the local spectrum best.

    **A stand-in**: the original learns regression tree fields from local frequency energies; neither its code nor its
    trees are public. This one shares its 23 radii and its kind of feature. In place of the trees stand normal densities
    of the log energies (``local_spectra``), in place of the fields an edge-aware sum of the log-likelihoods.

    Where the photo shows nothing (sky, a wall) the radius comes from around it, with little confidence. Radii above 6
    px read as 6 or less.

    Attributes:
        max_radius_px: Larger estimates are cut to it; 6 is the largest radius there is.
        max_propagation_mp: The likelihoods live on a grid of 4 px, up to this many megapixels; on a coarser one above.
    """

    max_radius_px: float = 6.0
    max_propagation_mp: float = 2.0

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels and its confidence, both (H, W) float32; 0 if the photo shows nothing but
            noise.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_picture(image)
        if min(image.shape[1:]) < MIN_SIDE_PX:  # no spectrum to speak of
            return unknown_blur(image.shape[1:])
        step = grid_step_px(image.shape[1:], self.max_propagation_mp)
        energies = ring_energies(luma(image)[0], step)
        likelihoods, weight = log_likelihoods(energies, noise_variance(energies, len(image)))
        return most_likely_radii(likelihoods, weight, image, step, self.max_radius_px)
