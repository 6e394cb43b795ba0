"""Cells against plain means; enlarging against straight lines."""

import numpy as np

from refocal.images.grids import enlarge, reduce_mean


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
