"""Blur from the gradient's loss at edges that last over many scales, re-blurred as much as each edge bears.

Karaali and Jung, "Edge-based defocus blur estimation with adaptive scale selection", IEEE TIP 27(3), 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refocal.estimators.edge_confidence import edge_confidence
from refocal.estimators.gaussian_to_disk import sigma_to_radius
from refocal.estimators.one_picture import MIN_SIDE_PX, check_picture, unknown_blur
from refocal.images.colour import luma
from refocal.images.edges import gradient_energy, gradient_ridges, hysteresis, ridge_reach_px
from refocal.images.grids import enlarge, reduce_mean, strips
from refocal.optics.blur import BlurMap
from refocal.propagation import domain_transform
from refocal.types import Image

Floats = npt.NDArray[np.floating]

_SCALES_PX = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)  # the nine of the paper
_RELIABLE = 4  # an edge counts if it is there at the four finest; the authors' program
_LOW_SHARE = 0.4  # of Canny's high threshold; MATLAB's, which the authors' program uses
_FINE_PX = 1.0  # scale of the first gradient; the paper's
_MAX_SIGMA_PX = 5.0  # the authors' program
_GAMMA = 10.0  # how strongly neighbours on an edge agree; the authors' program


@dataclass(frozen=True)
class Ebdb:
    """Measure the blur at lasting edges, make each edge agree with itself, then spread the values.

    Edges are Canny's at nine scales 1, 1.5 ... 5; those that stay in place over the four finest are measured. An edge
    that is first missed after scale t bears a re-blur of s2 = t / 2; the ratio R of the gradients under Gaussian
    derivatives of s1 = 1 and s2 tells sigma^2 = (R^2 s1^2 - s2^2) / (1 - R^2). On each connected edge the values p are
    smoothed by min sum_i (1 + e_i) (p_i - p0_i)^2 + 2 gamma sum_ij (p_i - p_j)^2, e_i the number of scales at which i
    is an edge, over each pair of neighbours, and spread by the domain transform.

    Two things differ from the paper, which ``Ebdb(luma_exponent=2.4, max_radius_px=9.45)`` is: the photo is measured as
    it is, where the paper undoes a display's curve first, and radii are cut sooner. On sixteen Kodak photos blurred in
    sRGB values by disks of up to 6 px (8 bits, truncated) the first takes the mean error on edges from 0.67 to 0.58 px,
    the second to 0.56 px. Radii of more than 4.5 px stay 0.8 px uncertain. A disk's own ratio in place of a Gaussian's,
    corrected for what photos read on average, with edges weighed by their squared gradients, was no better: 0.56 px.

    Attributes:
        luma_exponent: The photo's luma is raised to it first; 2.4 in the paper.
        edge_share: Share of the pixels whose gradient is above Canny's high threshold, at each scale; 0.3 in the
            authors' program (MATLAB's default).
        max_radius_px: Larger estimates are cut to it. The authors' program cuts sigma at 5, a radius of 9.45 px.
        max_propagation_mp: Larger photos are reduced to this many megapixels to spread the values.
    """

    luma_exponent: float = 1.0
    edge_share: float = 0.3
    max_radius_px: float = 8.0
    max_propagation_mp: float = 2.0

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image`` (1 or 3, H, W), range [0, 1].

        Returns:
            Radius of the disk in pixels and its confidence, both (H, W) float32; 0 where the photo has no edge at all.

        Raises:
            InputError: If the image isn't (1 or 3, H, W).
        """
        check_picture(image)
        shape = image.shape[1:]
        if min(shape) < MIN_SIDE_PX:
            return unknown_blur(shape)
        grey = np.asarray(luma(image)[0], np.float32) ** np.float32(self.luma_exponent)
        edges, last, count = self.lasting_edges(grey)
        sigma = smooth_along_edges(_measure(grey, edges, last), 1.0 + count[edges], edges)

        factor = math.ceil((shape[0] * shape[1] / (1e6 * self.max_propagation_mp)) ** 0.5)
        measured = np.zeros(shape, np.float32)
        measured[edges] = np.minimum(sigma_to_radius(sigma), self.max_radius_px)
        mask = reduce_mean(edges, factor)
        sparse = reduce_mean(measured, factor) / np.maximum(mask, 1e-20)
        guide = np.stack([reduce_mean(plane, factor) for plane in image])
        dense = np.clip(domain_transform.spread_calmly(sparse, mask, guide), 0, self.max_radius_px)
        confidence = edge_confidence(sparse, mask, guide)
        return BlurMap(enlarge(dense, shape, factor), confidence=enlarge(confidence, shape, factor))

    def lasting_edges(self, grey: Floats) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """The edges to measure, the number of scales before each is first missed, and at how many it is; each (H,
        W).
        """
        last, count = np.zeros(grey.shape, np.uint8), np.zeros(grey.shape, np.uint8)
        unbroken = np.ones(grey.shape, bool)
        for scale in _SCALES_PX:
            high = _threshold(grey, scale, self.edge_share)
            ridges = np.zeros(grey.shape, np.float32)
            for rows, grown, inner in strips(grey.shape[0], ridge_reach_px(scale)):
                ridges[rows] = gradient_ridges(grey[grown], scale, _LOW_SHARE * high)[inner]
            found = hysteresis(ridges, high)
            unbroken &= found
            last += unbroken
            count += found
        return last >= _RELIABLE, last, count


def _measure(grey: Floats, edges: npt.NDArray[np.bool_], last: npt.NDArray[np.uint8]) -> Floats:
    """Sigma at each edge pixel, in the order of ``grey[edges]``."""
    out = np.zeros(grey.shape, np.float32)
    for rows, grown, inner in strips(grey.shape[0], math.ceil(4 * _SCALES_PX[-1] / 2)):
        here = edges[rows]
        if not here.any():
            continue
        fine = gradient_energy(grey[grown], _FINE_PX)[inner]
        for lasted in np.unique(last[rows][here]):
            chosen = here & (last[rows] == lasted)
            s2 = _SCALES_PX[lasted - 1] / 2
            coarse = gradient_energy(grey[grown], s2)[inner][chosen]
            ratio2 = np.clip(fine[chosen] / np.maximum(coarse, 1e-20), 0, (s2 / _FINE_PX) ** 2)
            grows = ratio2 > 1  # elsewhere no sigma fits: 0, as in the authors' program
            variance = (ratio2 * _FINE_PX**2 - s2**2) / np.where(grows, 1 - ratio2, 1)
            sigma = np.sqrt(np.where(grows, np.maximum(variance, 0), 0))
            out[rows][chosen] = np.minimum(sigma, _MAX_SIGMA_PX)
    return out[edges]


def smooth_along_edges(values: Floats, weights: Floats, edges: npt.NDArray[np.bool_]) -> Floats:
    """Smooth values along connected edges: A p = w p0, A_ii = w_i + 2 gamma |N_i|, A_ij = -2 gamma for neighbours.

    Args:
        values: p0 (n,), one per edge pixel in the order of ``image[edges]``.
        weights: w (n,), > 0, how strictly each is kept.
        edges: (H, W); neighbours are the eight around.

    Returns:
        p (n,), float64. Constants are kept, and so is the weighted mean over each connected edge.
    """
    from scipy import sparse as sp
    from scipy.sparse.linalg import splu

    if len(values) == 0:
        return np.zeros(0)
    height, width = edges.shape
    number = np.full((height + 2, width + 2), -1)
    number[1:-1, 1:-1][edges] = np.arange(len(values))
    centre = number[1:-1, 1:-1][edges]
    y, x = np.nonzero(edges)
    here, there = [], []
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        other = number[y + 1 + dy, x + 1 + dx]
        here.append(centre[other >= 0])
        there.append(other[other >= 0])
    pairs = np.concatenate(here), np.concatenate(there)
    half = sp.coo_array((np.full(len(pairs[0]), 2 * _GAMMA), pairs), shape=(len(values),) * 2)
    ties = (half + half.T).tocsc()
    system = sp.diags_array(weights + ties.sum(1)) - ties
    factor = splu(system.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return np.asarray(factor.solve(np.asarray(weights * values, np.float64)))


def _threshold(grey: Floats, scale: float, share: float) -> float:
    """The Sobel magnitude above which ``share`` of the pixels lie, at least what rounding to 8 bits may cause."""
    from scipy.ndimage import gaussian_gradient_magnitude

    # Blocks of rows from all over the photo serve as well as all of it. Sobel's is eight times the slope.
    magnitudes = []
    block = max(32, 16 * round(scale))
    for top in range(0, grey.shape[0], max(block, grey.shape[0] // 16)):
        part = np.asarray(gaussian_gradient_magnitude(grey[top : top + block], scale, mode="nearest"))
        magnitudes.append(part.ravel())
    return max(8 * float(np.quantile(np.concatenate(magnitudes), 1 - share)), 8 / 255 / scale**2)
