"""The guided filter against its definition, window by window."""

import numpy as np
import pytest

from refocal.propagation.guided_filter import guided_filter


def plain(image, guide, radius, epsilon):
    channels, height, width = guide.shape
    slopes, offsets = np.zeros((height, width, channels)), np.zeros((height, width))

    def window(y, x):
        return slice(max(y - radius, 0), y + radius + 1), slice(max(x - radius, 0), x + radius + 1)

    for y in range(height):
        for x in range(width):
            rows, columns = window(y, x)
            colours, values = guide[:, rows, columns].reshape(channels, -1), image[rows, columns].ravel()
            centred = colours - colours.mean(1, keepdims=True)
            covariance = centred @ centred.T / values.size + epsilon * np.eye(channels)
            slopes[y, x] = np.linalg.solve(covariance, centred @ (values - values.mean()) / values.size)
            offsets[y, x] = values.mean() - slopes[y, x] @ colours.mean(1)
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            out[y, x] = slopes[window(y, x)].mean((0, 1)) @ guide[:, y, x] + offsets[window(y, x)].mean()
    return out


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_its_definition(channels):
    rng = np.random.default_rng(0)
    guide, image = rng.random((channels, 13, 18)), rng.random((2, 13, 18))
    expected = np.stack([plain(plane, guide, 3, 0.02) for plane in image])
    np.testing.assert_allclose(guided_filter(image, guide, 3, 0.02), expected, atol=1e-12)
    single = guided_filter(image[0].astype(np.float32), guide.astype(np.float32), 3, 0.02)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected[0], atol=1e-5)


def test_preserves_constants_and_affine_functions_of_the_guide():
    guide = np.random.default_rng(1).random((3, 20, 31))
    np.testing.assert_allclose(guided_filter(np.full((20, 31), 0.7), guide, 4, 0.01), 0.7, atol=1e-12)
    affine = 0.2 + np.tensordot([1.0, -2.0, 0.5], guide, 1)
    np.testing.assert_allclose(guided_filter(affine, guide, 4, 1e-12), affine, atol=1e-8)
    assert np.abs(guided_filter(affine, guide, 4, 1.0) - affine).max() > 0.5  # a large epsilon smooths
