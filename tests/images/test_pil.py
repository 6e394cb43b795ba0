"""PIL images whose values conversion to RGB would ruin."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import refocal
from refocal.types import InputError

DEEP = (np.tile(np.linspace(300, 64000, 64), (48, 1)) + 100 * (np.arange(48)[:, None] % 7)).astype(np.int32)


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B", "I;16L", "F"])
def test_deep_grey_is_taken_in_its_depth(mode):
    if mode == "F":
        picture, scale = Image.fromarray((DEEP / 65535).astype(np.float32)), 65535
    else:
        picture, scale = Image.fromarray(DEEP.astype(np.uint16)), 1
        picture = Image.fromarray(DEEP) if mode == "I" else picture
        if mode in ("I;16B", "I;16L"):
            order = ">u2" if mode == "I;16B" else "<u2"
            picture = Image.frombytes(mode, (64, 48), DEEP.astype(order).tobytes())
    expected = refocal.deblur(DEEP.astype(np.uint16), "unsharp-mask").astype(float)
    restored = refocal.deblur(picture, "unsharp-mask")
    assert restored.mode == ("I;16" if mode == "I;16L" else mode) and restored.size == (64, 48)
    assert np.abs(np.asarray(restored).astype(float) * scale - expected).max() <= 1
    assert np.abs(expected - DEEP).max() > 100
    same = refocal.deblur(picture, strength=0)
    np.testing.assert_array_equal(np.asarray(same), np.asarray(picture))


@pytest.mark.parametrize("values", [np.full((4, 5), -1), np.full((4, 5), 65536)])
def test_grey_of_another_range_is_refused_with_its_range(values):
    with pytest.raises(InputError, match=r"grey from 0 to 65535, not from"):
        refocal.deblur(Image.fromarray(values.astype(np.int32)))
    with pytest.raises(InputError, match="from 0 to 1"):
        refocal.deblur(Image.fromarray(values.astype(np.float32)))


@pytest.mark.parametrize(("mode", "key", "result"), [("RGB", (255, 255, 255), "RGBA"), ("L", 255, "LA")])
def test_one_transparent_colour_becomes_an_alpha_channel(mode, key, result):
    y, x = np.mgrid[:60, :80]
    texture = np.rint(130 + 60 * np.sin(x / 2)).astype(np.uint8)
    pixels = np.where(((np.abs(y - 30) < 15) & (np.abs(x - 40) < 20))[..., None], np.dstack([texture] * 3), 255)
    stream = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(stream, "PNG", transparency=key)
    given = Image.open(BytesIO(stream.getvalue()))
    alpha = np.asarray(given.convert("RGBA"))[..., 3]
    restored = refocal.deblur(given, "unsharp-mask")
    assert restored.mode == result and "transparency" not in restored.info
    np.testing.assert_array_equal(np.asarray(restored)[..., -1], alpha)
    with Image.open(BytesIO(refocal.deblur(stream.getvalue(), "unsharp-mask"))) as file:
        np.testing.assert_array_equal(np.asarray(file.convert(result)), np.asarray(restored))


def test_a_transparent_grey_of_16_bits_stays_the_transparent_one():
    y, x = np.mgrid[:48, :64]
    data = (np.abs(y - 24) < 12) & (np.abs(x - 32) < 20)
    pixels = np.where(data, 30000 + 20000 * np.sin(x / 2), 65535).astype(np.uint16)
    picture = Image.fromarray(pixels)
    picture.info["transparency"] = 65535
    restored = refocal.deblur(picture, "wiener", 2.0)
    assert restored.mode == "I;16" and restored.info["transparency"] == 65535
    np.testing.assert_array_equal(np.asarray(restored) == 65535, ~data)
    rgba = np.dstack([pixels, np.where(data, 65535, 0).astype(np.uint16)])
    expected = refocal.deblur(rgba, "wiener", 2.0)[..., 0]
    assert np.abs(np.asarray(restored).astype(int) - expected)[data].max() <= 1
    odd = Image.fromarray(np.zeros((5, 6), np.uint8))
    odd.info["transparency"] = b"x"  # no grey
    assert refocal.deblur(odd, "unsharp-mask").mode == "L"


def test_a_palette_of_rgba_keeps_its_transparency():
    rgba = np.zeros((20, 24, 4), np.uint8)
    rgba[:, 12:] = (200, 100, 50, 255)
    picture = Image.fromarray(rgba).quantize()
    assert picture.mode == "P" and not picture.info
    restored = refocal.deblur(picture, "unsharp-mask")
    assert restored.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(restored)[..., 3], rgba[..., 3])


def test_a_picture_without_pixels_is_refused():
    for mode in ("I", "F", "RGB", "I;16"):
        with pytest.raises(InputError, match="with pixels"):
            refocal.deblur(Image.new(mode, (0, 0)))


def test_modes_that_hold_no_photo_are_refused():
    for mode, said in (("CMYK", "convert it to RGB first"), ("LAB", "give it as RGB")):
        with pytest.raises(InputError, match=said):
            refocal.deblur(Image.new(mode, (4, 5)))
