"""Conversion from Gaussian sigma to disk radius, reduction and the empty result."""

import numpy as np
import pytest

from refocal.estimators.common import reduction_factor, sigma_to_radius, unknown_blur


def test_the_conversion_contains_the_published_pairs():
    np.testing.assert_allclose(sigma_to_radius(np.array([0.0, 0.3, 1.125, 2.2, 3.275])), [0, 0.5, 2, 4, 6])
    assert sigma_to_radius(np.array(3.4)) == pytest.approx(6.25)  # the last segment continues
    assert np.isinf(sigma_to_radius(np.array(np.inf)))


def test_the_reduction_factor_is_the_smallest_that_suffices():
    assert reduction_factor((1, 1), 2.0) == reduction_factor((1000, 2000), 2.0) == 1
    assert reduction_factor((1000, 2001), 2.0) == reduction_factor((2000, 4000), 2.0) == 2
    assert reduction_factor((2000, 4001), 2.0) == 3


def test_an_unknown_blur_has_radius_and_confidence_zero():
    blur = unknown_blur((3, 4))
    assert blur.radius_px.shape == (3, 4) and not blur.radius_px.any() and not blur.confidence.any()
