import numpy as np
import pytest

from refocal.optics.conjugate_gradients import conjugate_gradients


def system(size, condition=1.0, seed=0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) * np.geomspace(1, condition**0.5, size)[:, None]
    return root @ root.T + np.eye(size), rng.normal(size=size)


def test_the_number_of_steps_is_at_most_the_number_of_unknowns():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    matrix, right = root @ root.T + np.eye(6), rng.normal(size=(3, 2, 3))
    right[1] = 0  # solved by the start

    def normal(x):
        return (x.reshape(-1, 6) @ matrix).reshape(x.shape)

    found = conjugate_gradients(normal, right, np.zeros_like(right), 7, 1e-13)
    np.testing.assert_allclose(found.reshape(3, 6), np.linalg.solve(matrix, right.reshape(3, 6).T).T, atol=1e-10)


def test_a_solved_channel_keeps_its_exact_values():
    matrix, _ = system(6)
    right = np.random.default_rng(1).normal(size=(2, 2, 3))
    start = np.stack([np.linalg.solve(matrix, right[0].ravel()).reshape(2, 3), np.zeros((2, 3))])
    found = conjugate_gradients(lambda x: (x.reshape(-1, 6) @ matrix).reshape(x.shape), right, start, 7, 1e-9)
    np.testing.assert_array_equal(found[0], start[0])
    np.testing.assert_allclose(found[1].ravel(), np.linalg.solve(matrix, right[1].ravel()), atol=1e-8)


def test_the_exact_inverse_as_preconditioner_needs_one_step():
    matrix, right = system(20, condition=1e6)
    wanted = np.linalg.solve(matrix, right)
    found = conjugate_gradients(
        lambda x: matrix @ x, right, np.zeros(20), 1, 1e-12, lambda r: np.linalg.solve(matrix, r)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    plain = conjugate_gradients(lambda x: matrix @ x, right, np.zeros(20), 1, 1e-12)
    assert np.abs(plain - wanted).max() > 0.1 * np.abs(wanted).max()


def test_the_start_is_left_unchanged_and_the_tolerance_ends_the_search():
    matrix, right = system(15, condition=1e3)
    calls, start = [], np.ones(15)

    def operator(x):
        calls.append(x)
        return matrix @ x

    found = conjugate_gradients(operator, right, start, 1000, 1e-3)
    assert np.linalg.norm(right - matrix @ found) <= 1.001e-3 * np.linalg.norm(right)
    assert 3 < len(calls) < 100 and (start == 1).all()
    assert found == pytest.approx(np.linalg.solve(matrix, right), abs=0.1)
