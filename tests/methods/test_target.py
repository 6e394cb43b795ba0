"""Which blur is restored: the ranges that words and numbers mean, and what is said about them."""

import numpy as np
import pytest

from refocal.inference.closer_look import Sharpest
from refocal.inference.survey import Survey
from refocal.methods.target import EVERYTHING, Range, choose_range
from refocal.types import InputError


def survey(*parts):
    """A survey of columns of (share, radius, confidence)."""
    radius_px, confidence = (
        np.concatenate([np.full((10, round(100 * part[0])), part[plane], np.float32) for part in parts], 1)
        for plane in (1, 2)
    )
    return Survey(radius_px, confidence)


def unasked(_):
    """The sharpest parts matter for auto and subject only."""
    raise AssertionError


def test_a_range_rises_and_falls_linearly():
    found = Range(1.0, 2.0, 4.0, 8.0).weight(np.float32([0, 1, 1.5, 2, 3, 4, 6, 8, 9]))
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0])
    np.testing.assert_array_equal(EVERYTHING.weight(np.float32([0, 5, 100])), [1, 1, 1])


def test_numbers_are_radii_in_pixels():
    assert choose_range("2..6", None, unasked) == (Range(2 / 1.5, 2.0, 6.0, 9.0), "")
    assert choose_range("..3", None, unasked)[0] == Range(0.0, 0.0, 3.0, 4.5)
    assert choose_range("1.5..", None, unasked)[0] == Range(1.0, 1.5, np.inf, np.inf)


@pytest.mark.parametrize("target", ["", "some", "5", "5..2", "3..3", "-1..2", "1..2..3", "a..b", "nan..2", 3, None])
def test_other_words_are_refused(target):
    with pytest.raises(
        InputError, match=r"The target is auto, all, subject or a range of radii in pixels such as 1\.\.5"
    ):
        choose_range(target, None, unasked)


PHOTO = survey((0.3, 0.5, 0.9), (0.3, 1.4, 0.9), (0.4, 15.0, 0.9))


def test_where_something_is_in_focus_strong_blur_is_kept():
    chosen, sentence = choose_range("auto", PHOTO, lambda _: Sharpest(0.3, 0.2))
    np.testing.assert_allclose(chosen.weight(PHOTO.radius_px[0, [0, 40, 80]]), [1, 1, 0])
    np.testing.assert_allclose(chosen.weight(np.float32([1.5, 2.25, 3.0])), [1, 0.5, 0])
    assert sentence == (
        "Part of the photo is in focus, so blur below 1.5 px is restored and 40 % of the photo stays as it is."
    )


def test_where_nothing_is_in_focus_everything_is_restored():
    assert choose_range("auto", PHOTO, lambda _: Sharpest(0.07, 0.2)) == (EVERYTHING, "")
    assert choose_range("auto", PHOTO, lambda _: Sharpest(0.0, np.inf)) == (EVERYTHING, "")
    assert choose_range("auto", None, unasked) == (EVERYTHING, "")


def test_all_means_all():
    assert choose_range("all", PHOTO, unasked) == (EVERYTHING, "")


def test_the_subject_is_what_is_sharpest():
    chosen, sentence = choose_range("subject", PHOTO, lambda _: Sharpest(0.0, 3.0))
    np.testing.assert_allclose(chosen.weight(np.float32([3.0, 4.0, 5.0, 6.0, 9.0])), [1, 1, 0.5, 0, 0])
    assert sentence == "Near the sharpest surface, blur below 4.0 px is restored and 40 % of the photo stays as it is."
    assert choose_range("subject", PHOTO, lambda _: Sharpest(0.0, np.inf)) == (EVERYTHING, "")


def test_nothing_is_said_where_nothing_is_kept():
    near = survey((0.5, 0.5, 0.9), (0.5, 1.2, 0.9))
    assert choose_range("auto", near, lambda _: Sharpest(0.5, 0.2))[1] == ""
    assert choose_range("2..6", survey((0.5, 1.0, 0.9), (0.5, 3.0, 0.9)), unasked)[1] == (
        "As asked, blur from 2 to 6.0 px is restored and 50 % of the photo stays as it is."
    )
