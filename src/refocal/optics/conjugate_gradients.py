"""Conjugate gradients for symmetric positive definite systems, on NumPy arrays.

References: Hestenes & Stiefel, "Methods of conjugate gradients for solving linear systems", Journal of Research of the
National Bureau of Standards 49(6), 1952; with a preconditioner: Shewchuk, "An introduction to the conjugate gradient
method without the agonizing pain", 1994, algorithm B3.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refocal.types import Array


def conjugate_gradients(
    operator: Callable[[Array], Array],
    right: Array,
    start: Array,
    num_iter: int,
    tolerance: float,
    precondition: Callable[[Array], Array] = np.array,
) -> Array:
    """Solve A x = b: one system for a vector, an independent one per channel for images.

    Args:
        operator: A x for an array of the shape of ``right``; A is symmetric and positive definite.
        right: b, (n,) or (..., H, W), float32 or float64.
        start: First estimate of x, same shape and dtype.
        num_iter: Maximum number of steps.
        tolerance: A system is solved when sqrt(r^T M^-1 r) of its residual r = b - A x is at most this fraction of
            that of b.
        precondition: M^-1 r, in a new array; the identity by default.

    Returns:
        x, in a new array.
    """
    x = np.array(start)
    residual = right - operator(x)
    direction = precondition(residual)
    power = _dot(residual, direction)
    enough = tolerance**2 * _dot(right, precondition(right))
    for _ in range(num_iter):
        active = power > enough
        if not active.any():
            break
        product = operator(direction)
        # A solved system keeps exactly its x, so that a channel's result doesn't depend on the others.
        step = np.where(active, power / np.maximum(_dot(direction, product), 1e-30), 0)
        x += step * direction
        residual -= step * product
        conditioned = precondition(residual)
        next_power = _dot(residual, conditioned)
        direction *= next_power / np.maximum(power, 1e-30)
        direction += conditioned
        power = np.where(active, next_power, power)
    return x


def _dot(a: Array, b: Array) -> Array:
    """Inner product of two vectors, or one per channel, (..., 1, 1)."""
    return np.vdot(a, b) if a.ndim == 1 else (a * b).sum((-2, -1), keepdims=True)
