"""Radii for estimators that speak of Gaussians."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

# Gaussian sigma and the disk radius that blurs an edge alike: the table with which Karaali et al. compare Gaussian
# estimators on disk-blurred photos (svbr_net and the works before it), begun at no blur.
_SIGMA_PX = (
    *(0, 0.3, 0.5, 0.65, 0.775, 0.875, 0.975, 1.125, 1.275, 1.375, 1.525, 1.65),
    *(1.8, 1.925, 2.05, 2.2, 2.325, 2.45, 2.6, 2.725, 2.875, 3.0, 3.15, 3.275),
)
_RADIUS_PX = (0, *np.arange(0.5, 6.01, 0.25))


def sigma_to_radius(sigma_px: Floats) -> Floats:
    """Radius of the disk that blurs an edge as a Gaussian of ``sigma_px`` does; any shape, inf stays inf.

    Between the table's entries it interpolates, and beyond the last one it goes on along the last piece's line, where
    Karaali et al. take the nearest entry.
    """
    slope = (_RADIUS_PX[-1] - _RADIUS_PX[-2]) / (_SIGMA_PX[-1] - _SIGMA_PX[-2])
    beyond = np.maximum(sigma_px - _SIGMA_PX[-1], 0) * slope
    return (np.interp(sigma_px, _SIGMA_PX, _RADIUS_PX) + beyond).astype(np.float32)
