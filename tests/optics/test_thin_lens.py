import math

import numpy as np
import pytest
import torch

from refocal.optics.thin_lens import ThinLens

PORTRAIT = ThinLens(focal_length_mm=50, f_number=1.8, focus_distance_m=2, pixel_pitch_um=4)
LANDSCAPE = ThinLens(focal_length_mm=35, f_number=2.8, focus_distance_m=math.inf, pixel_pitch_um=5)


def test_a_portrait_lens_computed_by_hand():
    """50 mm f/1.8 at 2 m: A = 27.778 mm, A f / (s - f) = 1388.9 / 1950 = 0.71225 mm at infinity; at 4 m half of it."""
    assert PORTRAIT.coc_diameter_at_infinity_mm == pytest.approx(0.712251, abs=1e-6)
    assert PORTRAIT.coc_diameter_mm(4.0) == pytest.approx(0.356125, abs=1e-6)
    assert PORTRAIT.coc_diameter_mm(1.0) == pytest.approx(-0.712251, abs=1e-6)
    assert PORTRAIT.signed_radius_px(4.0) == pytest.approx(0.356125 * 1000 / 4 / 2, abs=1e-3)
    assert PORTRAIT.signed_radius_px(2.0) == 0


@pytest.mark.parametrize("depth_m", [0.3, 1.0, 1.9, 2.5, 30.0])
def test_the_circle_is_the_section_of_the_light_cone_with_the_sensor(depth_m):
    """From 1/f = 1/d + 1/v: the cone behind the aperture, cut at the sensor's distance, by similar triangles."""
    focal, aperture = 50.0, 50 / 1.8
    sensor, image = (1 / (1 / focal - 1 / (1000 * d)) for d in (2.0, depth_m))
    assert PORTRAIT.coc_diameter_mm(depth_m) == pytest.approx(aperture * (sensor - image) / image, rel=1e-9)


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor])
@pytest.mark.parametrize("lens", [PORTRAIT, LANDSCAPE])
def test_the_signed_radius_grows_with_depth(convert, lens):
    depth = convert(np.array([[0.2, 0.9, 1.999], [2.0, 3.7, 1e4]]))
    radius = lens.signed_radius_px(depth)
    assert type(radius) is type(depth)
    assert bool((radius[0, 1:] > radius[0, :-1]).all())
    assert bool((radius[1, 1:] > radius[1, :-1]).all())


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor])
def test_the_radius_at_infinity_is_the_limit(convert):
    sky = convert(np.array([np.inf, 5.0], np.float32))
    limit = PORTRAIT.coc_diameter_at_infinity_mm * 1000 / 8
    radius = PORTRAIT.signed_radius_px(sky)
    assert radius.dtype == sky.dtype
    assert float(radius[0]) == pytest.approx(limit)
    assert PORTRAIT.signed_radius_px(1e9) == pytest.approx(limit, rel=1e-8)


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor])
def test_focused_at_infinity_only_near_points_are_blurred(convert):
    assert LANDSCAPE.coc_diameter_at_infinity_mm == 0
    depth = convert(np.array([0.5, 7.0, np.inf]))
    # A f / d = 35 mm * 12.5 mm / d
    np.testing.assert_allclose(LANDSCAPE.coc_diameter_mm(depth), [-0.875, -0.0625, 0], atol=1e-12)
    far = ThinLens(35, 2.8, 1e7, 5)
    np.testing.assert_allclose(LANDSCAPE.coc_diameter_mm(depth), far.coc_diameter_mm(depth), atol=1e-6)


def test_a_smaller_aperture_and_finer_pixels_scale_the_radius():
    small = ThinLens(50, 3.6, 2, 2)
    np.testing.assert_allclose(small.signed_radius_px(3.0), PORTRAIT.signed_radius_px(3.0), rtol=1e-12)


def test_the_radius_is_differentiable_in_depth():
    depth = torch.tensor([0.5, 1.5, 9.0], dtype=torch.float64, requires_grad=True)
    for lens in (PORTRAIT, LANDSCAPE):
        assert torch.autograd.gradcheck(lens.signed_radius_px, depth)


@pytest.mark.parametrize("name", ["focal_length_mm", "f_number", "focus_distance_m", "pixel_pitch_um"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_invalid_lenses_are_refused(name, value):
    fields = {"focal_length_mm": 50, "f_number": 1.8, "focus_distance_m": 2, "pixel_pitch_um": 4, name: value}
    with pytest.raises(ValueError, match=f"positive {name}"):
        ThinLens(**fields)


def test_focus_within_the_focal_length_is_refused():
    with pytest.raises(ValueError, match="cannot focus closer"):
        ThinLens(50, 1.8, 0.05, 4)
