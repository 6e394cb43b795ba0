import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.io import savemat

from refocal.datasets import open_dataset
from refocal.types import InputError

RADIUS = np.random.default_rng(41).integers(2, 25, (40, 50)) / 4


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    """Three photos, as in the public repository; the first has everything, the second a map, the third nothing."""
    folder = tmp_path / "dandres"
    photos = np.random.default_rng(42).integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    for number, place in (("01", "poetry-tip2018/"), ("05", "poetry-tip2018/"), ("22", "")):
        save(folder / f"{place}image_{number}.png", photos[("01", "05", "22").index(number)])
    save(folder / "sharp_01.png", 255 - photos[0])
    savemat(folder / "map_01.mat", {"blurMap": RADIUS})
    np.save(folder / "map_05.npy", RADIUS.astype(np.float16))
    return tmp_path, photos


def test_pairs_hold_the_available_truth_without_the_last_columns(root):
    folder, photos = root
    first, second, third = open_dataset("dandres", folder)
    assert [pair.name for pair in (first, second, third)] == ["image_01", "image_05", "image_22"]
    np.testing.assert_array_equal(np.rint(first.blurred * 255), photos[0].transpose(2, 0, 1)[..., :30])
    np.testing.assert_array_equal(np.rint(first.sharp * 255), 255 - photos[0].transpose(2, 0, 1)[..., :30])
    for pair in (first, second):
        np.testing.assert_array_equal(pair.extras["blur"].radius_px, np.where(RADIUS[:, :30] == 0.5, 0, RADIUS[:, :30]))
        assert pair.extras["blur"].encoding == "srgb" and pair.extras["blur"].step_px == 0.25
    assert second.sharp is None and second.blurred.shape == (3, 40, 30)
    assert third.sharp is None and third.extras == {} and third.blurred.shape == (3, 40, 50)


def test_a_png_map_is_in_steps_of_a_256th(root):
    folder, _ = root
    (folder / "dandres/map_01.mat").unlink()
    save(folder / "dandres/map_01.png", (RADIUS * 256).astype(np.uint16))
    np.testing.assert_array_equal(
        open_dataset("dandres", folder)[0].extras["blur"].radius_px, np.where(RADIUS[:, :30] == 0.5, 0, RADIUS[:, :30])
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.full((40, 50), 255, np.uint8), "holds no radii in pixels"),
        (np.full((40, 50), np.nan), "holds no radii in pixels"),
        (np.full((40, 50), -1.0), "holds no radii in pixels"),
        (np.ones((40, 50, 3)), r"holds float64 of shape \(40, 50, 3\)"),
        (np.ones((40, 49)), r"image_05.png differ in size: blurred 50x40, map 49x40"),
        (b"no map", "can't be read as a blur map"),
    ],
)
def test_other_maps_are_refused(root, content, said):
    folder, _ = root
    path = folder / "dandres/map_05.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(InputError, match=said):
        open_dataset("dandres", folder)[1]


def test_an_8_bit_map_or_one_without_its_variable_is_refused(root):
    folder, _ = root
    savemat(folder / "dandres/map_01.mat", {"other": RADIUS})
    with pytest.raises(InputError, match="no variable blurMap"):
        open_dataset("dandres", folder)[0]
    (folder / "dandres/map_01.mat").unlink()
    save(folder / "dandres/map_01.png", RADIUS.astype(np.uint8))
    with pytest.raises(InputError, match="no 16-bit grey PNG"):
        open_dataset("dandres", folder)[0]


def test_the_public_photos_stay_whole(shared):
    data = open_dataset("dandres", shared / "data/test")
    assert [pair.name for pair in data] == ["image_01", "image_05", "image_22"]
    assert all(pair.blurred.shape == (3, 360, 360) and pair.sharp is None for pair in data)
    assert "no sharp photo" in data.protocol.about
