"""The eight orientations of EXIF: turning pixels, and positions along with them."""

from __future__ import annotations

import numpy as np

from refocal.types import Array

# Clockwise quarter turns after an optional left-right flip, for each value of the tag (Exif 2.32, section 4.6.4.A).
FLIP_AND_TURNS = {1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 1)} | {
    7: (True, 1),
    8: (False, 3),
}


def turn(pixels: Array, orientation: int) -> Array:
    """Turn and flip (H, W[, C]) so that the photo stands upright; ``orientation`` as in EXIF, 1 to 8."""
    flip, quarters = FLIP_AND_TURNS[orientation]
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if flip else pixels, -quarters))


def turn_point(x: int, y: int, size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """The column and row where ``turn`` puts the pixel (x, y) of a photo of ``size`` (width, height)."""
    flip, quarters = FLIP_AND_TURNS[orientation]
    width, height = size
    if flip:
        x = width - 1 - x
    for _ in range(quarters):
        x, y = height - 1 - y, x
        width, height = height, width
    return x, y


def turn_subject(numbers: tuple[int, ...], size: tuple[int, int], orientation: int) -> tuple[int, ...]:
    """Turn EXIF's SubjectArea: a point (x, y), a circle (.., diameter) or a rectangle (.., width, height) around it."""
    point = tuple(max(0, value) for value in turn_point(numbers[0], numbers[1], size, orientation))
    extent = numbers[2:]
    return point + (extent[::-1] if swaps_sides(orientation) else extent)


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places: a turn by 90 or 270 degrees."""
    return FLIP_AND_TURNS[orientation][1] % 2 == 1
