"""Blur from the relative gradient loss at edges when the photo is re-blurred, spread by KNN matting.

Zhang, Wang, Jiang, Wang and Gao, "Spatially variant defocus blur map estimation and deblurring from a single image",
Journal of Visual Communication and Image Representation 35, 2016.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refocal.estimators.common import (
    MIN_SIDE_PX,
    check_image,
    edge_confidence,
    full_size_map,
    reduce_image,
    reduction_factor,
    sigma_to_radius,
    unknown_blur,
)
from refocal.images.colour import luma
from refocal.images.edges import gradient_ridges, hysteresis, ridge_reach_px
from refocal.images.grids import reduce_mean, strips
from refocal.optics.blur import BlurMap
from refocal.propagation import knn_matting
from refocal.propagation.guided_filter import guided_filter
from refocal.types import Image

Floats = npt.NDArray[np.floating]

_EDGE_SIGMA_PX = 1.0  # Canny's smoothing; the authors' program
_LOW_SHARE = 0.4  # Canny's low threshold as a fraction of the high one; MATLAB's, used by the authors' program
_GUIDED_RADIUS_PX, _GUIDED_EPSILON = 5, 1e-9  # the guided filter; the authors' program (5x5 windows in the paper)


@dataclass(frozen=True)
class Zhang:
    """Measure the blur at edges, smooth it by a guided filter, and spread it by KNN matting.

    The brightest channel is re-blurred by a Gaussian of sigma0. At an edge of sigma the relative loss of gradient is
    S = (|grad I| - |grad I_R|) / |grad I| = 1 - sigma / sqrt(sigma^2 + sigma0^2)  (eq. 4), so that
    sigma^2 = (1 - S)^2 sigma0^2 / (2 S - S^2)  (eq. 8).

    There are two differences from the authors' program. Fewer edges are used (``edge_threshold``). And their guided
    filter averages values with the zeros between edges; here the values and the edge mask are filtered alike, and their
    quotient is taken.

    It is the least accurate of the estimators here, because sigma is limited to 3, KNN matting pulls all values
    together, and nothing separates noise from texture: 0.83 px mean error on edges of sixteen Kodak photos blurred by
    disks of up to 6 px; a radius of 5 px is estimated as 3.6.

    Attributes:
        reblur_sigma_px: sigma0; 3 in the paper, 3.5 in the authors' program.
        edge_threshold: Slope per pixel that an edge must reach, as a fraction of the photo's maximum; 0.4 of it along
            the edge. The authors' program has 0.0051; 0.05, with its re-blur of 3.5, left an error of 0.87 px in place
            of 0.83 px.
        max_sigma_px: Upper limit of sigma; 3 in the paper, a radius of 5.5 px.
        weight: Data weight lambda of KNN matting; 0.05 in the authors' program, 0.8 in the paper.
        max_propagation_mp: Maximum size in megapixels at which values are spread; larger photos are reduced for it.
            Lower than elsewhere, because KNN matting takes about 10 s per megapixel.
    """

    reblur_sigma_px: float = 3.0
    edge_threshold: float = 0.1
    max_sigma_px: float = 3.0
    weight: float = 0.05
    max_propagation_mp: float = 0.5

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels and its confidence, both (H, W) float32; 0 everywhere if the photo has no edge.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_image(image)
        shape = image.shape[1:]
        if min(shape) < MIN_SIDE_PX:
            return unknown_blur(shape)
        sigma, edges = self.edge_sigmas(image)
        factor = reduction_factor(shape, self.max_propagation_mp)
        guide = reduce_image(image, factor)
        mask = reduce_mean(edges, factor)
        known = reduce_mean(sigma, factor) / np.maximum(mask, 1e-20)
        mask = (mask > 0).astype(np.float32)
        smooth = _smooth(known, mask)
        dense = knn_matting.spread(smooth, mask, guide, self.weight)
        radius = sigma_to_radius(np.clip(dense, 0, self.max_sigma_px))
        confidence = edge_confidence(sigma_to_radius(smooth), mask, guide)
        return full_size_map(radius, confidence, shape, factor)

    def edge_sigmas(self, image: Image) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Sigma at the edges where it can be measured, 0 elsewhere, and the mask of these edges; both (H, W)."""
        shape = image.shape[1:]
        ridges, sigma = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        halo = max(ridge_reach_px(_EDGE_SIGMA_PX), math.ceil(4 * self.reblur_sigma_px) + 1)
        for rows, grown, inner in strips(shape[0], halo):
            part = image[:, grown]
            ridges[rows] = gradient_ridges(luma(part)[0], _EDGE_SIGMA_PX, 0.0)[inner]
            sigma[rows] = self._sigma(part.max(0))[inner]
        high = self.edge_threshold * float(ridges.max())
        ridges[ridges < max(_LOW_SHARE * high, 1e-6)] = 0
        edges = hysteresis(ridges, max(high, 1e-6)) & (sigma > 0)
        return np.where(edges, np.minimum(sigma, self.max_sigma_px), 0), edges

    def _sigma(self, brightest: Floats) -> Floats:
        """Eqs. 4 and 8 at every pixel; 0 where re-blurring doesn't reduce the gradient."""
        from scipy.ndimage import gaussian_filter

        reblurred = gaussian_filter(brightest, self.reblur_sigma_px, mode="nearest")
        slope = _slope(brightest)
        loss = (slope - _slope(reblurred)) / (slope + 1e-6)  # eq. 4
        valid = (loss > 0) & (loss < 1)
        loss = np.where(valid, loss, 0.5)
        return np.where(valid, (1 - loss) * self.reblur_sigma_px / np.sqrt(2 * loss - loss**2), 0)  # eq. 8


def _slope(plane: Floats) -> Floats:
    down, across = np.gradient(plane)
    return np.asarray(np.hypot(down, across))


def _smooth(values: Floats, mask: Floats) -> Floats:
    """Normalised guided filter: filtered values on ``mask`` divided by the filtered mask; the mask is the guide."""
    both = guided_filter(np.stack([values * mask, mask]), mask[None], _GUIDED_RADIUS_PX, _GUIDED_EPSILON)
    return np.where(mask > 0, np.maximum(both[0], 0) / np.maximum(both[1], 1e-6), 0).astype(np.float32)
