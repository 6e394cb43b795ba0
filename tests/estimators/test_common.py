"""The table between Gaussians and disks."""

import numpy as np
import pytest

from refocal.estimators.common import sigma_to_radius


def test_the_conversion_holds_the_published_pairs():
    np.testing.assert_allclose(sigma_to_radius(np.array([0.0, 0.3, 1.125, 2.2, 3.275])), [0, 0.5, 2, 4, 6])
    assert sigma_to_radius(np.array(3.4)) == pytest.approx(6.25)  # the last slope goes on
    assert np.isinf(sigma_to_radius(np.array(np.inf)))
