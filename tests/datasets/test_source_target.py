"""Small files in the shape of sets that may not be handed on."""

import imagecodecs
import numpy as np
import pytest

from refocal.datasets import open_dataset
from refocal.types import InputError


def save(path, value, dtype=np.uint16):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.full((2, 3, 3), value, dtype=dtype)))


def level(image, peak=65535):
    assert image.shape == (3, 2, 3) and image.dtype == np.float32
    return round(float(image.mean()) * peak)


@pytest.fixture
def dpdd(tmp_path):
    for split, offset in (("test", 0), ("val", 5000)):
        for i, (source, target) in enumerate([("1P0A0917", "1P0A0916"), ("1P0A1002", "1P0A1001")]):
            root = tmp_path / "dd_dp_dataset_canon"
            save(root / f"{split}_c/source/{source}.png", offset + i)
            save(root / f"{split}_c/target/{target}.png", offset + 1000 + i)
            save(root / f"{split}_l/source/{source}_L.png", offset + 2000 + i)
            save(root / f"{split}_r/source/{source}_R.png", offset + 3000 + i)
    return tmp_path


@pytest.mark.parametrize(("name", "offset"), [("dpdd", 0), ("dpdd/test", 0), ("dpdd:val", 5000)])
def test_dpdd_files_belong_together_in_sorted_order(dpdd, name, offset):
    data = open_dataset(name, dpdd)
    assert [pair.name for pair in data] == ["1P0A0917", "1P0A1002"]
    for i, pair in enumerate(data):
        found = [level(image) for image in (pair.blurred, pair.sharp, pair.extras["left"], pair.extras["right"])]
        assert found == [offset + i, offset + 1000 + i, offset + 2000 + i, offset + 3000 + i]
    assert data.protocol.depth == "16-bit"


def test_different_numbers_of_files_are_reported(dpdd):
    (dpdd / "dd_dp_dataset_canon/test_c/target/1P0A1001.png").unlink()
    with pytest.raises(InputError, match=r"source holds 2 images but .*target holds 1"):
        open_dataset("dpdd", dpdd)


def test_an_unknown_split_is_reported(dpdd):
    with pytest.raises(InputError, match="expected PNG files in train_c/source"):
        open_dataset("dpdd/train", dpdd)
    with pytest.raises(InputError, match="choose train, val or test"):
        open_dataset("dpdd/valid", dpdd)


@pytest.mark.parametrize("listed", ["1P0A1002\n", "1P0A1002.png", "\n2\n"])
def test_dpdd_is_split_by_the_user_s_list(dpdd, listed):
    (dpdd / "dd_dp_dataset_canon/indoor.txt").write_text(listed)
    parts = {part: open_dataset(f"dpdd/{part}", dpdd) for part in ("indoor", "outdoor")}
    for part, place in (("indoor", 1), ("outdoor", 0)):
        (pair,) = parts[part]
        assert [level(image) for image in (pair.blurred, pair.sharp, pair.extras["right"])] == [
            place,
            1000 + place,
            3000 + place,
        ]
        assert parts[part].protocol.data == f"dpdd/{part}"


def test_a_missing_or_wrong_list_is_reported(dpdd):
    with pytest.raises(InputError, match=r"The set doesn't say .* name them in .*indoor.txt, one on a line"):
        open_dataset("dpdd/indoor", dpdd)
    path = dpdd / "dd_dp_dataset_canon/indoor.txt"
    path.write_text("3\n")
    with pytest.raises(InputError, match=r"indoor.txt names '3', but no photo of .*source is called so"):
        open_dataset("dpdd/indoor", dpdd)
    path.write_text("1\n2\n")
    with pytest.raises(InputError, match=r"indoor.txt leaves no outdoor photo"):
        open_dataset("dpdd/outdoor", dpdd)


def test_realdof_has_pairs_and_pixeldp_has_views_only(tmp_path):
    save(tmp_path / "RealDOF/source/x.png", 7, np.uint8)
    save(tmp_path / "RealDOF/target/x.png", 9, np.uint8)
    for end, value in (("c/source", 10), ("l/source", 20), ("r", 30)):
        save(tmp_path / f"PixelDP/test_{end}/p.png", value)
    (pair,) = open_dataset("realdof", tmp_path)
    assert (level(pair.blurred, 255), level(pair.sharp, 255)) == (7, 9)
    (pair,) = open_dataset("pixeldp", tmp_path)
    assert pair.sharp is None
    assert [level(image) for image in (pair.blurred, pair.extras["left"], pair.extras["right"])] == [10, 20, 30]
