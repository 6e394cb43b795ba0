"""Patches at full size decide whether anything is in focus."""

import numpy as np
import pytest

import samples
from refocal.inference.closer_look import MAX_PATCHES, Sharpest, look_closer
from refocal.inference.focus import open_focus
from refocal.inference.survey import take_survey


@pytest.fixture
def file(known_focus):
    return open_focus(known_focus)


def level(radius_px):
    """The grey level that the known network reads as this radius."""
    return np.float32((np.log(np.expm1(radius_px)) - samples.OFFSET) / samples.SLOPE)


def test_the_share_in_focus_is_measured_at_full_size(file):
    """Left: 0.3 px, which the survey reads as 1.2; right: 2 px, which it reads as 8."""
    photo = np.full((3, 480, 960), level(0.3), np.float32)
    photo[:, :, 320:] = level(2.0)
    found = look_closer(photo, file, take_survey(photo, file))
    assert found.in_focus == pytest.approx(1 / 3, abs=0.03)
    assert found.radius_px == pytest.approx(0.3, abs=0.02)


def test_the_least_blur_that_the_survey_takes_for_sharp_is_not_in_focus(file):
    """1.05 px is not in focus, though the survey's 4.2 px would be looked at from 4.0 on; 0.98 px is."""
    for radius_px, share in ((0.98, 1.0), (1.05, 0.0)):
        photo = np.full((1, 320, 320), level(radius_px), np.float32)
        survey = take_survey(photo, file)
        survey = type(survey)(np.full_like(survey.radius_px, 2.0), survey.confidence)
        found = look_closer(photo, file, survey)
        assert (found.in_focus, found.radius_px) == (pytest.approx(share), pytest.approx(radius_px, abs=0.02))


def test_without_a_nearly_sharp_place_there_is_none(file):
    photo = np.full((1, 200, 200), level(3.0), np.float32)
    assert look_closer(photo, file, take_survey(photo, file)) == Sharpest(0.0, np.inf)


def test_a_small_subject_in_a_small_photo_is_found(file):
    """One of 16 places is in focus; the survey reads it as the least blurred by half a pixel."""
    photo = np.full((1, 640, 640), level(2.0), np.float32)
    photo[:, 320:480, 160:320] = level(0.3)
    survey = take_survey(photo, file)
    radius_px = np.full_like(survey.radius_px, 2.0)
    radius_px[80:120, 40:80] = 1.5
    found = look_closer(photo, file, type(survey)(radius_px, np.ones_like(radius_px)))
    assert found.in_focus == pytest.approx(1 / MAX_PATCHES, abs=0.01)
    assert found.radius_px == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize(("shape", "most"), [((64, 64), 1), ((100, 1000), 7), ((1000, 900), 12), ((3000, 2000), 12)])
def test_few_patches_are_looked_at(file, monkeypatch, shape, most):
    photo = np.full((1, *shape), level(0.3), np.float32)
    survey, sizes = take_survey(photo, file), []

    def predict(patch, file):
        sizes.append(patch.shape)
        return patch, patch[0], np.ones_like(patch[0])

    monkeypatch.setattr("refocal.inference.closer_look.predict", predict)
    look_closer(photo, file, survey)
    assert 1 <= len(sizes) <= most <= MAX_PATCHES
    assert all(max(size) <= 160 for size in sizes)
