"""Crops on the training device are those that the host cuts."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from learn_samples import write_crops

from refocal.learn.crops.photos import open_crops
from refocal.learn.crops.resident import _orientations, make_resident, resident


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_batches_are_those_of_the_host(tmp_path, channels):
    crops = open_crops(write_crops(tmp_path, channels=channels))
    there = make_resident(crops, torch.device("cpu"))
    for step, share in ((0, (0, 1)), (1, (0, 1)), (5, (1, 2))):
        wanted = crops.batch(step, 16, 20, 3, share)
        np.testing.assert_array_equal(there.batch(step, 16, 20, 3, share).numpy(), wanted)
    assert there.pixels.shape[0] == crops.count


def test_on_a_cpu_they_stay_in_their_file(tmp_path):
    crops = open_crops(write_crops(tmp_path))
    assert resident(crops, torch.device("cpu")) is crops


def test_what_a_crop_is_cut_by_is_copied_to_the_device_once(tmp_path):
    there = make_resident(open_crops(write_crops(tmp_path)), torch.device("cpu"))
    _orientations.cache_clear()
    for step in range(5):
        there.batch(step, 4, 20, 0)
    assert _orientations.cache_info().misses == 1
