"""Cells against plain means; enlarging against straight lines."""

import numpy as np
import pytest

from refocal.images import grids
from refocal.images.grids import enlarge, reduce_mean, strips


def test_reduce_takes_the_mean_of_each_cell_also_of_cut_ones():
    plane = np.random.default_rng(0).random((7, 10))
    reduced = reduce_mean(plane, 3)
    assert reduced.shape == (3, 4)
    for y in range(3):
        for x in range(4):
            assert np.isclose(reduced[y, x], plane[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].mean())


def test_enlarge_undoes_it_on_a_slope():
    y, x = np.mgrid[:12, :18]
    slope = 0.3 * y - 0.2 * x
    back = enlarge(reduce_mean(slope, 3), (12, 18), 3)
    np.testing.assert_allclose(back[1:-1, 1:-1], slope[1:-1, 1:-1], atol=1e-5)
    np.testing.assert_allclose(enlarge(np.full((1, 2), 4.0), (3, 5), 3), 4)
    assert enlarge(slope, (12, 18), 1).dtype == np.float32


@pytest.mark.parametrize("height", [1, 8, 9, 16, 29])
@pytest.mark.parametrize("halo", [0, 3, 20])
def test_strips_hold_every_row_once_and_a_halo_within_the_picture(monkeypatch, height, halo):
    monkeypatch.setattr(grids, "STRIP_PX", 8)
    numbers = np.arange(height)
    filled = []
    for rows, grown, inner in strips(height, halo):
        filled.append(numbers[rows])
        np.testing.assert_array_equal(numbers[grown][inner], numbers[rows])
        around = np.arange(max(rows.start - halo, 0), min(rows.stop + halo, height))
        np.testing.assert_array_equal(numbers[grown], around)
    np.testing.assert_array_equal(np.concatenate(filled), numbers)
    assert max(map(len, filled)) <= 8
