"""Blur maps from files."""

import numpy as np
import pytest

from refocal.estimators.from_file import FromFile
from refocal.types import InputError


def test_the_map_is_read_unchanged(tmp_path):
    radius_px = np.random.default_rng(0).uniform(0, 9, (6, 7)).astype(np.float32)
    np.save(tmp_path / "m.npy", radius_px)
    np.testing.assert_array_equal(
        FromFile(str(tmp_path / "m.npy"))(np.zeros((3, 6, 7), np.float32)).radius_px, radius_px
    )
    with pytest.raises(InputError, match="map is 7x6, the image 6x7"):
        FromFile(str(tmp_path / "m.npy"))(np.zeros((3, 7, 6), np.float32))


def test_a_file_must_be_named():
    with pytest.raises(InputError, match="--map FILE"):
        FromFile()(np.zeros((3, 6, 7), np.float32))
