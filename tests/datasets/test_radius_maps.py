"""The random blur maps of svbr_net."""

import numpy as np
import pytest

from refocal.datasets.radius_maps import KINDS, NATIVE_SHAPE, generate
from refocal.optics.radius_levels import LEVELS_PX


def draws(kind, count=40):
    return [generate(kind, np.random.default_rng(seed)) for seed in range(count)]


def test_there_are_13_kinds():
    assert len(KINDS) == len(set(KINDS)) == 13


@pytest.mark.parametrize("kind", KINDS)
def test_every_map_contains_levels_only_and_is_reproducible(kind):
    one, again = (generate(kind, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, again) and one.shape == NATIVE_SHAPE and one.dtype == np.float32
    assert set(np.unique(one)) <= {0.0, *LEVELS_PX[1:]}
    assert not np.array_equal(one, generate(kind, np.random.default_rng(4)))


RISING_TO_THE_RIGHT = {
    "ramp-right": lambda drawn: drawn,
    "ramp-left": lambda drawn: drawn[:, ::-1],
    "ramp-down": lambda drawn: drawn.T,
    "ramp-up": lambda drawn: drawn.T[:, ::-1],
}


@pytest.mark.parametrize("kind", RISING_TO_THE_RIGHT)
def test_ramps_rise_from_a_low_to_a_high_level(kind):
    firsts, lows, highs = [], [], []
    for drawn in draws(kind):
        turned = RISING_TO_THE_RIGHT[kind](drawn)
        line = turned[0]
        assert (turned == line).all()
        begin = np.flatnonzero(line)[0]
        assert (np.diff(line[begin:]) >= 0).all() and (np.diff(line[begin:]) <= 0.25).all()
        firsts.append(begin)
        lows.append(line[begin])
        highs.append(line[-1])
    assert min(firsts) < 15 and 80 < max(firsts) < 100
    assert min(lows) == 0.75 and max(lows) == 2.0
    assert min(highs) == 4.75 and max(highs) == 6.0


def test_stairs_have_four_levels_of_50_px_half_a_pixel_apart():
    for drawn in draws("stairs-right"):
        values, counts = np.unique(drawn[0], return_counts=True)
        levels, widths = values[values > 0], counts[values > 0]
        assert np.allclose(np.diff(levels), 0.5) and len(levels) == 4
        assert (widths[:3] == 50).all() and (np.diff(drawn[0]) >= 0).all()
    for drawn in draws("stairs-left"):
        assert (drawn > 0).all() and (np.diff(drawn[0]) <= 0).all() and np.ptp(drawn) == 1.5
    assert all((np.diff(drawn, axis=1) == 0).all() for kind in ("stairs-up", "stairs-down") for drawn in draws(kind, 5))


def test_means_are_0_where_either_ramp_is_0():
    for drawn in draws("mean-right-down"):
        rows, columns = (drawn > 0).any(1), (drawn > 0).any(0)
        assert np.array_equal(drawn > 0, rows[:, None] & columns)
        assert drawn[-1, -1] == drawn.max() >= 4.75


def test_uniform_maps_use_every_level():
    assert {float(drawn[0, 0]) for drawn in draws("uniform", 200)} == set(LEVELS_PX[1:])
    assert all(np.ptp(drawn) == 0 for drawn in draws("uniform", 5))


def test_unknown_kinds_and_small_maps_are_refused():
    with pytest.raises(ValueError, match="no kind"):
        generate("spiral", np.random.default_rng(0))
    with pytest.raises(ValueError, match="too small for a ramp: give at least 200 px"):
        generate("uniform", np.random.default_rng(0), (199, 400))
