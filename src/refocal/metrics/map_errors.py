"""Errors of a blur map (or depth map) against the true one; computed in NumPy, without gradients for tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from refocal.types import Array, InputError

_Score = Callable[[np.ndarray, np.ndarray, np.ndarray], float]  # estimated, true, weight: all 1-D


def map_mae(estimated: Array, true: Array, mask: Array | None = None) -> Array:
    """Mean absolute error of a map, in the map's own unit.

    Args:
        estimated: (..., H, W).
        true: Same shape.
        mask: Weight of each pixel, (..., H, W), at least 0; pixels of weight 0 may have any value, including NaN.

    Returns:
        (...): float64.

    Raises:
        InputError: If the shapes don't fit, or the mask is empty.
    """
    return _per_map(lambda x, y, w: float(np.average(np.abs(x - y), weights=w)), estimated, true, mask)


def affine_invariant_error(estimated: Array, true: Array, p: Literal[1, 2] = 1, mask: Array | None = None) -> Array:
    """AI(p): error after the best scale and offset, for maps of unknown unit, as from dual pixels.

    ::

        AI(p) = min over a, b of (sum_i w_i |y_i - (a x_i + b)|^p / sum_i w_i)^(1/p)

    with x estimated, y true, w the mask. p = 2 is solved in closed form; p = 1 by iteratively reweighted least squares,
    whose result exceeds the minimum by less than 1e-5 of it, or up to 2e-3 for maps with few distinct values.

    Reference: Garg, Wadhwa, Ansari and Barron, "Learning Single Camera Depth Estimation Using Dual-Pixels", ICCV 2019,
    the affine-invariant weighted errors AIWE(1) and AIWE(2). Their third, 1 - |rho|, follows from ``spearman``.

    Args:
        estimated: (..., H, W).
        true: Same shape.
        p: 1 (mean absolute) or 2 (root mean square).
        mask: Weight of each pixel, (..., H, W), at least 0; pixels of weight 0 may have any value, including NaN.

    Returns:
        (...): float64, in the unit of ``true``.

    Raises:
        InputError: If the shapes don't fit, the mask is empty, or p is neither 1 nor 2.
    """
    if p not in (1, 2):
        raise InputError(f"The affine-invariant error has p = 1 or 2, not {p}.")
    return _per_map(_affine_1 if p == 1 else _affine_2, estimated, true, mask)


affine_invariant_error_1 = partial(affine_invariant_error, p=1)
affine_invariant_error_2 = partial(affine_invariant_error, p=2)


def spearman(estimated: Array, true: Array, mask: Array | None = None) -> Array:
    """Spearman's rank correlation rho of two maps: 1 if the order of all pixels agrees, -1 if it is reversed.

    Equal values share the mean of their ranks.

    Args:
        estimated: (..., H, W).
        true: Same shape.
        mask: (..., H, W): pixels where it is above 0 are compared, with equal weight.

    Returns:
        (...): float64; NaN where a map is constant.

    Raises:
        InputError: If the shapes don't fit, or the mask is empty.
    """
    return _per_map(_spearman, estimated, true, mask)


def _per_map(score: _Score, estimated: Array, true: Array, mask: Array | None) -> Array:
    """Apply ``score`` to the pixels of each map whose weight is above 0."""
    x, y = _to_numpy(estimated), _to_numpy(true)
    if x.shape != y.shape or x.ndim < 2 or x.size == 0:
        raise InputError(
            f"The estimated map is {x.shape} and the true one {y.shape}: both must be the same (..., H, W)."
        )
    weight = np.ones_like(y) if mask is None else _to_numpy(mask)
    lead = len(y.shape) - weight.ndim
    if weight.shape != y.shape[lead:] or lead > len(y.shape) - 2:
        raise InputError(f"The mask is {weight.shape}, which doesn't fit maps of {y.shape}.")
    if not np.all(weight >= 0):
        raise InputError("The mask must hold weights of at least 0.")
    weight = np.broadcast_to(weight, y.shape)
    scores = np.empty(y.shape[:-2])
    for index in np.ndindex(scores.shape):
        counts = weight[index] > 0
        if not counts.any():
            raise InputError("The mask is zero everywhere, so there is nothing to measure.")
        scores[index] = score(x[index][counts], y[index][counts], weight[index][counts])
    if is_numpy_array(estimated):
        return scores
    return array_namespace(estimated).asarray(scores, device=device(estimated))


def _to_numpy(array: Array) -> np.ndarray:
    if hasattr(array, "detach"):  # a torch tensor, maybe on another device
        array = array.detach().cpu()
    return np.asarray(array, np.float64)


def _fit(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Residual y - (a x + b) for the weighted least-squares a and b; a = 0 for a constant x."""
    x, y0 = x - np.average(x, weights=w), y - np.average(y, weights=w)
    power = np.sum(w * x * x)
    slope = np.sum(w * x * y0) / power if power > 0 else 0.0
    return y0 - slope * x


def _affine_2(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    return float(np.sqrt(np.average(_fit(x, y, w) ** 2, weights=w)))


def _affine_1(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    residual = _fit(x, y, w)
    best = float(np.average(np.abs(residual), weights=w))
    if best == 0:
        return best
    smallest = best  # lower limit of |r| in the weights, reduced in every iteration
    for _ in range(60):
        smallest *= 0.7  # 5e-10 of the first error after 60 iterations
        residual = _fit(x, y, w / np.maximum(np.abs(residual), smallest))
        best = min(best, float(np.average(np.abs(residual), weights=w)))
    return best


def _spearman(x: np.ndarray, y: np.ndarray, _weight: np.ndarray) -> float:
    rank_x, rank_y = _ranks(x), _ranks(y)
    power = np.sqrt(np.sum(rank_x**2) * np.sum(rank_y**2))
    return float(np.sum(rank_x * rank_y) / power) if power > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks minus their mean; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse] - (values.size + 1) / 2
