"""Fidelity: each case has an answer that follows from the definition."""

import numpy as np
import pytest

import refocal
import samples
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.reblur import compare, lightness
from refocal.types import InputError

SIZE = (96, 120)


def scene(seed=1, channels=3):
    return samples.natural(channels, *SIZE, seed=seed).astype(np.float32)


def radii(low=1.5, high=5.0):
    return np.tile(np.linspace(low, high, SIZE[1], dtype=np.float32), (SIZE[0], 1))


def lens(sharp, radius_px, noise_std=0.0):
    """The photo that a lens makes of a scene, in sRGB."""
    light = refocal.BlurMap(radius_px).apply(srgb_to_linear(sharp))
    noise = np.random.default_rng(5).normal(0, noise_std, sharp.shape) if noise_std else 0
    return np.clip(linear_to_srgb(np.clip(light, 0, 1)) + noise, 0, 1).astype(np.float32)


def found(blurred, restored, radius_px):
    return compare(lightness(blurred), lightness(restored), radius_px)


@pytest.mark.parametrize(("channels", "noise_std"), [(3, 0.0), (1, 0.0), (3, 0.005)])
def test_the_scene_itself_explains_the_photo(channels, noise_std):
    sharp, radius_px = scene(channels=channels), radii()
    result = found(lens(sharp, radius_px, noise_std), sharp, radius_px)
    assert result.explained > 0.99 and result.kept < 0.1
    assert result.plane.shape == SIZE and result.plane.dtype == np.float32 and result.plane.min() > 0.85


def test_the_photo_itself_explains_nothing_and_counts_as_kept():
    radius_px = radii()
    blurred = lens(scene(), radius_px)
    result = found(blurred, blurred, radius_px)
    assert result.explained == 0 and result.kept == pytest.approx(1)


def test_half_of_the_way_to_the_scene_explains_three_quarters():
    """1 - (1 - w)^2 with w = 1/2, up to the curve of sRGB and to the detail that is taken for noise."""
    sharp, radius_px = scene(), radii(3, 6)
    blurred = lens(sharp, radius_px)
    half = linear_to_srgb((srgb_to_linear(blurred) + srgb_to_linear(sharp)) / 2)
    assert found(blurred, half, radius_px).explained == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_map_explains_less(factor):
    sharp, radius_px = scene(), radii()
    assert found(lens(sharp, radius_px), sharp, factor * radius_px).explained < 0.3


@pytest.mark.parametrize("low", [0.0, 1.5])
def test_invented_texture_is_marked_where_it_is(low):
    """Also where nothing is blurred, which the figure leaves out."""
    sharp, radius_px = scene(), radii(low, low + 0.4)
    invented = sharp.copy()
    invented[:, :, :60] += np.random.default_rng(2).normal(0, 0.1, (SIZE[0], 60))
    result = found(lens(sharp, radius_px), np.clip(invented, 0, 1), radius_px)
    assert result.plane[:, :50].mean() < 0.3 and result.plane[:, 70:].min() > 0.99
    assert result.explained is None if low == 0 else result.explained < 0.5


@pytest.mark.parametrize(("sharp", "radius"), [(scene(), 0.4), (np.full((3, *SIZE), 0.5, np.float32), 4.0)])
def test_without_blurred_detail_there_is_no_figure(sharp, radius):
    radius_px = np.full(SIZE, radius, np.float32)
    result = found(sharp, sharp, radius_px)
    assert result.explained is None and result.kept == 0 and result.plane.min() == 1


def test_places_in_focus_do_not_raise_the_figure():
    radius_px = radii(4, 4)
    radius_px[:, :60] = 0
    blurred = lens(scene(), radius_px)
    assert found(blurred, blurred, radius_px).explained == 0


def test_tiles_give_what_the_whole_photo_gives(monkeypatch):
    sharp, radius_px = scene(), radii(1.5, 2.5)
    blurred = lens(sharp, radius_px, 0.01)
    whole = found(blurred, (sharp + blurred) / 2, radius_px)
    monkeypatch.setattr("refocal.reblur._TILE_PX", 37)
    tiles = found(blurred, (sharp + blurred) / 2, radius_px)
    assert tiles.explained == pytest.approx(whole.explained, abs=1e-3)
    np.testing.assert_allclose(tiles.plane, whole.plane, atol=5e-3)


def test_the_public_call_takes_what_deblur_and_map_returns():
    radius_px = np.full(SIZE, 2.0, np.float32)
    photo = np.moveaxis(np.rint(255 * lens(scene(), radius_px)).astype(np.uint8), 0, -1)
    both = refocal.deblur_and_map(photo, "wiener", blur=2.0)
    result = refocal.fidelity(photo, both.image, both.radius_px)
    planes = [np.moveaxis(pixels, -1, 0).astype(np.float32) / 255 for pixels in (photo, both.image)]
    assert result.explained == pytest.approx(found(*planes, radius_px).explained, abs=1e-6)
    assert result.explained > 0.8


def test_another_size_is_refused():
    photo = np.zeros((8, 9, 3), np.uint8)
    for restored, radius_px in ((photo[:7], np.ones((8, 9))), (photo, np.ones((9, 8)))):
        with pytest.raises(InputError, match="size"):
            refocal.fidelity(photo, restored, radius_px)
