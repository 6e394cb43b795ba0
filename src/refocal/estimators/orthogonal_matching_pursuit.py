"""Orthogonal matching pursuit for many signals at once: sparse codes over a dictionary, to a given error.

After Rubinstein, Zibulevsky and Elad, "Efficient implementation of the K-SVD algorithm using batch orthogonal matching
pursuit", Technion CS-2008-08: all steps use inner products with the atoms only, not the signals themselves. The paper's
triangular systems are replaced by orthogonalised atoms, so that a step is vectorised over thousands of signals.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

_MIN_NEW = 1e-5  # smallest squared length of an atom after orthogonalisation; less is rounding error
_CHUNK = 256  # signals per batch: their orthogonalised atoms fit into the processor's cache


def pursue(
    products: Floats, energies: Floats, gram: Floats, error: float, max_atoms: int = 64
) -> tuple[Integers, Floats]:
    """Choose atoms for each signal, one by one, until the length of its residual is at most ``error``.

    Each step chooses the atom with the largest inner product with the residual r = x - (projection of x onto the atoms
    chosen before). With q_k the chosen atoms, orthonormalised in turn, and b_k = D^T q_k, a step is

    b_k = (G e_j - sum_i b_i[j] b_i) / |.|,   D^T r <- D^T r - (q_k . x) b_k,   |r|^2 <- |r|^2 - (q_k . x)^2.

    Args:
        products: D^T x, (signal, atom).
        energies: |x|^2, (signal,).
        gram: D^T D, (atom, atom), with ones on its diagonal.
        error: Maximum length of a residual, in the unit of x.
        max_atoms: Maximum number of atoms of a signal.

    Returns:
        Chosen atoms in their order, (signal, ``max_atoms``) int16, -1 where fewer were needed; and |r|^2, (signal,),
        which exceeds the error where no further atom reduces it.
    """
    chosen = np.full((len(products), max_atoms), -1, np.int16)
    left = np.array(energies, products.dtype)
    for first in range(0, len(products), _CHUNK):
        part = slice(first, first + _CHUNK)
        _pursue(products[part], gram, error, chosen[part], left[part])
    return chosen, np.maximum(left, 0)


def _pursue(products: Floats, gram: Floats, error: float, chosen: Integers, left: Floats) -> None:
    """Process a batch of signals in place: fills ``chosen``, and reduces ``left`` from |x|^2 to |r|^2."""
    max_atoms = chosen.shape[1]
    alive = np.flatnonzero(left > error**2)
    residual = products[alive]  # D^T r
    basis = np.empty((max_atoms, len(alive), gram.shape[0]), products.dtype)  # b_k
    for k in range(max_atoms):
        if not len(alive):
            break
        rows = np.arange(len(alive))
        atom = np.abs(residual).argmax(1)
        new = gram[atom]
        for former in basis[:k, : len(alive)]:
            new -= former[rows, atom, None] * former
        square = new[rows, atom]
        useful = square > _MIN_NEW
        length = np.sqrt(np.where(useful, square, 1))
        new /= length[:, None]
        along = np.where(useful, residual[rows, atom] / length, 0)
        residual -= along[:, None] * new
        left[alive] -= along**2
        chosen[alive[useful], k] = atom[useful]
        basis[k, : len(alive)] = new
        go_on = useful & (left[alive] > error**2)
        if not go_on.all():
            alive, residual = alive[go_on], residual[go_on]
            basis[: k + 1, : len(alive)] = basis[: k + 1, : len(go_on)][:, go_on]


def coefficients(chosen: Integers, products: Floats, gram: Floats) -> Floats:
    """Least-squares coefficients of the chosen atoms.

    Args:
        chosen: (signal, at most ``max_atoms``), as ``pursue`` returns it.
        products: D^T x, (signal, atom).
        gram: D^T D, (atom, atom).

    Returns:
        (signal, atom), 0 for atoms not chosen.
    """
    out = np.zeros_like(products)
    counts = (chosen >= 0).sum(1)
    for count in range(1, chosen.shape[1] + 1):
        signals = np.flatnonzero(counts == count)
        if len(signals):
            atoms = chosen[signals, :count].astype(np.intp)
            system = gram[atoms[:, :, None], atoms[:, None, :]]
            values = np.linalg.solve(system, np.take_along_axis(products[signals], atoms, 1)[..., None])
            out[signals[:, None], atoms] = values[..., 0]
    return out
