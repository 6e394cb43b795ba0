import numpy as np

from refocal.optics.radius_levels import LEVELS_PX, to_level


def test_there_are_23_levels_from_half_a_pixel_to_six():
    assert len(LEVELS_PX) == 23 and LEVELS_PX[0] == 0.5 and LEVELS_PX[-1] == 6


def test_rounding_to_levels():
    given = np.float32([0, 0.5, 0.62, 0.63, 2.1, 2.13, 9])
    assert to_level(given).tolist() == [0, 0, 0, 0.75, 2.0, 2.25, 6.0]
