import numpy as np
import pytest
from PIL import Image

from refocal.images.io import Photo, write
from refocal.images.map_files import is_map, read_depth, read_map, write_map
from refocal.types import InputError

RADIUS = np.random.default_rng(3).uniform(0, 30, (7, 11)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".TIFF"])
def test_float_files_hold_the_radii_exactly(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    assert write_map(path, RADIUS) == "float32 radii in pixels"
    if suffix == ".npy":
        found = np.load(path)
    else:
        with Image.open(path) as picture:  # another reader than the writer
            found = np.asarray(picture)
            assert "radius" in picture.tag_v2[270]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, RADIUS)


def test_png_holds_256ths_and_says_so(tmp_path):
    path = tmp_path / "m.png"
    assert write_map(path, RADIUS) == "radius_px = value / 256"
    with Image.open(path) as picture:
        found = np.asarray(picture)
        assert picture.text["Description"] == "circle-of-confusion radius: radius_px = value / 256"
    assert found.dtype == np.uint16
    assert np.abs(found / 256 - RADIUS).max() <= 0.5 / 256
    assert is_map(path)
    with pytest.raises(InputError, match="exists already"):
        write_map(path, RADIUS)


def test_a_photo_is_no_map(tmp_path):
    write(tmp_path / "a.png", Photo(np.zeros((4, 4, 1), np.uint16)))
    assert not is_map(tmp_path / "a.png") and not is_map(tmp_path / "none.png")


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"can't hold a radius of 2\d\d px"):
        write_map(tmp_path / "m.png", RADIUS + 230)
    with pytest.raises(InputError, match=r"m\.jpg has no suffix that a blur map is written with"):
        write_map(tmp_path / "m.jpg", RADIUS)
    assert list(tmp_path.iterdir()) == []


def test_depth_in_metres_and_in_millimetres(tmp_path):
    depth_m = np.array([[0.5, 1.234, 65.535]], np.float32)
    write(tmp_path / "d.png", Photo(np.rint(depth_m * 1000).astype(np.uint16)[..., None]))
    np.save(tmp_path / "d.npy", depth_m.astype(np.float64))
    write_map(tmp_path / "d.tif", depth_m)
    for suffix in ("png", "npy", "tif"):
        found = read_depth(tmp_path / f"d.{suffix}")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, depth_m, rtol=1e-6)


def test_other_depth_files_are_refused(tmp_path):
    write(tmp_path / "8.png", Photo(np.zeros((4, 4, 1), np.uint8)))
    np.save(tmp_path / "int.npy", np.ones((3, 3), np.int32))
    np.save(tmp_path / "colour.npy", np.ones((3, 3, 3)))
    (tmp_path / "broken.tif").write_bytes(b"II*\0\0\0")
    for name, said in [
        ("8.png", "no 16-bit grey PNG"),
        ("int.npy", "holds int32 numbers"),
        ("colour.npy", r"shape \(3, 3, 3\)"),
        ("broken.tif", "can't be read"),
        ("none.npy", "doesn't exist"),
        ("d.jpg", "is no depth map"),
    ]:
        with pytest.raises(InputError, match=said):
            read_depth(tmp_path / name)


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".png"])
def test_a_map_comes_back_as_it_was_written(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    write_map(path, RADIUS)
    np.testing.assert_allclose(read_map(path), RADIUS, atol=0.5 / 256 if suffix == ".png" else 0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full((4, 5), -1.0), "negative or no numbers"),
        (np.full((4, 5), np.nan), "negative or no numbers"),
        (np.linspace(0, 255, 20).reshape(4, 5), "values up to 255: give radii in pixels"),
        (np.zeros((4, 5), np.uint8), "expected floating-point radii"),
        (np.zeros((3, 4, 5)), "expected floating-point radii"),
    ],
)
def test_maps_in_another_unit_are_refused(tmp_path, values, sentence):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(InputError, match=sentence):
        read_map(tmp_path / "m.npy")


def test_a_grey_picture_is_no_map(tmp_path):
    Image.fromarray(np.arange(240, dtype=np.uint8).reshape(12, 20)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match="8-bit numbers up to 239 without a unit"):
        read_map(tmp_path / "m.png")
    with pytest.raises(InputError, match="no blur map"):
        read_map(tmp_path / "m.jpg")
    with pytest.raises(InputError, match="doesn't exist"):
        read_map(tmp_path / "none.npy")
