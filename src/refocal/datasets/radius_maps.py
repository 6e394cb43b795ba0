"""Random blur maps with known radii: ramps, stairs and their mixtures, for training data and tests.

Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022, section 3.1. Their
maps are 360 x 340; positions are in pixels, as in the paper.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refocal.optics.radius_levels import LEVELS_PX, to_level

Profile = npt.NDArray[np.float32]

NATIVE_SHAPE = (360, 340)
"""Height and width of the paper's maps."""

MIN_SIDE_PX = 200
"""Smallest side of a map; a smaller one has no space for a ramp."""

KINDS = (
    *("ramp-right", "ramp-down", "ramp-left", "ramp-up"),
    *("stairs-right", "stairs-left", "stairs-down", "stairs-up"),
    *("uniform", "mean-right-down", "mean-left-up", "mean-right-up", "mean-down-left"),
)
"""The 13 kinds of map. A mean is the geometric mean of two ramps."""

_BLURS_PX = LEVELS_PX[1:]
_FIRST_PX, _BAND_PX, _STAIRS_FIRST_PX = 100, 50, 141  # where ramps and stairs begin, and the width of a stair


def generate(kind: str, random: np.random.Generator, shape: tuple[int, int] = NATIVE_SHAPE) -> npt.NDArray[np.float32]:
    """Draw a random blur map.

    Args:
        kind: One of ``KINDS``. Ramps rise along a line between two levels and are constant after it; stairs have four
            levels, half a pixel apart; both are 0 before their beginning. A uniform map is above 0 everywhere.
        random: Random generator.
        shape: Height and width, each at least ``MIN_SIDE_PX``.

    Returns:
        (H, W) float32, radius of the disk in pixels: one of ``LEVELS_PX`` but the first, or 0 where nothing is blurred.

    Raises:
        ValueError: If there is no such kind, or the map is too small.
    """
    return np.broadcast_to(to_level(combine(*profiles(kind, random, shape))), shape).copy()


def profiles(
    kind: str, random: np.random.Generator, shape: tuple[int, int] = NATIVE_SHAPE
) -> tuple[Profile | None, Profile | None]:
    """Vertical (H,) and horizontal (W,) profile of a map, before rounding; None for a direction that isn't used.

    Arguments and errors are those of ``generate``.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no kind of map {kind!r}: choose one of {', '.join(KINDS)}.")
    if min(shape) < MIN_SIDE_PX:
        raise ValueError(
            f"A map of {shape[1]}x{shape[0]} px is too small for a ramp: give at least {MIN_SIDE_PX} px a side."
        )
    height, width = shape
    if kind == "uniform":
        return None, np.full(width, random.choice(_BLURS_PX), np.float32)
    down = across = None
    rule, *directions = kind.split("-")
    for direction in directions:
        profile = _ramp if rule != "stairs" else _stairs
        if direction in ("right", "left"):
            across = profile(random, width, direction == "left")
        else:
            down = profile(random, height, direction == "up")
    return down, across


def window(random: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Draw a map of a random kind and cut a window of ``shape`` at a random position.

    The map has the native shape, or that of the window where it is larger; only the window is computed.

    Returns:
        (H, W) float32, as from ``generate``; it may be read-only.
    """
    kind = KINDS[random.integers(len(KINDS))]
    whole = (max(NATIVE_SHAPE[0], shape[0]), max(NATIVE_SHAPE[1], shape[1]))
    down, across = profiles(kind, random, whole)
    top, left = (int(random.integers(size - part + 1)) for size, part in zip(whole, shape, strict=True))
    down = None if down is None else down[top : top + shape[0]]
    across = None if across is None else across[left : left + shape[1]]
    return np.broadcast_to(to_level(combine(down, across)), shape)


def combine(down: Profile | None, across: Profile | None) -> npt.NDArray[np.float32]:
    """Geometric mean of both profiles, (H, W); a single profile stays as it is, as (H, 1) or (1, W)."""
    if down is None or across is None:
        return across[None, :] if down is None else down[:, None]  # type: ignore[index]
    return np.sqrt(down[:, None] * across[None, :])


def _ramp(random: np.random.Generator, length: int, mirrored: bool) -> Profile:
    """0, then a ramp from one of the six smallest levels to one of the six largest, then constant."""
    first = random.integers(_FIRST_PX)
    last = length - _FIRST_PX + random.integers(_FIRST_PX)
    low, high = _BLURS_PX[random.integers(6)], _BLURS_PX[16 + random.integers(6)]
    place = np.arange(length)
    line = np.interp(place, (first, last), (low, high))
    line[place < first] = 0
    return (line[::-1] if mirrored else line).astype(np.float32)


def _stairs(random: np.random.Generator, length: int, falling: bool) -> Profile:
    """0, then four levels half a pixel apart; falling stairs begin with the highest."""
    first, index = random.integers(_STAIRS_FIRST_PX), random.integers(15)
    levels = np.array(_BLURS_PX[index : index + 7 : 2])
    place = np.arange(length)
    stair = np.clip((place - first) // _BAND_PX, 0, 3)
    line = (levels[::-1] if falling else levels)[stair]
    if falling:
        return line.astype(np.float32)  # its first level extends to the edge
    line[place < first] = 0
    return line.astype(np.float32)
