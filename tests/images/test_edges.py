"""Edges against scikit-image's Canny, and the noise against noise that was put in."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, feature

from refocal.images.edges import (
    above_noise,
    canny,
    estimate_noise,
    gradient_energy,
    gradient_ridges,
    hysteresis,
    ridge_reach_px,
)


@pytest.fixture(scope="module")
def grey():
    return data.camera()[:301, :400].astype(np.float32) / 255


@pytest.mark.parametrize("blur_px", [0.0, 2.0])
@pytest.mark.parametrize("sigma_px", [1.0, 2.0])
def test_agrees_with_scikit_image(grey, blur_px, sigma_px):
    photo = ndimage.gaussian_filter(grey, blur_px)
    inner = (slice(10, -10),) * 2  # borders are treated differently
    ours, theirs = canny(photo, sigma_px)[inner], feature.canny(photo, sigma_px)[inner]
    assert theirs.mean() > 0.01
    assert (ours != theirs).sum() < 0.01 * theirs.sum()


def test_a_strip_with_halo_equals_the_whole(grey):
    whole, halo = gradient_ridges(grey, 2.0, 0.1), ridge_reach_px(2.0)
    strip = gradient_ridges(grey[100 - halo : 150 + halo], 2.0, 0.1)[halo:-halo]
    np.testing.assert_allclose(strip, whole[100:150], atol=1e-6)


def test_hysteresis_keeps_weak_pixels_only_on_lines_that_get_strong():
    ridges = np.zeros((5, 8))
    ridges[1, 1], ridges[2, 2], ridges[3, 3] = 0.1, 0.1, 0.5  # one diagonal line
    ridges[1, 5:7] = 0.1  # never strong
    expected = np.zeros((5, 8), bool)
    expected[[1, 2, 3], [1, 2, 3]] = True
    np.testing.assert_array_equal(hysteresis(ridges, 0.4), expected)
    assert not hysteresis(np.zeros((5, 8)), 0.4).any()


@pytest.mark.parametrize("noise_std", [0.005, 0.05])
def test_noise_is_measured_on_a_smooth_picture(grey, noise_std):
    smooth = ndimage.gaussian_filter(grey, 3)
    noisy = smooth + np.random.default_rng(0).normal(0, noise_std, grey.shape)
    assert estimate_noise(noisy) == pytest.approx(noise_std, rel=0.05)
    assert estimate_noise(np.full((7, 9), 0.5)) == 0


def test_gradient_energy_is_a_slopes_square_and_white_noise_adds_nothing():
    slope = 0.03 * np.mgrid[:60, :80][0] - 0.04 * np.mgrid[:60, :80][1]
    np.testing.assert_allclose(gradient_energy(slope, 1.5)[10:-10, 10:-10], 0.05**2, rtol=1e-3)
    noise = np.random.default_rng(0).normal(0, 0.1, (300, 300))
    inner = (slice(10, -10),) * 2  # replicated borders raise the noise
    for scale_px in (1.5, 2.0):
        left, whole = (gradient_energy(noise, scale_px, variance)[inner].mean() for variance in (0.1**2, 0.0))
        assert abs(left) < 0.05 * whole


def test_white_noise_stays_below_its_threshold():
    noise = np.random.default_rng(0).normal(0, 0.1, (300, 300))
    assert gradient_ridges(noise, 2.0, above_noise(0.1, 2.0)).any(axis=0).mean() < 0.02
    assert gradient_ridges(noise, 2.0, above_noise(0.1, 2.0) / 3).any()
