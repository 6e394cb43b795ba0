import numpy as np
import pytest
from PIL import Image as PilImage

from refocal.datasets import open_dataset
from refocal.datasets.mmsp2024 import mmsp2024
from refocal.metrics import q
from refocal.types import InputError


def test_three_scenes_at_three_degrees_of_blur(shared):
    pairs = {pair.name: pair for pair in open_dataset("mmsp2024", shared / "data/test")}
    scenes = ("keyboard1", "pepperminttea3", "soda2")
    assert sorted(pairs) == sorted(f"{scene}_{level}" for scene in scenes for level in ("low", "medium", "high"))
    for scene in scenes:
        low, medium, high = (pairs[f"{scene}_{level}"] for level in ("low", "medium", "high"))
        np.testing.assert_array_equal(low.sharp, high.sharp)
        assert q(low.sharp) > q(low.blurred) > q(medium.blurred) > q(high.blurred)


def test_luma_is_truncated(shared):
    pair = open_dataset("mmsp2024", shared / "data/test")[0]
    path = shared / "data/test/mmsp2024_crops/Dataset_Examples/keyboard1_original_crop.png"
    exact = np.asarray(PilImage.open(path), dtype=np.float64) @ [0.299, 0.587, 0.114]
    assert pair.sharp.shape == (1, 256, 256)
    assert np.all(np.floor(exact + 1e-9) == np.rint(pair.sharp[0] * 255))


def test_a_blurred_crop_without_its_sharp_one_is_named(tmp_path):
    PilImage.new("RGB", (4, 4)).save(tmp_path / "cup_hbC_crop.png")
    with pytest.raises(InputError, match="no sharp partner cup_original_crop"):
        mmsp2024(tmp_path)
