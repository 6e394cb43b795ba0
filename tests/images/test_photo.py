import tracemalloc

import numpy as np
import pytest

from refocal.images.photo import Photo, from_float, to_eight_bit, to_float


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_value_survives_the_way_to_float_and_back(dtype):
    top = np.iinfo(dtype).max
    pixels = np.arange(top + 1, dtype=dtype).reshape(-1, 16, 1)
    image = to_float(pixels)
    assert image.dtype == np.float32
    assert image.shape == (1, *pixels.shape[:2])
    np.testing.assert_array_equal(image[0], (np.arange(top + 1) / top).astype(np.float32).reshape(-1, 16))
    np.testing.assert_array_equal(from_float(image, dtype), pixels)


def test_channels_go_first_and_come_back_last():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert to_float(pixels)[2, 4, 1] == np.float32(pixels[4, 1, 2]) / np.float32(255)
    np.testing.assert_array_equal(from_float(to_float(pixels), np.uint8), pixels)
    np.testing.assert_array_equal(to_float(pixels[..., 0]), to_float(pixels[..., :1]))


def test_rounds_halves_to_even_and_clips():
    image = np.array([0.5, 1.5, 2.5, -3.0, 300.0, 254.5], np.float32).reshape(1, 1, -1) / np.float32(255)
    assert from_float(image, np.uint8).ravel().tolist() == [0, 2, 2, 0, 255, 254]


def test_sixteen_bits_become_eight_by_rounding():
    values = np.arange(65536, dtype=np.uint16)
    expected = [(2 * int(v) + 257) // 514 for v in values]  # integers: nearest to v / 257, which never is a half
    np.testing.assert_array_equal(to_eight_bit(values), expected)


def test_conversion_makes_no_whole_temporaries():
    pixels = np.zeros((1500, 1000, 3), np.uint16)
    tracemalloc.start()
    image = to_float(pixels)
    to_float_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    from_float(image, np.uint16)
    from_float_peak = tracemalloc.get_traced_memory()[1] - image.nbytes
    tracemalloc.stop()
    assert to_float_peak < 1.1 * image.nbytes
    assert from_float_peak < 1.6 * pixels.nbytes


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_a_photo_of_another_kind_is_refused(pixels):
    with pytest.raises(ValueError, match="pixels"):
        Photo(pixels)
    with pytest.raises(ValueError, match="alpha"):
        Photo(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint16))
