"""The domain transform against a direct implementation of its equations."""

import numpy as np
import pytest

from refocal.propagation.domain_transform import domain_transform, spread


def plain(image, guide, sigma_s, sigma_r, num_iter):
    """Direct implementation for one channel, scalar by scalar."""
    out = image.astype(float).copy()
    height, width = out.shape
    for i in range(1, num_iter + 1):
        a = np.exp(-np.sqrt(2) / (sigma_s * np.sqrt(3) * 2 ** (num_iter - i) / np.sqrt(4**num_iter - 1)))
        for transposed in (False, True):
            lines, shades = (out.T, guide.transpose(0, 2, 1)) if transposed else (out, guide)
            for y in range(lines.shape[0]):
                for forward in (True, False):
                    order = range(1, lines.shape[1]) if forward else range(lines.shape[1] - 2, -1, -1)
                    for x in order:
                        other = x - 1 if forward else x + 1
                        d = 1 + sigma_s / sigma_r * np.abs(shades[:, y, x] - shades[:, y, other]).sum()
                        lines[y, x] += a**d * (lines[y, other] - lines[y, x])
    assert out.shape == (height, width)
    return out


@pytest.mark.parametrize("channels", [1, 3])
def test_equals_the_direct_implementation(channels):
    rng = np.random.default_rng(0)
    image, guide = rng.random((2, 11, 17)), rng.random((channels, 11, 17))
    expected = np.stack([plain(plane, guide, 6.0, 0.7, 3) for plane in image])
    np.testing.assert_allclose(domain_transform(image, guide, 6.0, 0.7, 3), expected, atol=1e-12)
    np.testing.assert_allclose(domain_transform(image.astype(np.float32), guide, 6.0, 0.7, 3), expected, atol=2e-6)
    np.testing.assert_allclose(domain_transform(image[1], guide, 6.0, 0.7, 3), expected[1], atol=1e-12)


def test_constants_are_preserved_and_strong_edges_stop_the_filter():
    rng = np.random.default_rng(1)
    guide = rng.random((3, 21, 30)).astype(np.float32)
    np.testing.assert_allclose(domain_transform(np.full((21, 30), 0.3), guide, 20, 0.1, 4), 0.3, atol=1e-12)
    halves = np.zeros((1, 21, 30), np.float32)
    halves[..., 15:] = 1
    noisy = (5 * halves[0] + rng.normal(0, 0.1, (21, 30))).astype(np.float32)
    smooth = domain_transform(noisy, halves, 30, 0.01, 3)
    assert np.abs(smooth - 5 * halves[0]).max() < 0.05  # no leak of the step of 5, and the noise is averaged


def test_spread_preserves_constants_and_the_order_of_two_values():
    rng = np.random.default_rng(2)
    guide = rng.random((3, 25, 40)).astype(np.float32)
    mask = (rng.random((25, 40)) < 0.02).astype(np.float32)
    np.testing.assert_allclose(spread(np.full((25, 40), 2.5), mask, guide, 5.0), 2.5, rtol=1e-5)
    mask[:] = 0
    mask[12, 5] = mask[12, 35] = 1
    values = np.where(np.arange(40) < 20, 1.0, 3.0) * np.ones((25, 1))
    dense = spread(values, mask, np.zeros((1, 25, 40), np.float32), 5.0)
    assert dense.min() >= 1 - 1e-5 and dense.max() <= 3 + 1e-5
    assert dense[12, 5] < 1.1 and dense[12, 35] > 2.9 and (np.diff(dense[12]) > -1e-5).all()


def test_spread_returns_the_mean_where_no_value_is_within_reach():
    values, mask = np.full((3, 400), 2.0), np.zeros((3, 400))
    assert (spread(values, mask, np.zeros((1, 3, 400)), 1.0) == 0).all()
    mask[1, 0] = 1
    np.testing.assert_allclose(spread(values, mask, np.zeros((1, 3, 400)), 1.0), 2.0, rtol=1e-5)
