"""Transparency: what is hidden must not matter to what is seen."""

import numpy as np
import pytest
from PIL import Image

import refocal
from refocal.images.alpha import fill_hidden, put_back, visibility
from refocal.images.io import Photo
from refocal.restore import restore_photo

BLURS = [("default", None), ("wiener", 2.0), ("unsharp-mask", None), ("classical", "zhuo-sim")]


def _cutout(hidden):
    """A textured disk with a soft outline; (H, W, 4) uint8."""
    y, x = np.mgrid[:96, :128]
    alpha = np.clip(36.5 - np.hypot(y - 48, x - 64), 0, 1)
    texture = 150 + 60 * np.sin(x / 3) * np.cos(y / 2.5)
    colours = np.where(alpha[..., None] > 0, texture[..., None] * [1, 0.8, 0.6], hidden)
    return np.dstack([np.rint(colours), np.rint(alpha * 255)]).astype(np.uint8)


@pytest.mark.parametrize(("method", "blur"), BLURS)
def test_hidden_colours_change_nothing_that_is_seen(method, blur):
    black, white = (refocal.deblur(_cutout(hidden), method, blur) for hidden in (0, 255))
    seen = black[..., 3] > 0
    np.testing.assert_array_equal(black[seen], white[seen])
    np.testing.assert_array_equal(black[..., 3], _cutout(0)[..., 3])
    for result, hidden in ((black, 0), (white, 255)):
        assert (result[~seen][:, :3] == hidden).all()


@pytest.mark.parametrize(("method", "blur"), BLURS)
def test_inside_a_cutout_the_result_is_that_of_the_opaque_photo(method, blur):
    y, x = np.mgrid[:96, :128]
    opaque = np.rint(150 + 60 * np.sin(x / 3) * np.cos(y / 2.5)).astype(np.uint8)
    alpha = np.where(np.hypot(y - 48, x - 64) < 44, 255, 0).astype(np.uint8)
    cut = np.dstack([np.where(alpha > 0, opaque, 0), alpha])
    inside = np.hypot(y - 48, x - 64) < 16  # farther from the outline than a kernel of 2 px and its ringing reach
    expected, found = refocal.deblur(opaque, method, blur), refocal.deblur(cut, method, blur)[..., 0]
    assert np.abs(expected.astype(int) - found)[inside].max() <= 3
    assert np.abs(expected.astype(int) - opaque)[inside].max() > 8  # the method does something


def test_an_outline_of_a_uniform_disk_is_no_edge():
    """Nothing to sharpen in one colour: any change would come from what is hidden."""
    y, x = np.mgrid[:96, :128]
    alpha = np.clip(36.5 - np.hypot(y - 48, x - 64), 0, 1)
    flat = np.dstack([np.where(alpha[..., None] > 0, [180, 120, 60], 0), np.rint(alpha * 255)]).astype(np.uint8)
    for method, blur in BLURS:
        found = refocal.deblur(flat, method, blur)
        assert np.abs(found.astype(int) - flat)[alpha > 0].max() <= 1, method


def test_fill_keeps_what_is_seen_and_reaches_every_hidden_pixel():
    image = np.zeros((3, 40, 50), np.float32)
    image[:, 10:20, 10:30] = np.array([0.9, 0.5, 0.2], np.float32)[:, None, None]
    visible = visibility((image[0] > 0).astype(np.float32))
    filled = fill_hidden(image, visible)
    np.testing.assert_array_equal(filled[:, visible == 1], image[:, visible == 1])
    np.testing.assert_allclose(filled, np.broadcast_to(image[:, 12:13, 12:13], filled.shape), atol=2e-3)
    np.testing.assert_array_equal(put_back(image, filled, filled, visible), image)
    np.testing.assert_array_equal(put_back(image, filled + 0.05, filled, visible)[:, visible == 0], 0)


def test_a_photo_from_a_file_is_treated_alike():
    rgba = _cutout(0)
    photo = Photo(rgba[..., :3].copy(), rgba[..., 3].copy())
    after, _ = restore_photo(photo, "wiener", 2.0)
    np.testing.assert_array_equal(after.samples(), refocal.deblur(rgba, "wiener", 2.0))


def test_a_wholly_transparent_photo_comes_back():
    clear = np.zeros((20, 24, 4), np.uint8)
    np.testing.assert_array_equal(refocal.deblur(clear, "wiener", 2.0), clear)


@pytest.mark.parametrize("mode", ["RGBa", "La"])
def test_premultiplied_pil_images_come_back_in_their_mode(mode):
    picture = Image.fromarray(_cutout(0)).convert("LA" if mode == "La" else "RGBA").convert(mode)
    restored = refocal.deblur(picture, "wiener", 2.0)
    straight = refocal.deblur(picture.convert("LA" if mode == "La" else "RGBA"), "wiener", 2.0)
    assert restored.mode == mode
    np.testing.assert_array_equal(np.asarray(restored), np.asarray(straight.convert(mode)))
