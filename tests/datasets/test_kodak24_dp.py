import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.datasets.kodak24_dp import MAX_RADIUS_PX, NOISE_STD, kodak24_dp, two_plane_radius
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.dual_pixel import render_views
from refocal.types import InputError


@pytest.fixture(scope="module")
def data(shared):
    return kodak24_dp(shared / "data/test/kodak24")


@pytest.fixture(scope="module")
def second(data):
    return data[1]


def test_the_sharp_picture_is_the_photo_s_middle(data, second, shared):
    assert len(data) == 24 and second.name == "kodim02"
    photo = np.asarray(PilImage.open(shared / "data/test/kodak24/kodim02.png"))
    np.testing.assert_array_equal(np.rint(second.sharp * 255).transpose(1, 2, 0), photo[128:384, 192:576])
    upright = data[3]
    assert upright.sharp.shape == (3, 384, 256) == upright.extras["left"].shape


def test_the_photo_is_the_mean_of_its_views_in_linear_light(second):
    left, right = (srgb_to_linear(second.extras[side].astype(np.float64)) for side in ("left", "right"))
    mean = linear_to_srgb((left + right) / 2)
    assert np.abs(mean - second.blurred).max() < 2e-5  # 16 bits, the slope of the curve near black
    levels = second.blurred.astype(np.float64) * 65535
    assert np.abs(levels - np.rint(levels)).max() < 0.01 and np.rint(levels).max() > 255


def test_views_are_rendered_by_the_map_and_noisy(second):
    views = render_views(second.sharp.astype(np.float64), second.extras["signed_radius_px"], step_px=0.5)
    for side in ("left", "right"):
        noise = second.extras[side] - getattr(views, side)
        dark = getattr(views, side) > 0.05  # away from black, where noise is cut
        assert np.std(noise[dark]) == pytest.approx(NOISE_STD, rel=0.01) and abs(np.mean(noise[dark])) < 1e-4
    other = second.extras["left"] - second.extras["right"]
    assert np.std(other) > 2 * NOISE_STD  # parallax


def test_the_map_has_both_signs_and_is_told_as_a_radius(data, second):
    signed = second.extras["signed_radius_px"]
    np.testing.assert_array_equal(second.extras["radius_px"], np.abs(signed))
    np.testing.assert_array_equal(second.extras["blur"].radius_px, np.abs(signed))
    assert signed.min() < -3 and signed.max() > 1 and second.extras["blur"].family == "ring"
    assert data.protocol.data == "kodak24_dp" and data.protocol.depth == "16-bit"


def test_maps_are_planes_in_front_of_a_plane():
    """Second differences vanish inside every surface; and over many maps both signs and all radii occur."""
    maps = [two_plane_radius((64, 96), np.random.default_rng(seed)) for seed in range(60)]
    bent = [np.mean(np.abs(np.diff(radius, 2, axis=1)) > 1e-5) for radius in maps]
    assert np.mean(bent) < 0.08
    every = np.stack(maps)
    assert every.min() == -MAX_RADIUS_PX and every.max() == MAX_RADIUS_PX and 0.15 < (every < 0).mean() < 0.6
    counts, _ = np.histogram(np.abs(every), bins=8, range=(0, MAX_RADIUS_PX))
    assert counts.min() > 0.04 * every.size


def test_a_picture_doesn_t_depend_on_which_others_are_there(second, shared, tmp_path):
    (tmp_path / "kodim02.png").write_bytes((shared / "data/test/kodak24/kodim02.png").read_bytes())
    (alone,) = (kodak24_dp(tmp_path)[0],)
    np.testing.assert_array_equal(alone.blurred, second.blurred)
    np.testing.assert_array_equal(alone.extras["left"], second.extras["left"])


def test_what_is_no_kodak_photo_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected kodim01.png \.\.\. kodim24.png"):
        kodak24_dp(tmp_path)
    PilImage.new("RGB", (300, 200)).save(tmp_path / "kodim01.png")
    with pytest.raises(InputError, match=r"kodim01.png is no 8-bit colour photo of at least 384x256 px"):
        kodak24_dp(tmp_path)[0]
