"""Cholesky factors of one small matrix per pixel, vectorised: the colour covariances of the window filters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def cholesky(matrices: Array) -> Array:
    """Lower factors F with F F^T = M, for positive definite ``matrices`` (n, n, ...) with pixels on the last axes.

    ``numpy.linalg.cholesky`` takes (..., n, n) and calls LAPACK once per pixel; for n of 1 or 3, arithmetic on whole
    planes is about ten times faster.
    """
    n = len(matrices)
    factors = np.zeros_like(matrices)
    for i in range(n):
        for j in range(i + 1):
            rest = matrices[i, j] - sum(factors[i, k] * factors[j, k] for k in range(j))
            factors[i, j] = np.sqrt(rest) if i == j else rest / factors[j, j]
    return factors


def solve_lower(factors: Array, right: Array) -> Array:
    """Solve F z = ``right`` per pixel by forward substitution; ``factors`` (n, n, ...), ``right`` (n, ...)."""
    solution = np.empty_like(right)
    for i in range(len(factors)):
        solution[i] = (right[i] - sum(factors[i, k] * solution[k] for k in range(i))) / factors[i, i]
    return solution


def solve_upper(factors: Array, right: Array) -> Array:
    """Solve F^T z = ``right`` per pixel by back substitution; ``factors`` (n, n, ...), ``right`` (n, ...)."""
    n = len(factors)
    solution = np.empty_like(right)
    for i in reversed(range(n)):
        solution[i] = (right[i] - sum(factors[k, i] * solution[k] for k in range(i + 1, n))) / factors[i, i]
    return solution
