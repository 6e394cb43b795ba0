import json

import numpy as np
import pytest
from PIL import Image

from refocal.datasets import Pair
from refocal.files.whole import Exists
from refocal.learn.crops.photos import Crops, described_file, open_crops, pack, pack_pairs
from refocal.types import InputError


def photo(path, height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_every_crop_is_a_part_of_its_photo(tmp_path):
    photos = {f"{i}.png": photo(tmp_path / f"{i}.png", 70, 100, i) for i in range(3)}
    photo(tmp_path / "small.png", 20, 200, 9)
    Image.new("RGB", (64, 64)).save(tmp_path / "flat.png")
    assert pack([tmp_path], tmp_path / "out.npy", 32, (1.0,)) == 3 * 6
    crops, about = np.load(tmp_path / "out.npy"), json.loads((tmp_path / "out.json").read_text())
    assert {source["photo"] for source in about["photos"]} == set(photos)
    for source in about["photos"]:
        pixels = photos[source["photo"]]
        tiles = [pixels[i : i + 32, j : j + 32] for i in (0, 32) for j in (0, 32, 64)]
        assert np.array_equal(crops[source["first"] : source["first"] + 6], tiles)


def test_smaller_scales_are_means(tmp_path):
    pixels = photo(tmp_path / "a.png", 64, 64, 1)
    assert pack([tmp_path], tmp_path / "out.npy", 32, (0.5,)) == 1
    means = pixels.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    difference = np.load(tmp_path / "out.npy")[0] - means
    assert np.abs(difference).max() <= 1  # rounded after each axis
    assert abs(difference.mean()) < 0.5


def test_the_smoothest_crops_are_left_out(tmp_path):
    pixels = np.full((64, 64, 3), 90, np.uint8)
    for i, contrast in enumerate((20, 100, 40, 60)):
        pixels[32 * (i // 2) :: 2, 32 * (i % 2) :][:16, :32] += np.uint8(contrast)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert pack([tmp_path], tmp_path / "out.npy", 32, (1.0,), drop_smooth=0.5) == 2
    assert [crop.max() for crop in np.load(tmp_path / "out.npy")] == [190, 150]


def test_crops_and_their_description_replace_nothing_unasked(tmp_path):
    photo(tmp_path / "a.png", 64, 64, 1)
    out, about = tmp_path / "out.npy", tmp_path / "out.json"
    about.write_text("mine")
    with pytest.raises(Exists, match=r"out\.json exists already"):
        pack([tmp_path], out, 32)
    assert about.read_text() == "mine" and not out.exists()
    assert pack([tmp_path], out, 32, overwrite=True) == 5
    assert json.loads(about.read_text())["side_px"] == 32 and len(np.load(out)) == 5
    with pytest.raises(Exists, match=r"out\.npy exists already"):
        pack([tmp_path], out, 32)


def test_crops_that_appear_meanwhile_are_kept_and_not_described_anew(tmp_path):
    out = tmp_path / "out.npy"
    with pytest.raises(Exists), described_file(out, {"a": 1}) as part:
        part.write_bytes(b"mine")
        out.write_bytes(b"theirs")
    assert list(tmp_path.iterdir()) == [out] and out.read_bytes() == b"theirs"
    with pytest.raises(ArithmeticError), described_file(tmp_path / "new.npy", {"a": 1}):
        raise ArithmeticError
    assert list(tmp_path.iterdir()) == [out]


def test_pairs_keep_together(tmp_path):
    random = np.random.default_rng(0)
    sharp, blurred = (random.integers(0, 256, (3, 40, 40)).astype(np.float32) / 255 for _ in range(2))
    assert pack_pairs([Pair(blurred, sharp, "one")], tmp_path / "out.npy", 32) == 1
    crop = np.load(tmp_path / "out.npy")[0]
    assert np.array_equal(crop[..., :3], np.rint(sharp[:, :32, :32] * 255).transpose(1, 2, 0))
    assert np.array_equal(crop[..., 3:], np.rint(blurred[:, :32, :32] * 255).transpose(1, 2, 0))


def test_an_epoch_sees_every_crop_once_and_the_held_out_never():
    pixels = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 8, 8, 3))
    crops = Crops(pixels, held_out=4)
    seen = [crops.batch(step, 4, 8, seed=1)[:, 0, 0, 0] for step in range(8)]
    for epoch in (seen[:4], seen[4:]):
        assert sorted(np.concatenate(epoch)) == list(range(16))
    assert not np.array_equal(seen[:4], seen[4:])
    assert set(crops.validation(4, 8)[:, 0, 0, 0]) == {16, 17, 18, 19}


def test_batches_depend_on_step_and_seed_alone_and_are_shared_out():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    crops = Crops(pixels, held_out=2)
    whole = crops.batch(3, 6, 8, seed=5)
    assert np.array_equal(whole, crops.batch(3, 6, 8, seed=5))
    assert not np.array_equal(whole, crops.batch(3, 6, 8, seed=6))
    parts = [crops.batch(3, 6, 8, seed=5, share=(rank, 2)) for rank in (0, 1)]
    assert np.array_equal(whole[::2], parts[0]) and np.array_equal(whole[1::2], parts[1])


def test_crops_are_laid_in_all_eight_ways():
    pixels = np.broadcast_to(np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8), (64, 4, 4, 3))
    ways = {crop.tobytes() for crop in Crops(pixels, 0).batch(0, 64, 4, seed=0)}
    assert len(ways) == 8


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_a_file_that_holds_no_crops_is_refused(tmp_path, content):
    path = tmp_path / "crops.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="is no file of crops"):
        open_crops(path)


def test_other_arrays_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5, 3), np.uint8))
    with pytest.raises(InputError, match="not crops"):
        open_crops(tmp_path / "a.npy")


def test_nothing_to_pack_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match="No photo of at least 128x128"):
        pack([tmp_path], tmp_path / "out.npy")
    with pytest.raises(InputError, match=r"ends in \.npy"):
        pack([tmp_path], tmp_path / "out.zip")
    assert not list(tmp_path.iterdir())
