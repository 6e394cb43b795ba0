"""The matting Laplacian against its definition, and its iterative solution against a direct one."""

import numpy as np
import pytest
from scipy import ndimage
from scipy import sparse as sp
from scipy.sparse.linalg import spsolve

from refocal.propagation.matting import matting_laplacian, spread
from refocal.types import InputError


def plain(guide, epsilon, radius):
    """Eq. 12 of Levin et al., window by window, dense."""
    channels, height, width = guide.shape
    number = np.arange(height * width).reshape(height, width)
    out = np.zeros((height * width,) * 2)
    side = 2 * radius + 1
    for y in range(height - side + 1):
        for x in range(width - side + 1):
            pixels = number[y : y + side, x : x + side].ravel()
            colours = guide.reshape(channels, -1)[:, pixels]
            centred = colours - colours.mean(1, keepdims=True)
            inverse = np.linalg.inv(centred @ centred.T / side**2 + epsilon * np.eye(channels))
            out[np.ix_(pixels, pixels)] += np.eye(side**2) - (1 + centred.T @ inverse @ centred) / side**2
    return out


def scene(height, width, seed=0):
    """Guide of smooth colours with noise, dense values, and the mask of a few known pixels."""
    rng = np.random.default_rng(seed)
    guide = ndimage.gaussian_filter(rng.random((3, height, width)), (0, 3, 3)) * 3 - 1
    guide = np.clip(guide + rng.normal(0, 0.003, guide.shape), 0, 1)
    mask = (rng.random((height, width)) < 0.03).astype(np.float32)
    values = 3 * guide[0] + np.linspace(0, 2, width)
    return guide.astype(np.float32), values.astype(np.float32), mask


@pytest.mark.parametrize(("channels", "radius"), [(1, 1), (3, 1), (3, 2)])
def test_equals_its_definition(channels, radius):
    guide = np.random.default_rng(0).random((channels, 8, 11))
    matrix = matting_laplacian(guide, 1e-3, radius)
    np.testing.assert_allclose(matrix.toarray(), plain(guide, 1e-3, radius), atol=1e-9)


def test_is_symmetric_positive_semidefinite_and_has_zero_row_sums():
    guide, _, _ = scene(12, 15)
    matrix = matting_laplacian(guide)
    assert (matrix != matrix.T).nnz == 0
    assert np.abs(matrix.sum(1)).max() < 1e-12
    eigenvalues = np.linalg.eigvalsh(matrix.toarray())
    assert eigenvalues[0] > -1e-10 and eigenvalues[-1] > 1


def test_affine_functions_of_the_colours_have_no_cost():
    guide = np.random.default_rng(3).random((3, 20, 21))
    affine = 0.3 + np.tensordot([2.0, -1.0, 0.5], guide, 1).ravel()
    other = np.random.default_rng(4).random(affine.size)
    matrix = matting_laplacian(guide)
    assert abs(affine @ matrix @ affine) < 1e-4 * (other @ matrix @ other)


@pytest.mark.parametrize("size", [(64, 83), (131, 100)])
def test_spread_equals_the_direct_solution(size):
    guide, values, mask = scene(*size)
    known = 1e-3 * mask.ravel().astype(float)
    system = (matting_laplacian(guide) + sp.diags_array(known)).tocsc()
    direct = spsolve(system, known * values.ravel()).reshape(size)
    assert np.ptp(direct) > 1
    assert (
        np.abs(spread(values, mask, guide) - direct).mean() < 0.01
    )  # the accuracy documented for the default tolerance
    assert np.abs(spread(values, mask, guide, tolerance=1e-4) - direct).max() < 0.01


def test_spread_preserves_constants_also_for_grey_and_flat_guides():
    guide, _, mask = scene(40, 50)
    flat = np.full((3, 40, 50), 0.5, np.float32)
    for each in (guide, guide[:1], np.repeat(guide[:1], 3, 0), flat):
        np.testing.assert_allclose(spread(np.full(mask.shape, 2.5), mask, each), 2.5, atol=1e-5)


def test_spread_follows_the_guide_not_the_distance():
    guide = np.zeros((3, 30, 40), np.float32)
    guide[..., 25:] = 0.4
    mask = np.zeros((30, 40))
    mask[15, 2:6] = mask[15, 35:39] = 1
    values = np.where(np.arange(40) < 20, 1.0, 3.0) * np.ones((30, 1))
    dense = spread(values, mask, guide, tolerance=1e-4)
    assert np.abs(dense[:, :25] - 1).max() < 0.1 and np.abs(dense[:, 25:] - 3).max() < 0.1


def test_without_values_the_result_is_zero_and_small_photos_are_refused():
    guide, values, mask = scene(10, 12)
    assert (spread(values, 0 * mask, guide) == 0).all()
    with pytest.raises(InputError, match="at least 3 px"):
        matting_laplacian(guide[:, :2])
