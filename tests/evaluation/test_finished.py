import numpy as np
import pytest

from refocal.datasets import Pair, Protocol
from refocal.evaluation.evaluate import evaluate
from refocal.evaluation.finished import Finished, file_name, folder_of, saved_into
from refocal.images.io import Photo, read, to_float, write
from refocal.types import InputError
from samples import InMemory, picture

GREY = Protocol("set/2", "", "8-bit")


def save(path, *shape, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(5).integers(0, np.iinfo(dtype).max, shape, dtype)
    write(path, Photo(pixels))
    return to_float(pixels)


def test_a_result_is_found_by_the_name_of_the_image_and_the_set(tmp_path):
    pair = Pair(picture(3, 20, 30), None, "scene/1")
    wanted = save(tmp_path / "scene-1.tif", 20, 30, 3, dtype=np.uint16)
    np.testing.assert_array_equal(Finished(tmp_path).of(pair, GREY), wanted)
    wanted = save(tmp_path / "set-2/scene-1.png", 20, 30, 3)  # the folder of the set comes first
    np.testing.assert_array_equal(Finished(tmp_path).of(pair, GREY), wanted)


def test_channels_are_those_of_the_image(tmp_path):
    colour, grey = save(tmp_path / "colour.png", 20, 30, 3), save(tmp_path / "grey.png", 20, 30, 1)
    found = Finished(tmp_path).of(Pair(picture(1, 20, 30), None, "colour"), GREY)
    np.testing.assert_allclose(found[0], np.tensordot([0.299, 0.587, 0.114], colour, 1), atol=1e-6)
    found = Finished(tmp_path).of(Pair(picture(3, 20, 30), None, "grey"), GREY)
    np.testing.assert_array_equal(found, np.repeat(grey, 3, axis=0))


def test_a_missing_an_ambiguous_and_a_result_of_another_size_are_refused(tmp_path):
    save(tmp_path / "a.png", 20, 30, 3)
    save(tmp_path / "b.png", 20, 30, 3)
    save(tmp_path / "b.tif", 20, 30, 3)
    for name, size, sentence in (
        ("c", (20, 30), r"has no c\.png: one result is expected for the image 'c'"),
        ("b", (20, 30), r"has b\.png and b\.tif: one result is expected"),
        ("a", (20, 31), r"a\.png is 30x20, the image 'a' of 'set/2' 31x20"),
    ):
        with pytest.raises(InputError, match=sentence):
            evaluate(Finished(tmp_path), InMemory([Pair(picture(3, *size), picture(3, *size), name)], GREY), ("mae",))


@pytest.mark.parametrize(("depth", "dtype"), [("8-bit", np.uint8), ("16-bit", np.uint16), ("float", np.uint16)])
def test_saved_images_are_rounded_to_the_depth_of_the_set(tmp_path, depth, dtype):
    restored = picture(1, 20, 30) * 1.2 - 0.1
    saved_into(tmp_path / "out", "mine")(Pair(restored, None, "a"), Protocol("set/2", "", depth), restored)
    pixels = read(tmp_path / "out/mine/set-2/a.png").pixels
    assert pixels.dtype == dtype
    top = np.iinfo(dtype).max
    np.testing.assert_allclose(pixels[..., 0], np.rint(np.clip(restored[0], 0, 1) * top), atol=top // 30000)


def test_names_stay_inside_their_folder(tmp_path):
    assert file_name("kodak24:disk:3") == "kodak24-disk-3" and file_name("a\\b|c?") == "a-b-c-"
    assert folder_of(tmp_path, "..", "../x").resolve().is_relative_to(tmp_path)
    assert "/" not in file_name("/etc/x") and not file_name("..").startswith(".")
