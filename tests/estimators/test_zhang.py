"""The estimator of Zhang et al. on known blur."""

import numpy as np
import pytest
from scipy import ndimage

from refocal.estimators.common import sigma_to_radius
from refocal.estimators.zhang import Zhang
from refocal.optics.blur import BlurMap
from refocal.types import InputError
from samples import kodak


def step(sigma_px, size=61):
    edge = np.repeat((np.arange(size) >= size // 2).astype(float)[None], 40, 0)
    edge[:, size // 2] = 0.5
    return (0.2 + 0.6 * ndimage.gaussian_filter1d(edge, sigma_px, axis=1, truncate=8))[None].astype(np.float32)


@pytest.mark.parametrize("sigma_px", [1.5, 2.0, 2.5])
def test_an_ideal_step_is_measured(sigma_px):
    sigma, edges = Zhang(edge_threshold=0.5).edge_sigmas(step(sigma_px))
    # A difference over two pixels adds a box of 2 px, of variance 1/3; the half pixel of the step adds 1/6.
    assert edges.sum() >= 38  # every row except the outermost
    np.testing.assert_allclose(sigma[edges], np.sqrt(sigma_px**2 + 1 / 2), atol=0.1)
    found = Zhang(edge_threshold=0.5)(step(sigma_px)).radius_px
    np.testing.assert_allclose(found, sigma_to_radius(np.sqrt(np.array(sigma_px**2 + 1 / 2))), atol=0.2)


def test_two_blurs_are_distinguished(shared):
    sharp = kodak(shared, 22)[:, 150:250, 200:320]
    truth = np.where(np.arange(120) < 60, 1.0, 4.0).astype(np.float32) * np.ones((100, 1), np.float32)
    blurred = BlurMap(truth).apply(sharp)
    found = Zhang()(blurred).radius_px
    assert found[:, 75:].mean() > found[:, :45].mean() + 1


def test_without_edges_radius_and_confidence_are_zero():
    for flat in (np.full((3, 41, 60), 0.5, np.float32), np.zeros((1, 3, 3), np.float32)):
        result = Zhang()(flat)
        assert (result.radius_px == 0).all() and (result.confidence == 0).all()


def test_a_large_photo_is_spread_reduced_and_sigma_is_limited():
    image = np.concatenate([step(2.0)] * 3, 1)
    whole, reduced = Zhang(edge_threshold=0.5)(image), Zhang(edge_threshold=0.5, max_propagation_mp=0.002)(image)
    assert reduced.radius_px.shape == reduced.confidence.shape == (120, 61)
    assert np.abs(reduced.radius_px - whole.radius_px).mean() < 0.3
    assert Zhang(max_sigma_px=1.0)(image).radius_px.max() <= sigma_to_radius(np.array(1.0)) + 1e-5


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="one image"):
        Zhang()(np.zeros((2, 3, 20, 20), np.float32))
