"""Orthogonal matching pursuit against scikit-learn and against its optimality conditions."""

import numpy as np
import pytest

from refocal.estimators.orthogonal_matching_pursuit import coefficients, pursue


def problem(signals=300, pixels=20, atoms=35):
    random = np.random.default_rng(0)
    dictionary = random.normal(size=(pixels, atoms))
    dictionary /= np.linalg.norm(dictionary, axis=0)
    return dictionary, random.normal(size=(signals, pixels)) * random.uniform(0.2, 3, (signals, 1))


def test_atoms_and_coefficients_equal_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    dictionary, signals = problem()
    gram, products, energies = dictionary.T @ dictionary, signals @ dictionary, (signals**2).sum(1)
    chosen, left = pursue(products, energies, gram, error=1.5)
    codes = coefficients(chosen, products, gram)
    loud = energies > 1.5**2  # scikit-learn always takes one atom
    theirs = linear_model.orthogonal_mp_gram(gram, products[loud].T, tol=1.5**2, norms_squared=energies[loud]).T
    np.testing.assert_allclose(codes[loud], theirs, atol=1e-8)
    assert not codes[~loud].any() and loud.any() and not loud.all()
    np.testing.assert_allclose(left, ((signals - codes @ dictionary.T) ** 2).sum(1), atol=1e-9)
    assert (left <= 1.5**2).all()


def test_the_residual_is_orthogonal_to_the_atoms_and_all_atoms_are_necessary():
    dictionary, signals = problem()
    gram, products = dictionary.T @ dictionary, signals @ dictionary
    chosen, _ = pursue(products, (signals**2).sum(1), gram, error=1.5)
    codes = coefficients(chosen, products, gram)
    residual_products = (signals - codes @ dictionary.T) @ dictionary
    assert np.abs(residual_products[codes != 0]).max() < 1e-9
    fewer, left = pursue(products, (signals**2).sum(1), gram, error=0, max_atoms=3)
    more = (chosen >= 0).sum(1) > 3
    assert (left[more] > 1.5**2).all()  # three were not enough where more were taken
    np.testing.assert_array_equal(chosen[more, :3], fewer[more])


def test_linearly_dependent_atoms_end_the_search():
    dictionary, signals = problem(pixels=6, atoms=9)
    flat = dictionary.copy()
    flat[3:] = 0  # three dimensions only; the signals have six
    flat /= np.linalg.norm(flat, axis=0)
    chosen, left = pursue(signals @ flat, (signals**2).sum(1), flat.T @ flat, error=1e-3, max_atoms=9)
    assert ((chosen >= 0).sum(1) == 3).all()
    np.testing.assert_allclose(left, (signals[:, 3:] ** 2).sum(1), atol=1e-9)
    assert pursue(signals[:0] @ flat, np.zeros(0), flat.T @ flat, 1.0)[0].shape == (0, 64)
