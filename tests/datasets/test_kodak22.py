import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.datasets import open_dataset
from refocal.datasets.kodak22 import SHAPES, ramps
from refocal.datasets.radius_maps import KINDS
from refocal.optics.kernels import disk
from refocal.optics.radius_levels import LEVELS_PX
from refocal.types import InputError


@pytest.fixture(scope="module")
def data(shared):
    return open_dataset("kodak22", shared / "data/test")


def test_every_pixel_is_the_disk_around_it(data):
    """Gathered by hand at random pixels, including edges and corners."""
    rng = np.random.default_rng(5)
    for index in (0, 4, 9):
        pair = data[index]
        sharp = np.pad(np.rint(pair.sharp * 255.0), ((0, 0), (7, 7), (7, 7)), mode="edge")
        places = [(0, 0), (359, 339), (0, 200), *rng.integers(0, 340, (40, 2))]
        for y, x in places:
            kernel = disk(float(pair.extras["blur"].radius_px[y, x]))
            half = kernel.shape[0] // 2
            window = sharp[:, y + 7 - half : y + 8 + half, x + 7 - half : x + 8 + half]
            expected = np.floor((window * kernel).sum((1, 2)) + 1e-6)
            np.testing.assert_array_equal(np.rint(pair.blurred[:, y, x] * 255.0), expected)


def test_photos_are_crops_and_all_rules_occur(data, shared):
    assert len(data) == 22
    pairs = [data[index] for index in range(13)]
    assert [pair.name for pair in pairs[:2]] == ["kodim01", "kodim02"] and pairs[0].sharp.shape == (3, 360, 340)
    radii = np.unique(np.concatenate([pair.extras["blur"].radius_px.ravel() for pair in pairs]))
    assert set(radii) <= {0.0, *LEVELS_PX[1:]} and len(radii) > 15
    maps = [pair.extras["blur"].radius_px for pair in pairs]
    uniform = [place for place, radius in enumerate(maps) if np.ptp(radius) == 0]
    assert uniform == [KINDS.index("uniform")]
    photo = np.asarray(PilImage.open(shared / "data/test/kodak24/kodim01.png")).transpose(2, 0, 1)
    crop = np.rint(pairs[0].sharp * 255).astype(np.uint8)
    places = np.argwhere((photo[:, : 512 - 359, : 768 - 339] == crop[:, :1, :1]).all(0))
    assert any((photo[:, y : y + 360, x : x + 340] == crop).all() for y, x in places)


def test_a_picture_doesn_t_depend_on_which_others_are_there(data, shared, tmp_path):
    (tmp_path / "kodak24").mkdir()
    (tmp_path / "kodak24/kodim07.png").write_bytes((shared / "data/test/kodak24/kodim07.png").read_bytes())
    (alone,) = open_dataset("kodak22", tmp_path)
    np.testing.assert_array_equal(alone.blurred, data[6].blurred)
    np.testing.assert_array_equal(alone.extras["blur"].radius_px, data[6].extras["blur"].radius_px)


def test_ramps_have_no_sharp_pixel(shared):
    data = open_dataset("kodak22/ramps", shared / "data/test")
    assert data.protocol.data == "kodak22/ramps"
    radius = data[2].extras["blur"].radius_px
    assert radius.min() >= 1 and radius.max() <= 6 and (radius * 4 % 1 == 0).all()


def test_the_shapes_are_what_they_are_called():
    for seed in range(6):
        plane, radial, hard, soft = (ramps(shape, np.random.default_rng(seed)) for shape in SHAPES)
        for radius in (plane, radial, hard, soft):
            assert radius.shape == (360, 340) and radius.min() >= 1 and radius.max() <= 6
        for radius in (plane, radial):
            assert np.ptp(radius) >= 1.75
        down, across = np.gradient(plane[20:-20:20, 20:-20:20].astype(float))
        assert down.std() < 0.15 and across.std() < 0.15  # a plane, but for the rounding
        steps = [max(np.abs(np.diff(radius, axis=axis)).max() for axis in (0, 1)) for radius in (plane, radial, soft)]
        assert max(steps) <= 0.75
    jumps = [np.abs(np.diff(ramps("hard-layers", np.random.default_rng(seed)))).max() for seed in range(6)]
    assert max(jumps) > 1.5


@pytest.mark.parametrize(("option", "said"), [("ramp", "choose generators or ramps"), ("3", "no maps 3 for kodak22")])
def test_mistakes_are_told(shared, option, said):
    with pytest.raises(InputError, match=said):
        open_dataset(f"kodak22/{option}", shared / "data/test")


def test_small_photos_are_refused(tmp_path):
    (tmp_path / "kodak24").mkdir()
    PilImage.new("RGB", (400, 300)).save(tmp_path / "kodak24/kodim01.png")
    with pytest.raises(InputError, match=r"kodim01.png is no 8-bit colour photo of at least 340x360 px"):
        open_dataset("kodak22", tmp_path)[0]
