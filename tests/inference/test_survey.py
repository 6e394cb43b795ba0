"""The survey: reading at a quarter of the size, filling in, and merging with the reading at full size."""

import numpy as np
import pytest

import samples
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.inference.focus import open_focus
from refocal.inference.survey import Survey, filled, merged, take_survey


def test_radii_are_read_at_a_quarter_of_the_size_in_linear_light(known_focus):
    """In every block of 4 x 4 px, half of the pixels are dark and half are bright."""
    image = np.tile(np.float32([0.1, 0.1, 0.3, 0.3]), (3, 64, 20))
    found = take_survey(image, open_focus(known_focus))
    mean = linear_to_srgb(srgb_to_linear(np.float32([0.1, 0.3])).mean())
    assert found.radius_px.shape == (16, 20)
    np.testing.assert_allclose(found.radius_px, 4 * samples.radius_of(mean), rtol=2e-3)
    np.testing.assert_allclose(found.confidence, samples.confidence_of(samples.radius_of(mean)), rtol=2e-3)


def test_small_photos_are_not_surveyed(known_focus):
    file = open_focus(known_focus)
    assert take_survey(np.zeros((1, 63, 200), np.float32), file) is None
    assert take_survey(np.zeros((1, 64, 67), np.float32), file).radius_px.shape == (16, 17)


def test_tiles_agree_with_the_whole(random_focus):
    image = samples.picture(3, 400, 500)
    file = open_focus(random_focus)
    whole, tiled = take_survey(image, file), take_survey(image, file, 50)
    np.testing.assert_allclose(tiled.radius_px, whole.radius_px, atol=1e-3)
    np.testing.assert_allclose(tiled.confidence, whole.confidence, atol=1e-4)


def test_a_part_of_the_survey_is_the_part_of_the_whole():
    random = np.random.default_rng(0)
    survey = Survey(random.random((9, 13), np.float32), random.random((9, 13), np.float32))
    whole = survey.at(slice(0, 36), slice(0, 50))
    part = survey.at(slice(5, 30), slice(17, 41))
    for plane, some in zip(whole, part, strict=True):
        np.testing.assert_allclose(some, plane[5:30, 17:41], atol=1e-6)
    quarter = survey.radius_px[0, 0] * 0.75 + survey.radius_px[0, 1] * 0.25
    np.testing.assert_allclose(
        whole[0][0, 2], survey.radius_px[0, 0] + (quarter - survey.radius_px[0, 0]) / 2, atol=1e-6
    )


def test_unsure_radii_come_from_the_surroundings():
    radius_px = np.full((40, 50), 2.0, np.float32)
    confidence = np.full((40, 50), 0.9, np.float32)
    np.testing.assert_allclose(filled(radius_px, confidence), 2.0, rtol=1e-5)
    radius_px[10:30, 10:30], confidence[10:30, 10:30] = 30.0, 0.0
    found = filled(radius_px, confidence)
    np.testing.assert_allclose(found[15:25, 15:25], 2.0, atol=0.6)  # not 30
    np.testing.assert_allclose(found[:8], 2.0, atol=0.05)
    np.testing.assert_array_equal(filled(radius_px, np.zeros_like(confidence)), 0)


@pytest.mark.parametrize(
    ("near", "far", "wanted"),
    [
        ((2.0, 0.9), (2.5, 0.9), (2.0, 0.9)),  # near blur is read at full size
        ((8.0, 0.9), (20.0, 0.8), (20.0, 0.8)),  # far blur in the survey
        ((5.0, 0.9), (7.0, 0.7), (6.0, 0.8)),  # between them, half of each
        ((0.5, 0.9), (20.0, 0.8), (0.5, 0.9)),  # a sharp edge before a blurred background
        ((4.0, 0.0), (1.0, 0.8), (1.0, 0.8)),  # nothing is seen at full size
        ((4.0, 0.0), (1.0, 0.0), (1.0, 0.0)),  # nor in the survey: what surrounds it, without confidence
        ((4.0, 0.25), (1.0, 0.45), (2.5, 0.35)),  # half sure
    ],
)
def test_merging(near, far, wanted):
    found = merged(*((np.float32([radius]), np.float32([confidence])) for radius, confidence in (near, far)))
    np.testing.assert_allclose([value[0] for value in found], wanted, atol=1e-5)
