import json

import numpy as np
import pytest
from PIL import Image

from refocal.learn.crops.depth import depth_file, inverse_depth, pack_depth, to_levels
from refocal.learn.crops.photos import open_crops
from refocal.types import InputError


def photo(path, height=32, width=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def packed(folder, *args):
    count = pack_depth([folder], folder / "out.npy", *args)
    return np.load(folder / "out.npy"), count


def test_levels_are_linear_in_inverse_depth_from_farthest_to_nearest(tmp_path):
    """Planes at 1, 2, 4 m and endless far: 1 / depth is 1, 1/2, 1/4, 0, so four rows of 255, 128, 64.5, 1."""
    pixels = photo(tmp_path / "a.png")
    depth = np.repeat(np.array([1.0, 2.0, 4.0, 1e9], np.float32), 8)[:, None] * np.ones((1, 32), np.float32)
    np.save(tmp_path / "a_depth.npy", depth)
    photo(tmp_path / "b.png", seed=1)
    crops, count = packed(tmp_path, 32, (1.0,))
    assert crops.shape == open_crops(tmp_path / "out.npy").pixels.shape == (2, 32, 32, 4) and count == 2
    photos = json.loads((tmp_path / "out.json").read_text())["photos"]
    place = {entry["photo"]: entry["first"] for entry in photos}
    assert np.array_equal(crops[place["a.png"], ..., :3], pixels)
    assert np.array_equal(crops[place["a.png"], ::8, 5, 3], [255, 128, 64, 1])
    assert not crops[place["b.png"], ..., 3].any()  # has none


def test_millimetres_and_metres_give_the_same_and_are_no_photos(tmp_path):
    depth_mm = np.random.default_rng(1).integers(700, 9000, (32, 32)).astype(np.uint16)
    for name, seed in (("a.jpg", 0), ("b.png", 1)):
        photo(tmp_path / name, seed=seed)
    Image.fromarray(depth_mm).save(tmp_path / "a_depth_mm.png")
    np.save(tmp_path / "b_depth.npy", depth_mm.astype(np.float32) / 1000)
    crops, count = packed(tmp_path, 32, (1.0,))
    assert count == 2
    assert np.array_equal(crops[0, ..., 3], crops[1, ..., 3])
    inverse = 1 / depth_mm
    far, near = np.quantile(inverse, [0.01, 0.99])
    assert np.abs(crops[0, ..., 3] - (1 + 254 * np.clip((inverse - far) / (near - far), 0, 1))).max() < 0.51


def test_a_disparity_is_an_inverse_depth_from_another_zero_on(tmp_path):
    photo(tmp_path / "x_left.png")
    disparity = np.broadcast_to(np.linspace(10, 50, 32, dtype=np.float32), (32, 32)).copy()
    disparity[3, 3] = np.inf
    np.savez(tmp_path / "x_disp.npz", disparity)
    assert depth_file(tmp_path / "x_left.png") == tmp_path / "x_disp.npz"
    crops, _ = packed(tmp_path, 32, (1.0,))
    levels = crops[0, 0, :, 3].astype(int)
    assert (levels[0], levels[-1]) == (1, 255)
    assert set(np.diff(levels[1:-1])) <= {8, 9}
    assert crops[0, 3, 3, 3] in (crops[0, 3, 2, 3], crops[0, 3, 4, 3], crops[0, 2, 3, 3])


def test_unknown_depth_is_the_nearest_known_one_unless_most_is_unknown(tmp_path):
    """Left half of the photo: a third of the rows unknown. Right half: two thirds."""
    photo(tmp_path / "a.png", 30, 60)
    depth_mm = np.full((30, 60), 2000, np.uint16)
    depth_mm[15:] = 1000
    depth_mm[:10, :30] = 0
    depth_mm[:20, 30:] = 0
    Image.fromarray(depth_mm).save(tmp_path / "a_depth_mm.png")
    crops, count = packed(tmp_path, 30, (1.0,))
    assert count == 2
    assert np.array_equal(crops[0, :, 0, 3], [1] * 15 + [255] * 15)
    assert not crops[1, ..., 3].any() and crops[1, ..., :3].any()
    assert json.loads((tmp_path / "out.json").read_text())["with_depth"] == 1


def test_smaller_scales_and_smaller_maps_take_single_pixels(tmp_path):
    pixels = photo(tmp_path / "a.png", 64, 64)
    depth = np.random.default_rng(2).choice([1.0, 3.0], (128, 128)).astype(np.float32)
    np.save(tmp_path / "a_depth.npy", depth)
    crops, count = packed(tmp_path, 32, (0.5,))
    assert count == 1
    assert np.array_equal(crops[0, ..., 3], np.where(depth[2::4, 2::4] == 1, 255, 1))
    assert np.abs(crops[0, ..., :3] - pixels.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))).max() <= 1


def test_one_depth_is_the_middle_and_none_is_none():
    assert np.array_equal(to_levels(np.array([[2.0, np.nan, 2.0]])), [[128, 0, 128]])
    assert not to_levels(np.full((2, 2), np.nan)).any()


def test_measured_depths_in_millimetres_become_inverse_metres(shared):
    path = shared / "data/train/rgbd/nyu_272_depth_mm.png"
    depth = np.asarray(Image.open(path)).astype(np.float64)
    assert np.allclose(inverse_depth(path), 1000 / depth, rtol=1e-6)
    levels = to_levels(inverse_depth(path))
    assert levels[depth == depth.min()].min() == 255 and levels[depth == depth.max()].max() == 1


def test_photos_that_cannot_be_packed_are_refused_and_leave_no_file(tmp_path):
    photo(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"No photo in .* has depth beside it: call it NAME_depth_mm\.png"):
        pack_depth([tmp_path], tmp_path / "out.npy", 32)
    np.save(tmp_path / "a_depth.npy", np.ones((32, 40), np.float32))
    with pytest.raises(InputError, match=r"a_depth\.npy is 40x32, of another shape than .*a\.png, 32x32"):
        pack_depth([tmp_path], tmp_path / "out.npy", 32)
    np.save(tmp_path / "a_depth.npy", np.ones((32, 32), np.float32))
    with pytest.raises(InputError, match="No photo of at least 64x64"):
        pack_depth([tmp_path], tmp_path / "out.npy", 64)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a_depth.npy"}
