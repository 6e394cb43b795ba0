"""Zhuo and Sim's estimator on known blur."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import spearmanr

from refocal.estimators.common import sigma_to_radius
from refocal.estimators.zhuo_sim import ZhuoSim
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.optics.blur import BlurMap
from refocal.types import InputError
from samples import kodak


def photo(shared, number, size=384):
    return kodak(shared, number)[:, :size, :size]


def blur(sharp, radius_px):
    blurred = BlurMap(np.broadcast_to(np.float32(radius_px), sharp.shape[1:]).copy()).apply(sharp)
    return np.round(np.clip(blurred, 0, 1) * 255).astype(np.float32) / 255


def edges(image):
    return canny(luma(image)[0], 2.0)


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 3.0])
def test_an_ideal_step_is_measured(sigma_px):
    step = np.repeat((np.arange(120) >= 60).astype(float)[None], 80, 0)
    image = (0.2 + 0.6 * ndimage.gaussian_filter1d(step, sigma_px, axis=1, truncate=8))[None].astype(np.float32)
    result = ZhuoSim(noise_std=0)(image)
    # The step lies between two pixels, so that the gradient is not sampled at its maximum.
    np.testing.assert_allclose(result.radius_px, sigma_to_radius(np.array(sigma_px)), atol=0.2)
    if sigma_px > 1:
        less = ZhuoSim(noise_std=0, native_sigma_px=0.6 * sigma_px)(image).radius_px
        np.testing.assert_allclose(less, sigma_to_radius(np.array(0.8 * sigma_px)), atol=0.2)


@pytest.mark.parametrize("number", [5, 8])  # others give 3.6 to 5.2 for 4: shading is mistaken for edges
@pytest.mark.parametrize("radius_px", [2.0, 3.0, 4.0])
def test_uniform_blur_is_estimated(shared, number, radius_px):
    blurred = blur(photo(shared, number), radius_px)
    found = ZhuoSim()(blurred).radius_px
    assert np.median(found[edges(blurred)]) == pytest.approx(radius_px, abs=0.6)


@pytest.mark.parametrize("number", [5, 19])
def test_a_sharp_photo_stays_sharp(shared, number):
    sharp = photo(shared, number)
    assert np.median(ZhuoSim()(sharp).radius_px[edges(sharp)]) < 0.8


@pytest.mark.parametrize("propagation", ["domain-transform", "matting"])
def test_a_ramp_is_estimated(shared, propagation):
    truth = np.broadcast_to(np.linspace(0, 5, 384, dtype=np.float32), (384, 384))
    blurred = blur(photo(shared, 5), truth)
    found = ZhuoSim(propagation)(blurred).radius_px
    where = edges(blurred)
    assert spearmanr(found[where], truth[where])[0] > 0.8
    assert np.abs(found - truth).mean() < 0.8


def test_noise_is_mistaken_neither_for_edges_nor_for_sharpness(shared):
    blurred = blur(photo(shared, 19), 3.0)
    noisy = blurred + np.random.default_rng(0).normal(0, 0.03, blurred.shape).astype(np.float32)
    where = edges(blurred)
    assert np.median(ZhuoSim()(noisy).radius_px[where]) == pytest.approx(3, abs=0.6)
    grain = np.random.default_rng(1).normal(0.5, 0.1, (1, 128, 128)).astype(np.float32)
    assert ZhuoSim()(grain).confidence.mean() < 0.05
    assert ZhuoSim(noise_std=0)(grain).confidence.mean() > 0.2  # with noise_std 0, noise counts as edges


def test_without_edges_radius_and_confidence_are_zero():
    ramp = np.linspace(0.3, 0.4, 60, dtype=np.float32)[None, None] * np.ones((3, 41, 1), np.float32)
    for flat in (np.full((3, 41, 60), 0.5, np.float32), np.zeros((1, 3, 3), np.float32), ramp):
        for propagation in ("domain-transform", "matting"):
            result = ZhuoSim(propagation)(flat)
            assert (result.radius_px == 0).all() and (result.confidence == 0).all()


def test_confidence_falls_away_from_edges():
    image = np.full((1, 200, 300), 0.3, np.float32)
    for top in range(20, 180, 24):  # bars at the left, nothing at the right
        image[:, top : top + 12, 20:60] = 0.8
    result = ZhuoSim()(ndimage.gaussian_filter(image, (0, 1.5, 1.5)))
    assert result.confidence[100, 40] > 0.5
    assert result.confidence[100, 280] < 0.02
    assert result.confidence.min() >= 0 and result.confidence.max() <= 1


def test_a_large_photo_is_measured_at_full_size_and_spread_reduced(shared):
    blurred = blur(photo(shared, 5), 3.0)
    whole = ZhuoSim()(blurred)
    reduced = ZhuoSim(max_propagation_mp=0.03)(blurred[:, :, :383])
    assert reduced.radius_px.shape == reduced.confidence.shape == (384, 383)
    assert np.abs(reduced.radius_px - whole.radius_px[:, :383]).mean() < 0.5
    tall = np.concatenate([blurred, blurred[:, ::-1]], 1)  # more than one strip of rows
    energies = zip(ZhuoSim().edge_energies(tall), ZhuoSim().edge_energies(tall[:, :500]), strict=True)
    for of_tall, of_part in energies:
        np.testing.assert_allclose(of_tall[:450], of_part[:450], atol=1e-6)


def test_options_have_their_documented_effect(shared):
    blurred = blur(photo(shared, 5, 200), 4.0)
    base = ZhuoSim(noise_std=0.0)
    assert base(blurred).radius_px.max() > 3.5
    assert replace(base, max_radius_px=2.0)(blurred).radius_px.max() <= 2
    unpooled, pooled = replace(base, pooling_px=0)(blurred), base(blurred)
    assert pooled.confidence.mean() > unpooled.confidence.mean()  # summed neighbours agree


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="one image"):
        ZhuoSim()(np.zeros((2, 3, 20, 20), np.float32))
