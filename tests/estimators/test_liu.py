"""The estimator of Liu et al. on known blur, and its edge basis against blurred steps."""

import numpy as np
import pytest
from scipy import ndimage

from refocal.datasets.radius_maps import generate
from refocal.estimators import liu
from refocal.estimators.dandres import DAndres
from refocal.estimators.liu import Liu, edge_basis, edge_likelihoods
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import LEVELS_PX
from refocal.types import InputError
from samples import kodak


def step(radius_px, slope=0.0, height=90, width=100):
    """Step from 0.2 to 0.7 with its edge through the centre of a pixel, blurred by a disk."""
    y, x = np.mgrid[:height, :width]
    sharp = np.clip(x - width / 2 - slope * (y - height / 2) + 0.5, 0, 1)
    radius = np.full((height, width), radius_px, np.float32)
    return BlurMap(radius, step_px=0.25, boundary="replicate").apply((0.2 + 0.5 * sharp)[None])[0]


def blurred_photo(shared, number, truth):
    sharp = kodak(shared, number)[:, :360, :340]
    blurred = BlurMap(truth, step_px=0.25, boundary="replicate", encoding="srgb").apply(sharp)
    return np.floor(np.clip(blurred, 0, 1) * 255).astype(np.float32) / 255


@pytest.mark.parametrize("level", [6, 10, 14, 22])
def test_the_basis_is_the_gradient_of_blurred_steps(level):
    grey = step(LEVELS_PX[level])
    for scale, expected in zip(liu._SCALES_PX, edge_basis()[level], strict=True):
        gradient = ndimage.gaussian_gradient_magnitude(grey, scale, mode="nearest")[45].max()
        assert np.log(gradient / 0.5) == pytest.approx(expected, abs=0.07)  # error of the pixel grid
    np.testing.assert_allclose(edge_basis()[0], -np.log((2 * np.pi) ** 0.5 * np.array(liu._SCALES_PX)), atol=1e-9)


@pytest.mark.parametrize(("radius_px", "slope"), [(1.5, 0.0), (3.0, 0.3), (4.5, 0.0), (6.0, -0.3)])
def test_an_ideal_step_is_measured_by_its_edge_alone(radius_px, slope):
    likelihoods = edge_likelihoods(step(radius_px, slope), 1e-7, 4)
    assert likelihoods.max() == 0 and likelihoods.min() >= -8
    known = likelihoods[:, 4:-4].min(0) < 0
    assert known.any(1).all() and known.mean() < 0.2  # the edge crosses every row of cells, and few cells contain it
    radii = np.array((0, *LEVELS_PX[1:]))[likelihoods[:, 4:-4].argmax(0)[known]]
    assert np.median(radii) == pytest.approx(radius_px, abs=0.3)


def test_edges_are_the_same_in_one_strip_or_two(monkeypatch):
    grey = step(2.0, 0.2)
    whole = edge_likelihoods(grey, 1e-6, 4)
    monkeypatch.setattr("refocal.images.grids.STRIP_PX", 37)
    np.testing.assert_allclose(edge_likelihoods(grey, 1e-6, 4), whole, atol=1e-4)


@pytest.mark.parametrize(("number", "kind"), [(5, "ramp-right"), (16, "stairs-down")])
def test_synthetic_maps_are_estimated(shared, number, kind):
    truth = np.broadcast_to(generate(kind, np.random.default_rng(number)), (360, 340)).copy()
    blurred = blurred_photo(shared, number, truth)
    error = np.abs(Liu()(blurred).radius_px - truth)
    assert error[canny(luma(blurred)[0])].mean() < 0.4
    assert error.mean() < 0.6
    np.testing.assert_array_equal(Liu(edge_weight=0)(blurred).radius_px, DAndres()(blurred).radius_px)


def test_without_content_radius_and_confidence_are_zero():
    for empty in (np.full((3, 41, 60), 0.5, np.float32), np.zeros((1, 3, 3), np.float32)):
        result = Liu()(empty)
        assert (result.radius_px == 0).all() and (result.confidence == 0).all()
    with pytest.raises(InputError, match="one image"):
        Liu()(np.zeros((2, 3, 20, 20), np.float32))
