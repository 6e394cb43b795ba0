"""The estimator of D'Andres et al. on photos with known blur."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from refocal.datasets.radius_maps import generate
from refocal.estimators.dandres import DAndres
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.optics.blur import BlurMap
from refocal.types import InputError
from samples import kodak


def photo(shared, number):
    return kodak(shared, number)[:, :360, :340]


def blur(sharp, radius_px):
    """Blur as in the paper: in sRGB values, truncated to 8 bits."""
    radius = np.broadcast_to(np.float32(radius_px), sharp.shape[1:]).copy()
    blurred = BlurMap(radius, step_px=0.25, boundary="replicate", encoding="srgb").apply(sharp)
    return np.floor(np.clip(blurred, 0, 1) * 255).astype(np.float32) / 255


def edges(image):
    return canny(luma(image)[0])


@pytest.mark.parametrize(("number", "kind"), [(5, "ramp-right"), (8, "stairs-down"), (16, "ramp-up"), (23, "uniform")])
def test_synthetic_maps_are_estimated_at_edges_and_between(shared, number, kind):
    sharp = photo(shared, number)
    truth = generate(kind, np.random.default_rng(number), sharp.shape[1:])
    blurred = blur(sharp, truth)
    error = np.abs(DAndres()(blurred).radius_px - truth)
    assert error[edges(blurred)].mean() < 0.4  # the aim is 0.6; 0.12 on average
    assert error.mean() < 0.6


@pytest.mark.parametrize("radius_px", [0.0, 2.0, 5.0])
def test_uniform_blur_is_estimated_in_colour_and_grey(shared, radius_px):
    blurred = blur(photo(shared, 8), radius_px)
    for image in (blurred, luma(blurred)):
        assert np.median(DAndres()(image).radius_px[edges(blurred)]) == pytest.approx(radius_px, abs=0.35)


def test_noise_is_not_mistaken_for_sharpness(shared):
    blurred = blur(photo(shared, 19), 3.0)
    noisy = blurred + np.random.default_rng(0).normal(0, 0.02, blurred.shape).astype(np.float32)
    assert np.median(DAndres()(noisy).radius_px[edges(blurred)]) == pytest.approx(3, abs=0.5)


def test_ramps_and_steps_of_the_radius_are_preserved(shared):
    sharp = photo(shared, 5)
    ramp = np.linspace(1, 6, 340, dtype=np.float32)[None].repeat(360, 0)
    found = DAndres()(blur(sharp, ramp)).radius_px
    assert spearmanr(found[::4, ::4].ravel(), ramp[::4, ::4].ravel())[0] > 0.95
    step = np.where(np.arange(340) < 170, 1.0, 5.0).astype(np.float32)[None].repeat(360, 0)
    profile = np.median(DAndres()(blur(sharp, step)).radius_px, 0)
    assert profile[:145].max() < 1.6 and profile[195:].min() > 4.4


def test_flat_areas_take_the_surrounding_radius_with_low_confidence(shared):
    sharp = photo(shared, 8)
    sharp[:, 120:240, 100:240] = 0.6
    result = DAndres()(blur(sharp, 3.0))
    np.testing.assert_allclose(result.radius_px[160:200, 150:190], 3, atol=0.5)
    assert result.confidence[160:200, 150:190].max() < 0.1 < 0.4 < np.median(result.confidence[edges(sharp)])


def test_without_content_radius_and_confidence_are_zero():
    noise = np.random.default_rng(0).normal(0.5, 0.05, (1, 64, 64)).astype(np.float32)
    for empty in (np.full((3, 41, 60), 0.5, np.float32), np.zeros((1, 3, 3), np.float32), noise):
        result = DAndres()(empty)
        assert (result.radius_px == 0).all() and (result.confidence == 0).all()


def test_shading_has_no_confidence():
    ramp = np.linspace(0.3, 0.4, 60, dtype=np.float32)[None, None] * np.ones((3, 41, 1), np.float32)
    assert DAndres()(ramp).confidence.max() < 0.01


def test_a_large_photo_is_measured_on_a_coarser_grid(shared):
    blurred = blur(photo(shared, 5), 3.0)
    coarse = DAndres(max_propagation_mp=0.03)(blurred[:, :, :339])
    assert coarse.radius_px.shape == coarse.confidence.shape == (360, 339)
    assert coarse.radius_px.dtype == coarse.confidence.dtype == np.float32
    assert np.abs(coarse.radius_px - 3).mean() < 0.3
    assert DAndres(max_radius_px=2.0)(blurred).radius_px.max() <= 2


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="one image"):
        DAndres()(np.zeros((2, 3, 20, 20), np.float32))
