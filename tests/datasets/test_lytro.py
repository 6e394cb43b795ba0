import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

from refocal.datasets import open_dataset
from refocal.datasets.lytro import lytro_pairs
from refocal.evaluation.evaluate import evaluate
from refocal.types import InputError


@pytest.mark.parametrize(("name", "decibel", "cases"), [("lytro_pairs", 22.48, 20), ("lytro_pairs/2", 23.24, 19)])
def test_the_unrestored_photos_score_what_the_protocol_says(shared, name, decibel, cases):
    (row,) = evaluate("identity", open_dataset(name, shared / "data/test"), ("psnr",))
    assert (round(row.value, 2), row.n) == (decibel, cases)


def half_blurred(root, ends=("_near", "_far")):
    """A texture of 96 x 160 whose left half is sharp in the first photo and whose right half in the second."""
    texture = np.random.default_rng(2).uniform(0, 255, (96, 160, 3))
    soft = gaussian_filter(texture, (3, 3, 0))
    left = (np.arange(160) < 80)[None, :, None]
    for end, photo in zip(ends, (np.where(left, texture, soft), np.where(left, soft, texture)), strict=True):
        PilImage.fromarray(photo.astype(np.uint8)).save(root / f"01{end}.png")


@pytest.mark.parametrize("ends", [("_near", "_far"), ("-A", "-B")])
def test_the_mask_is_where_the_other_photo_is_sharper(tmp_path, ends):
    half_blurred(tmp_path, ends)
    near, far = lytro_pairs(tmp_path)
    assert near.name == f"01{ends[0]}"
    assert near.extras["mask"][:, 100:].all() and not near.extras["mask"][:, :60].any()
    assert far.extras["mask"][:, :60].all() and not far.extras["mask"][:, 100:].any()
    np.testing.assert_array_equal(near.sharp, far.blurred)


def test_photos_of_equal_sharpness_make_no_case(tmp_path):
    half_blurred(tmp_path)
    (tmp_path / "01_far.png").write_bytes((tmp_path / "01_near.png").read_bytes())
    assert len(lytro_pairs(tmp_path)) == 0


def test_a_lone_photo_is_named(tmp_path):
    half_blurred(tmp_path)
    (tmp_path / "01_far.png").unlink()
    with pytest.raises(InputError, match=r"'01' in .* not complete"):
        lytro_pairs(tmp_path)
