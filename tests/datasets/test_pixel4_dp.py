import imagecodecs
import numpy as np
import pytest

from refocal.datasets import open_dataset
from refocal.datasets.pixel4_dp import pixel4_dp
from refocal.evaluation.evaluate import evaluate
from refocal.types import InputError


def save16(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.asarray(pixels)))


@pytest.mark.parametrize(
    ("name", "decibel", "ssim"),
    [("pixel4_dp", 25.12, 0.717), ("pixel4_dp/2", 25.54, 0.699), ("pixel4_dp/4", 26.63, 0.759)],
)
def test_the_unrestored_photos_score_what_the_protocol_says(shared, name, decibel, ssim):
    rows = evaluate("identity", open_dataset(name, shared / "data/test"))
    assert [row.n for row in rows] == [8, 8]
    assert (round(rows[0].value, 2), round(rows[1].value, 3)) == (decibel, ssim)


def small_scene(root, size=(8, 12), views=(8, 12)):
    rng = np.random.default_rng(5)
    for side in ("left", "right"):
        save16(root / f"001_{side}.png", rng.integers(900, 16384, views, dtype=np.uint16))
    save16(root / "001_all_in_focus.png", rng.integers(0, 65536, size, dtype=np.uint16))
    defocus = np.full(size, 9, dtype=np.uint8)
    defocus[0, 0] = 0
    save16(root / "001_defocus_map.png", defocus)


def test_views_and_photo_share_one_scale(tmp_path):
    """The photo is the mean of the views in linear light, where nothing is clipped."""
    small_scene(tmp_path)
    extras = (pair := pixel4_dp(tmp_path)[0]).extras
    linear = {side: extras[side].astype(np.float64) ** 2.2 for side in ("left", "right")}
    inside = (linear["left"] < 1) & (linear["right"] < 1) & (pair.blurred < 1)
    assert inside.mean() > 0.4
    mean = (linear["left"] + linear["right"])[inside] / 2
    np.testing.assert_allclose(pair.blurred.astype(np.float64)[inside] ** 2.2, mean, rtol=1e-5, atol=1e-7)


def test_reduction_averages_linear_light_and_marks_invalid_blocks(tmp_path):
    small_scene(tmp_path)
    whole, half = pixel4_dp(tmp_path)[0], pixel4_dp(tmp_path, 2)[0]
    blocks = (whole.sharp.astype(np.float64) ** 2.2).reshape(1, 4, 2, 6, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(half.sharp.astype(np.float64) ** 2.2, blocks, rtol=1e-5)
    assert half.extras["valid"][0, 0] == 0 and half.extras["valid"].sum() == 23
    assert half.extras["defocus"][0, 0] == 6.75


def test_the_owners_layout_crops_the_views_to_the_centre(tmp_path):
    small_scene(tmp_path / "whole", views=(12, 16))
    owners = tmp_path / "owners"
    for name, where in (("all_in_focus", "gt_all_in_focus_im"), ("defocus_map", "gt_defocus_map")):
        (owners / where).mkdir(parents=True)
        (owners / where / "001_gt.png").write_bytes((tmp_path / f"whole/001_{name}.png").read_bytes())
    for side in ("left", "right"):
        raw = imagecodecs.png_decode((tmp_path / f"whole/001_{side}.png").read_bytes())
        save16(owners / f"001_{side}.png", raw)
        save16(tmp_path / f"whole/001_{side}.png", raw[2:10, 2:14].copy())
    np.testing.assert_array_equal(pixel4_dp(owners)[0].blurred, pixel4_dp(tmp_path / "whole")[0].blurred)


def test_a_missing_file_and_a_wrong_scale_are_named(tmp_path):
    small_scene(tmp_path)
    (tmp_path / "001_right.png").unlink()
    with pytest.raises(InputError, match=r"001_right\.png is missing"):
        pixel4_dp(tmp_path)
    with pytest.raises(InputError, match="choose 1, 2 or 4"):
        pixel4_dp(tmp_path, 3)
