"""GDAL's no-data value: those pixels stay, reach nothing else, and no other pixel becomes one."""

from io import BytesIO

import numpy as np
import pytest
import tifffile

import refocal
from refocal.images.io import read
from refocal.images.no_data import has_data, kept_apart


def _tiff(pixels, value):
    stream = BytesIO()
    tag = (42113, "s", 0, value, True)
    tifffile.imwrite(stream, pixels, photometric="minisblack", extratags=[tag], metadata=None)
    return stream.getvalue()


@pytest.mark.parametrize("value", ["0", "255"])
def test_no_data_stays_and_reaches_nothing(value):
    y, x = np.mgrid[:48, :64]
    data = x > 20
    pixels = np.where(data, 120 + 110 * np.sin(x / 2) * np.cos(y / 3), int(value)).astype(np.uint8)
    pixels[data & (pixels == int(value))] = 100
    restored = read(refocal.deblur(_tiff(pixels, value), "wiener", blur=2.0)).pixels[..., 0]
    np.testing.assert_array_equal(restored == int(value), ~data)
    expected = refocal.deblur(np.dstack([pixels, np.where(data, 255, 0).astype(np.uint8)]), "wiener", blur=2.0)[..., 0]
    assert np.abs(restored.astype(int) - expected)[data].max() <= 1
    assert np.abs(restored.astype(int) - pixels)[data].max() > 20


def test_a_value_that_is_no_number_marks_nothing():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24), np.uint8)
    np.testing.assert_array_equal(
        read(refocal.deblur(_tiff(pixels, "none"), "unsharp-mask")).pixels[..., 0],
        refocal.deblur(pixels, "unsharp-mask"),
    )


def test_colliding_pixels_move_by_one_level():
    pixels = np.array([[[255], [7], [255]]], np.uint8)
    data = np.array([[True, True, False]])
    np.testing.assert_array_equal(kept_apart(pixels, 255, data)[0, :, 0], [254, 7, 255])
    np.testing.assert_array_equal(has_data(pixels, 255), [[False, True, False]])
