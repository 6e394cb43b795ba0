from io import BytesIO

import numpy as np
import pytest
from images_samples import cmyk_profile, make_samples, saved
from PIL import Image

from refocal.images.io import Photo, encode, read
from refocal.images.jpeg import matching_quality


def smooth_noise() -> np.ndarray:
    return np.asarray(Image.fromarray(make_samples((8, 12, 3), np.uint8)).resize((96, 64), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("quality", [5, 50, 85, 94, 95, 96, 97, 98, 99, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_quality_is_found_and_never_undercut(quality, mode):
    source = saved(Image.fromarray(smooth_noise()).convert(mode), "JPEG", quality=quality)
    photo = read(source)
    assert photo.quality == max(95, quality)
    again = Image.open(BytesIO(encode(photo)))
    for index, table in Image.open(BytesIO(source)).quantization.items():
        assert np.all(np.asarray(again.quantization[index]) <= np.asarray(table))


def test_unusual_tables_are_matched_by_finer_ones():
    tables = {0: [3] * 63 + [1], 1: [2] * 64}
    assert matching_quality(tables) == 100
    assert matching_quality({0: [2] + [255] * 63}) == 95  # 16 at quality 95: (16 * 10 + 50) // 100 = 2
    assert matching_quality({0: [1] + [255] * 63}) == 96  # (16 * 8 + 50) // 100 = 1


def test_chroma_is_written_at_full_size():
    data = encode(Photo(smooth_noise()), "JPEG")
    assert {component[1:3] for component in Image.open(BytesIO(data)).layer} == {(1, 1)}


def test_a_second_generation_loses_little():
    """At the source's quality or better the second encoding loses less than the first did (40 dB at quality 90)."""
    pixels = smooth_noise()
    first = read(saved(Image.fromarray(pixels), "JPEG", quality=90, subsampling=0)).pixels
    second = read(encode(Photo(first, quality=95), "JPEG")).pixels
    loss = [np.mean((a.astype(float) - b) ** 2) for a, b in ((pixels, first), (first, second))]
    assert loss[1] < loss[0] < 255**2 / 10**3.5


def test_cmyk_goes_through_its_profile():
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:8, :, 0] = 255  # cyan, which has no effect in the made-up profile
    inks[8:, :, 3] = 255  # black
    picture = Image.fromarray(inks, mode="CMYK")
    photo = read(saved(picture, "JPEG", quality=100, subsampling=0, icc_profile=cmyk_profile()))
    assert "through its colour profile" in photo.notes[0]
    assert photo.metadata.icc is None
    np.testing.assert_allclose(photo.pixels[:7], 255, atol=3)
    np.testing.assert_allclose(photo.pixels[9:], 0, atol=3)
    plain = read(saved(picture, "JPEG", quality=100, subsampling=0, icc_profile=b"nonsense"))
    assert "approximate" in plain.notes[0]
    np.testing.assert_allclose(plain.pixels[:7], np.broadcast_to([0, 255, 255], (7, 16, 3)), atol=3)


def test_the_first_picture_of_a_phones_file_is_read():
    pictures = [Image.fromarray(smooth_noise()), Image.new("RGB", (20, 10))]
    photo = read(saved(pictures[0], "MPO", save_all=True, append_images=pictures[1:]))
    assert photo.pixels.shape == (64, 96, 3)
