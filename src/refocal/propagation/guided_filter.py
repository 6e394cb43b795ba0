"""Guided filter: edge-aware smoothing by a local affine model in the colours of a guide image.

He, Sun and Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refocal.propagation.colour_covariance import cholesky, solve_lower, solve_upper

Floats = npt.NDArray[np.floating]


def guided_filter(image: Floats, guide: Floats, radius: int, epsilon: float) -> Floats:
    """Smooth ``image`` while preserving the edges of ``guide``.

    In each window k the image is fitted by a_k^T I + b_k, a_k = (Sigma_k + epsilon Id)^-1 cov_k(I, p),
    b_k = mean_k(p) - a_k^T mean_k(I) (eqs. 19, 20); the output is the mean over the windows around a pixel (eq. 21).
    Constants are preserved. Windows are truncated at the photo's border, as in the paper's code.

    Args:
        image: p, (C, H, W) or (H, W), any range.
        guide: I, (3, H, W) or (1, H, W), range [0, 1].
        radius: The windows are (2 radius + 1) pixels wide.
        epsilon: Regularisation; variance of the guide below it is smoothed. 0.01 to 1e-4 in the paper's examples.

    Returns:
        The filtered image, float32 (float64 if ``image`` is), same shape.
    """
    shape = image.shape[-2:]
    planes = image.reshape(-1, *shape)
    # float64, as covariances are differences of means; the overall mean is subtracted to save digits.
    colours = np.asarray(guide, np.float64)
    colours = colours - colours.mean((1, 2), keepdims=True)
    size = _box_sum(np.ones(shape), radius)

    def mean(plane: Floats) -> npt.NDArray[np.float64]:
        return np.asarray(_box_sum(plane, radius) / size, np.float64)

    channels = range(len(colours))
    centre = np.stack([mean(colour) for colour in colours])
    covariance = np.empty((len(colours), *centre.shape))
    for i in channels:
        for j in channels[: i + 1]:
            covariance[i, j] = covariance[j, i] = mean(colours[i] * colours[j]) - centre[i] * centre[j]
        covariance[i, i] += epsilon
    factors = cholesky(covariance)
    out = np.empty(planes.shape, np.result_type(image.dtype, np.float32))
    for plane, target in zip(planes.astype(np.float64), out, strict=True):
        level = mean(plane)
        cross = np.stack([mean(colours[c] * plane) - centre[c] * level for c in channels])
        slope = solve_upper(factors, solve_lower(factors, cross))  # eq. 19
        offset = level - (slope * centre).sum(0)  # eq. 20
        target[...] = sum(mean(slope[c]) * colours[c] for c in channels) + mean(offset)  # eq. 21
    return out.reshape(image.shape)


def _box_sum(plane: Floats, radius: int) -> npt.NDArray[np.float64]:
    """Sum over the part of the window (2 ``radius`` + 1 wide) inside the image."""
    from scipy.ndimage import uniform_filter

    side = 2 * radius + 1
    return np.asarray(uniform_filter(plane, side, mode="constant") * side**2, np.float64)
