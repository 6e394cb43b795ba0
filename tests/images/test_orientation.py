import numpy as np
import pytest

from refocal.images.orientation import swaps_sides, turn, turn_point, turn_subject


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_point_goes_where_its_pixel_goes(orientation):
    pixels = np.arange(5 * 8).reshape(5, 8)
    turned = turn(pixels, orientation)
    assert (turned.shape == (8, 5)) == swaps_sides(orientation)
    for y, x in np.ndindex(pixels.shape):
        column, row = turn_point(x, y, (8, 5), orientation)
        assert turned[row, column] == pixels[y, x]


def test_a_rectangle_changes_its_sides_with_the_photo():
    assert turn_subject((1, 2, 30, 20), (8, 5), 6) == (2, 1, 20, 30)  # x = 5 - 1 - 2, y = 1
    assert turn_subject((1, 2, 30, 20), (8, 5), 3) == (6, 2, 30, 20)
    assert turn_subject((1, 2, 9), (8, 5), 8) == (2, 6, 9)
    assert turn_subject((70, 2), (8, 5), 3) == (0, 2)  # outside of the photo
