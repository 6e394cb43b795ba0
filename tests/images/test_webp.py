import numpy as np
from images_samples import make_metadata, make_samples, saved
from PIL import Image

from refocal.images.io import Photo, encode, read


def smooth_noise(channels: int) -> Image.Image:
    return Image.fromarray(make_samples((8, 12, channels), np.uint8)).resize((96, 64), Image.Resampling.BICUBIC)


def test_a_lossy_source_stays_lossy_at_high_quality():
    photo = read(saved(smooth_noise(3), "WEBP", quality=80))
    assert photo.quality == 95
    data = encode(photo)
    assert b"VP8L" not in data
    assert b"VP8 " in data[:20]
    lossless = encode(Photo(photo.pixels, format="JPEG", quality=97), "WEBP")
    assert b"VP8L" in lossless[:20]
    np.testing.assert_array_equal(read(lossless).pixels, photo.pixels)


def test_lossy_keeps_alpha_exactly():
    photo = read(saved(smooth_noise(4), "WEBP", quality=80))
    np.testing.assert_array_equal(read(encode(photo)).alpha, photo.alpha)


def test_colours_under_transparent_pixels_are_kept():
    pixels = make_samples((9, 8, 3), np.uint8)
    photo = Photo(pixels, np.zeros((9, 8), np.uint8))
    np.testing.assert_array_equal(read(encode(photo, "WEBP")).pixels, pixels)


def test_an_extended_file_reports_the_size_of_its_image():
    data = bytearray(encode(Photo(make_samples((9, 8, 3), np.uint8), metadata=make_metadata()), "WEBP"))
    assert data[12:16] == b"VP8X"
    assert read(bytes(data)).pixels.shape == (9, 8, 3)
