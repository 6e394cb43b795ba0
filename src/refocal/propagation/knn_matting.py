"""KNN matting: sparse values made dense along pixels that look alike, near by or not.

Chen, Li and Tang, "KNN matting", CVPR 2012 (IEEE TPAMI 35(9), 2013). Where the matting Laplacian ties a pixel to its
window, this one ties it to the pixels of the most similar colour and place, wherever these lie.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from refocal.types import InputError

if TYPE_CHECKING:
    from scipy import sparse as sp

Floats = npt.NDArray[np.floating]

# (neighbours, weight of the position): ten that are alike in colour and lie near, and one more by colour nearly alone.
# Zhang et al. 2016 and their program; KNN matting itself takes 10 and 2.
NEIGHBOURS = ((10, 30.0), (1, 0.3))


def knn_laplacian(guide: Floats, neighbours: tuple[tuple[int, float], ...] = NEIGHBOURS) -> sp.csr_array:
    """The Laplacian L = D - A of the graph that ties each pixel to its nearest ones in colour and place.

    Pixel i has the feature X_i = (R, G, B, w x / d, w y / d), d the photo's diagonal, and A_ij = 1 - ||X_i - X_j||_1 /
    5 (or / 3 for a grey photo), at least 0, for each j among the nearest of i, added up over both directions and both
    searches. D is the diagonal of A's row sums. L is symmetric, positive semi-definite, and L 1 = 0.

    Args:
        guide: (3, H, W) or (1, H, W), range [0, 1].
        neighbours: Pairs of how many neighbours are sought and the weight w of the position while they are. Affinities
            are measured with the last w, as in the program of Zhang et al. 2016: 0.3 makes them differ by colour.

    Returns:
        (H W, H W) float64, pixels in row-major order.

    Raises:
        InputError: If the photo has fewer pixels than neighbours are sought.
    """
    from scipy import sparse as sp
    from scipy.spatial import cKDTree

    channels, height, width = guide.shape
    count = height * width
    if count <= max(number for number, _ in neighbours):
        raise InputError(f"The photo is {width}x{height} px, too small for KNN matting: give at least 12 pixels.")
    colour = np.asarray(guide, np.float64).reshape(channels, -1)
    place = np.indices((height, width), np.float64).reshape(2, -1) / math.hypot(height, width)
    first, second = [], []
    for number, weight in neighbours:
        features = np.concatenate([colour, weight * place]).T
        # The nearest is the pixel itself; a uniform area holds many equals, of which any will do.
        near = cKDTree(features).query(features, number + 1)[1]
        first.append(np.repeat(np.arange(count), number + 1))
        second.append(near.ravel())
    here, there = np.concatenate(first), np.concatenate(second)
    here, there = here[here != there], there[here != there]
    affinity = np.maximum(1 - np.abs(features[here] - features[there]).sum(1) / features.shape[1], 0)
    half = sp.coo_array((affinity, (here, there)), shape=(count, count)).tocsr()
    ties = (half + half.T).tocsr()
    return (sp.diags_array(ties.sum(1)) - ties).tocsr()


def spread(
    values: Floats, mask: Floats, guide: Floats, weight: float = 0.05, tolerance: float = 1e-3
) -> npt.NDArray[np.float32]:
    """Spread sparse ``values`` over the photo: the m that solves (L + weight D) m = weight D s, D = diag(mask).

    Conjugate gradients, preconditioned by the diagonal. (The program of Zhang et al. takes an incomplete Cholesky
    factor.)

    Args:
        values: (H, W), read where ``mask`` isn't 0.
        mask: (H, W), 1 where a value is known and 0 elsewhere, or any weights >= 0.
        guide: (3, H, W) or (1, H, W), range [0, 1].
        weight: lambda, how strictly the known values are kept; 0.05 in the program of Zhang et al. 2016, 0.8 in the
            paper.
        tolerance: Stop when the residual has shrunk by this factor.

    Returns:
        (H, W) float32. 0 everywhere if ``mask`` is 0 everywhere; the mean of all values on parts without any tie to
        one.

    Raises:
        InputError: If the photo has fewer pixels than neighbours are sought.
    """
    from scipy import sparse as sp
    from scipy.sparse.linalg import cg

    strength = weight * np.asarray(mask, np.float64).ravel()
    if strength.sum() == 0:
        return np.zeros(mask.shape, np.float32)
    known = np.asarray(values, np.float64).ravel()
    mean = float((strength * known).sum() / strength.sum())
    # A touch on the diagonal: parts of the graph may hold no value at all, and keep the mean then.
    system = (knn_laplacian(guide) + sp.diags_array(strength + 1e-9)).tocsr()
    inverse = sp.diags_array(1 / system.diagonal())
    # The unknown is m minus the mean, so that a constant is the start already.
    offset, _ = cg(system, strength * (known - mean), rtol=tolerance, atol=0.0, maxiter=2000, M=inverse)
    return (offset + mean).astype(np.float32).reshape(mask.shape)
