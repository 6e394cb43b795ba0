"""KNN matting: propagation of sparse values between pixels of similar colour, nearby or not.

Chen, Li and Tang, "KNN matting", CVPR 2012 (IEEE TPAMI 35(9), 2013). The matting Laplacian connects a pixel to its
window; this Laplacian connects it to the pixels of the most similar colour and position anywhere in the photo.
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

# (number of neighbours, weight of the position): ten of similar colour and position, and one more by colour almost
# alone. Zhang et al. 2016 and their program; KNN matting itself takes 10 and 2.
NEIGHBOURS = ((10, 30.0), (1, 0.3))


def knn_laplacian(guide: Floats, neighbours: tuple[tuple[int, float], ...] = NEIGHBOURS) -> sp.csr_array:
    """Laplacian L = D - A of the graph that connects each pixel to its nearest neighbours in colour and position.

    Pixel i has the feature X_i = (R, G, B, w x / d, w y / d), d the photo's diagonal, and A_ij = 1 - ||X_i - X_j||_1 /
    5 (or / 3 for a grey photo), at least 0, for each j among the nearest of i, summed over both directions and both
    searches. D is the diagonal of A's row sums. L is symmetric, positive semi-definite, and L 1 = 0.

    Args:
        guide: (3, H, W) or (1, H, W), range [0, 1].
        neighbours: Pairs (number of neighbours, weight w of the position), one per search. Affinities use the last w,
            as in the program of Zhang et al. 2016: with 0.3 they depend mostly on colour.

    Returns:
        (H W, H W) float64, pixels in row-major order.

    Raises:
        InputError: If the photo has no more pixels than the number of neighbours.
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
        # The nearest is the pixel itself. In a uniform area many are equally near, and any of them will do.
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

    Conjugate gradients, preconditioned by the diagonal. (The program of Zhang et al. uses an incomplete Cholesky
    factor.)

    Args:
        values: (H, W), read where ``mask`` isn't 0.
        mask: (H, W), 1 where a value is known and 0 elsewhere, or any weights >= 0.
        guide: (3, H, W) or (1, H, W), range [0, 1].
        weight: Data weight lambda of the known values; 0.05 in the program of Zhang et al. 2016, 0.8 in the
            paper.
        tolerance: Relative residual at which to stop.

    Returns:
        (H, W) float32. 0 everywhere if ``mask`` is 0 everywhere; the mean of all values on parts of the graph without
        a known value.

    Raises:
        InputError: If the photo has no more pixels than the number of neighbours.
    """
    from scipy import sparse as sp
    from scipy.sparse.linalg import cg

    strength = weight * np.asarray(mask, np.float64).ravel()
    if strength.sum() == 0:
        return np.zeros(mask.shape, np.float32)
    known = np.asarray(values, np.float64).ravel()
    mean = float((strength * known).sum() / strength.sum())
    # The small diagonal keeps the system regular where a part of the graph has no known value: it gets the mean.
    system = (knn_laplacian(guide) + sp.diags_array(strength + 1e-9)).tocsr()
    inverse = sp.diags_array(1 / system.diagonal())
    # The unknown is m minus the mean, so that a constant is solved by the start.
    offset, _ = cg(system, strength * (known - mean), rtol=tolerance, atol=0.0, maxiter=2000, M=inverse)
    return (offset + mean).astype(np.float32).reshape(mask.shape)
