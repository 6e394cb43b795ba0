import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.datasets.folder import folder
from refocal.types import InputError


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


@pytest.mark.parametrize("names", [("blurred", "sharp"), ("input", "target"), ("source", "target")])
def test_two_folders_are_paired_by_stem(tmp_path, names):
    for value, stem in ((10, "b"), (20, "a")):
        save(tmp_path / names[0] / f"{stem}.png", np.full((2, 3, 3), value))
        save(tmp_path / names[1] / f"{stem}.tif", np.full((2, 3, 3), value + 100))
    pairs = list(folder(tmp_path))
    assert [pair.name for pair in pairs] == ["a", "b"]
    assert [round(float(pair.sharp.mean() * 255)) for pair in pairs] == [120, 110]
    assert pairs[0].blurred.shape == (3, 2, 3)


def test_two_endings_in_one_folder(tmp_path):
    save(tmp_path / "x_blurred.png", np.full((2, 3), 10))
    save(tmp_path / "x_sharp.png", np.full((2, 3), 30))
    save(tmp_path / "unrelated.png", np.zeros((2, 3)))
    (pair,) = folder(tmp_path)
    assert pair.name == "x"
    np.testing.assert_allclose((pair.blurred, pair.sharp), np.full((2, 1, 2, 3), [[[[10]]], [[[30]]]]) / 255, atol=1e-7)


def test_a_file_without_partner_is_named(tmp_path):
    for path in ("blurred/a.png", "sharp/a.png", "sharp/b.png"):
        save(tmp_path / path, np.zeros((2, 2)))
    with pytest.raises(InputError, match=r"sharp/b\.png has no partner in .*blurred"):
        folder(tmp_path)


def test_images_of_different_size_are_named(tmp_path):
    save(tmp_path / "a_blurred.png", np.zeros((2, 2)))
    save(tmp_path / "a_sharp.png", np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"a_blurred\.png and .*a_sharp\.png differ"):
        folder(tmp_path)[0]


def test_depth_is_that_of_the_files(tmp_path):
    import imagecodecs

    for end in ("blurred", "sharp"):
        pixels = np.full((2, 3, 3), 6553 if end == "blurred" else 65535, dtype=np.uint16)
        (tmp_path / f"a_{end}.png").write_bytes(imagecodecs.png_encode(pixels))
    data = folder(tmp_path)
    assert data.protocol.depth == "16-bit"
    np.testing.assert_allclose(data[0].blurred, 6553 / 65535, rtol=1e-6)


def test_two_files_of_one_name_are_refused(tmp_path):
    for place in ("blurred", "sharp"):
        for name in ("a.png", "a.jpg"):
            save(tmp_path / place / name, np.zeros((4, 4)))
    with pytest.raises(InputError, match="have the same name"):
        folder(tmp_path)
