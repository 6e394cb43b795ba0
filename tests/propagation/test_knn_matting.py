"""KNN matting against its definition on a small image."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from refocal.propagation.knn_matting import knn_laplacian, spread
from refocal.types import InputError


def noise(channels=3, height=9, width=13):
    return np.random.default_rng(0).random((channels, height, width)).astype(np.float32)


def dense_laplacian(guide, neighbours):
    """Direct implementation from all pairwise distances."""
    channels, height, width = guide.shape
    y, x = np.divmod(np.arange(height * width), width)
    affinity = np.zeros((len(y), len(y)))
    searches = []
    for number, weight in neighbours:
        position = np.stack([y, x]) * weight / np.hypot(height, width)
        features = np.concatenate([guide.reshape(channels, -1), position]).T
        searches.append((number, features))
    similarity = np.maximum(1 - cdist(features, features, "cityblock") / (channels + 2), 0)
    for number, features in searches:
        near = np.argsort(cdist(features, features), 1)[:, 1 : number + 1]
        for i, row in enumerate(near):
            for j in row:
                affinity[i, j] += similarity[i, j]
                affinity[j, i] += similarity[i, j]
    return np.diag(affinity.sum(1)) - affinity


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_its_definition(channels):
    guide, neighbours = noise(channels), ((6, 30.0), (2, 0.3))
    expected = dense_laplacian(guide.astype(float), neighbours)
    np.testing.assert_allclose(knn_laplacian(guide, neighbours).toarray(), expected, atol=1e-9)


@pytest.mark.parametrize("guide", [noise(), np.full((3, 9, 13), 0.5, np.float32)])
def test_rows_sum_to_zero_and_it_is_positive_semi_definite(guide):
    laplacian = knn_laplacian(guide)
    np.testing.assert_allclose(laplacian.sum(1), 0, atol=1e-12)
    assert abs(laplacian - laplacian.T).max() < 1e-12
    assert laplacian.diagonal().min() > 0
    assert np.linalg.eigvalsh(laplacian.toarray()).min() > -1e-10


def test_spread_solves_its_system_and_preserves_constants():
    guide = noise()
    mask = (np.random.default_rng(1).random((9, 13)) < 0.2).astype(np.float32)
    values = np.random.default_rng(2).random((9, 13))
    system = knn_laplacian(guide).toarray() + 0.3 * np.diag(mask.ravel())
    expected = np.linalg.solve(system, 0.3 * (mask * values).ravel()).reshape(9, 13)
    np.testing.assert_allclose(spread(values, mask, guide, 0.3, 1e-9), expected, atol=1e-5)
    np.testing.assert_allclose(spread(np.full((9, 13), 2.5), mask, guide), 2.5, atol=1e-6)
    assert (spread(values, np.zeros((9, 13)), guide) == 0).all()


def test_pixels_of_equal_colour_are_connected_over_any_distance():
    guide = np.tile(noise(3, 10, 10), (1, 1, 2))  # each pixel has an equal one ten columns away
    edges = -knn_laplacian(guide, ((1, 0.01),)).toarray().reshape(10, 20, 10, 20)
    y, x = np.indices((10, 10))
    similarity = 1 - 0.01 * 10 / np.hypot(10, 20) / 5
    np.testing.assert_allclose(edges[y, x, y, x + 10], 2 * similarity, rtol=1e-9)  # found from both sides


def test_a_photo_of_fewer_pixels_than_neighbours_is_refused():
    with pytest.raises(InputError, match="too small"):
        knn_laplacian(np.zeros((3, 2, 5), np.float32))
