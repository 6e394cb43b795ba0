"""Blur from local spectra and from the profiles of edges together.

After Liu et al. 2020, as described in the comparisons of svbr_net: an improved likelihood feature of D'Andres et al.,
plus an edge-based basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from refocal.estimators.common import MIN_SIDE_PX, check_image, unknown_blur
from refocal.estimators.local_spectra import (
    grid_step_px,
    log_likelihoods,
    most_likely_radii,
    noise_variance,
    ring_energies,
)
from refocal.images.colour import luma
from refocal.images.edges import above_noise, gradient_energy, gradient_ridges, hysteresis, ridge_reach_px
from refocal.images.grids import strips
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import LEVELS_PX
from refocal.types import Image

Floats = npt.NDArray[np.floating]

_SCALES_PX = (1.0, 1.5, 2.25, 3.375)  # of the gradients; the first two are those of Zhuo & Sim 2011
_EDGE_SIGMA_PX, _EDGE_THRESHOLD = 2.0, 0.1  # edge detection as in ``zhuo_sim``, chosen there
_SPREAD = 0.2  # standard deviation of a log gradient about the basis; 0.1 to 0.4 perform alike (12 training photos)
_MIN_LOG_LIKELIHOOD = -8.0  # lower limit per edge, so that a single edge can't exclude a radius


@dataclass(frozen=True)
class Liu:
    """Likelihood of the local spectra, as in ``DAndres``, times the likelihood of the edge profiles.

    **An approximation**: no code of the original (Liu et al. 2020) is public, which improves the likelihood feature of
    D'Andres et al. and adds a basis of edges. Here the basis contains an ideal step blurred by each of the 23 disks:
    its gradient under Gaussian derivatives of four scales. The four gradients of an edge are compared with it up to a
    common factor.

    Attributes:
        edge_weight: Weight of the edges relative to the spectra; 0 gives ``DAndres``. On 12 training photos 0.3 reduces
            the error at edges by a twentieth, and 1 not at all.
        max_radius_px: Upper limit of the estimates; 6 is the largest radius of the model.
        max_propagation_mp: Photo size in megapixels up to which likelihoods are computed on a grid of 4 px; on a
            coarser grid for larger photos.
    """

    edge_weight: float = 0.3
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
        shape = image.shape[1:]
        if min(shape) < MIN_SIDE_PX:
            return unknown_blur(shape)
        step = grid_step_px(shape, self.max_propagation_mp)
        grey = luma(image)[0]
        energies = ring_energies(grey, step)
        variance = noise_variance(energies, len(image))
        likelihoods, weight = log_likelihoods(energies, variance)
        likelihoods += self.edge_weight * edge_likelihoods(grey, variance, step)
        return most_likely_radii(likelihoods, weight, image, step, self.max_radius_px)


def edge_likelihoods(grey: Floats, variance: float, step_px: int) -> npt.NDArray[np.float32]:
    """Mean log-likelihood of each radius over the edge pixels of each cell.

    Args:
        grey: (H, W), range [0, 1].
        variance: Variance of the photo's noise.
        step_px: Side of the cells in pixels.

    Returns:
        (23, h, w) float32, 0 in cells without edges.
    """
    height, width = grey.shape
    high = max(_EDGE_THRESHOLD, above_noise(variance**0.5, _EDGE_SIGMA_PX))
    halo = max(ridge_reach_px(_EDGE_SIGMA_PX), round(4 * _SCALES_PX[-1]))
    ridges = np.zeros((height, width), np.float32)
    for rows, grown, inner in strips(height, halo):
        ridges[rows] = gradient_ridges(grey[grown], _EDGE_SIGMA_PX, high / 2)[inner]
    edges = hysteresis(ridges, high)
    cells = (-(-height // step_px), -(-width // step_px))
    total = np.zeros((len(LEVELS_PX), cells[0] * cells[1]))
    count = np.zeros(cells[0] * cells[1])
    for rows, grown, inner in strips(height, halo):
        y, x = np.nonzero(edges[rows])
        energies = [gradient_energy(grey[grown], scale, variance)[inner][y, x] for scale in _SCALES_PX]
        each = _fit(np.log(np.maximum(np.stack(energies, 1), 1e-10)) / 2)
        cell = (y + rows.start) // step_px * cells[1] + x // step_px
        count += np.bincount(cell, minlength=len(count))
        for level, row in zip(total, each.T, strict=True):
            level += np.bincount(cell, row, len(count))
    return (total / np.maximum(count, 1)).reshape(-1, *cells).astype(np.float32)


def edge_basis() -> npt.NDArray[np.float64]:
    """Log gradient at the centre of a blurred step of height 1, (23, 4): log of the integral of LSF_r(x) G_s(x) dx.

    LSF_r(x) = 2 sqrt(r^2 - x^2) / (pi r^2) is the disk's line-spread function, G_s the Gaussian of scale s.
    """
    angle = (np.arange(200) + 0.5) / 200 * np.pi - np.pi / 2  # x = r sin(angle) makes the integrand smooth
    radii = np.array((0, *LEVELS_PX[1:]))[:, None, None]
    scales = np.array(_SCALES_PX)[:, None]
    gaussians = np.exp(-((radii * np.sin(angle) / scales) ** 2) / 2) / ((2 * np.pi) ** 0.5 * scales)
    return np.log((gaussians * np.cos(angle) ** 2).mean(2) * 2)


@lru_cache(maxsize=1)
def _shapes() -> npt.NDArray[np.float64]:
    basis = edge_basis()
    return basis - basis.mean(1, keepdims=True)


def _fit(log_gradients: Floats) -> npt.NDArray[np.float64]:
    """Log-likelihood (n, 23), at most 0, of edges with log gradients (n, 4), independent of the step's height."""
    shape = log_gradients - log_gradients.mean(1, keepdims=True)
    distance = ((shape[:, None] - _shapes()) ** 2).sum(2) / (2 * _SPREAD**2)
    return np.maximum(distance.min(1, keepdims=True, initial=np.inf) - distance, _MIN_LOG_LIKELIHOOD)
