"""Karaali and Jung's estimator on known blur."""

import numpy as np
import pytest
from scipy import ndimage

from refocal.estimators.common import sigma_to_radius
from refocal.estimators.ebdb import Ebdb, smooth_along_edges
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.optics.blur import BlurMap
from refocal.types import InputError
from samples import kodak

PUBLISHED = Ebdb(luma_exponent=2.4, max_radius_px=9.45)


def photo(shared, number, size=320):
    return kodak(shared, number)[:, :size, :size]


def blur(sharp, radius_px):
    radius = np.broadcast_to(np.float32(radius_px), sharp.shape[1:]).copy()
    blurred = BlurMap(radius, step_px=0.25, boundary="replicate").apply(sharp)
    return np.floor(np.clip(blurred, 0, 1) * 255 + 1e-4).astype(np.float32) / 255


def step(sigma_px):
    edge = np.repeat((np.arange(121) >= 60).astype(float)[None], 80, 0)
    edge[:, 60] = 0.5
    return (0.2 + 0.6 * ndimage.gaussian_filter1d(edge, sigma_px, axis=1, truncate=8))[None].astype(np.float32)


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 3.0])
def test_an_ideal_step_is_measured(sigma_px):
    # The pixel on the edge has the mean value, which adds a box of 1 px, of variance 1/12.
    found = Ebdb()(step(sigma_px)).radius_px
    np.testing.assert_allclose(found, sigma_to_radius(np.sqrt(np.array(sigma_px**2 + 1 / 12))), atol=0.2)


def test_smoothing_along_edges_preserves_constants_and_solves_its_equations():
    random = np.random.default_rng(0)
    edges = random.random((14, 19)) < 0.35
    values, weights = random.random(edges.sum()), 1 + 9 * random.random(edges.sum())
    np.testing.assert_allclose(smooth_along_edges(np.full(len(values), 2.5), weights, edges), 2.5)
    smooth = smooth_along_edges(values, weights, edges)
    place = np.argwhere(edges)
    near = np.abs(place[:, None] - place[None]).max(-1) == 1
    system = np.diag(weights + 20 * near.sum(1)) - 20 * near
    np.testing.assert_allclose(smooth, np.linalg.solve(system, weights * values), atol=1e-10)
    parts = ndimage.label(edges, np.ones((3, 3)))[0][edges]
    sums = [np.bincount(parts, weights * v) for v in (smooth, values)]
    np.testing.assert_allclose(*sums)


@pytest.mark.parametrize(("number", "radius_px"), [(2, 3.0), (2, 4.0), (22, 3.0)])  # photo 22 gives 3.3 for 4
def test_uniform_blur_is_estimated(shared, number, radius_px):
    blurred = blur(photo(shared, number), radius_px)
    found = Ebdb()(blurred).radius_px
    assert np.median(found[canny(luma(blurred)[0])]) == pytest.approx(radius_px, abs=0.6)


def test_a_ramp_is_estimated_better_than_by_the_published_method(shared):
    truth = np.broadcast_to(np.linspace(1, 6, 320, dtype=np.float32), (320, 320))
    blurred = blur(photo(shared, 22), truth)
    where = canny(luma(blurred)[0])
    errors = [np.abs(method(blurred).radius_px - truth)[where].mean() for method in (Ebdb(), PUBLISHED)]
    assert errors[0] < 0.7 and errors[0] < errors[1]


def test_without_edges_radius_and_confidence_are_zero():
    for flat in (np.full((3, 41, 60), 0.5, np.float32), np.zeros((1, 3, 3), np.float32)):
        for method in (Ebdb(), PUBLISHED):
            result = method(flat)
            assert (result.radius_px == 0).all() and (result.confidence == 0).all()


def test_a_large_photo_is_measured_in_full_and_spread_reduced(shared):
    blurred = blur(photo(shared, 22), 3.0)
    whole, reduced = Ebdb()(blurred), Ebdb(max_propagation_mp=0.03)(blurred)
    assert reduced.radius_px.shape == reduced.confidence.shape == (320, 320)
    assert np.abs(reduced.radius_px - whole.radius_px).mean() < 0.3
    assert Ebdb(max_radius_px=2.0)(blurred).radius_px.max() <= 2


def test_strips_agree_with_the_whole(shared, monkeypatch):
    blurred = blur(photo(shared, 22, 200), 2.0)
    whole = Ebdb()(blurred).radius_px
    monkeypatch.setattr("refocal.images.grids.STRIP_PX", 64)
    np.testing.assert_allclose(Ebdb()(blurred).radius_px, whole, atol=1e-3)


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="one image"):
        Ebdb()(np.zeros((2, 3, 20, 20), np.float32))
