"""Blur maps by rule and chance: ramps, stairs and their mixtures, as training data and for tests with known truth.

Karaali and Jung, "SVBR-Net: a non-blind spatially varying defocus blur removal network", ICIP 2022, section 3.1, whose
maps are 360 x 340; positions are in pixels, as there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Profile = npt.NDArray[np.float32]

STEP_PX = 0.25
"""Distance of the disks' radii in svbr_net (section 3.1)."""

LEVELS_PX = tuple(STEP_PX * step for step in range(2, 25))
"""Radii of the 23 disks, 0.5 ... 6; 0.5 stands for no blur."""

NATIVE_SHAPE = (360, 340)
"""Height and width that the rules were made for."""

MIN_SIDE_PX = 200
"""Less is too narrow for a ramp."""

KINDS = (
    *("ramp-right", "ramp-down", "ramp-left", "ramp-up"),
    *("stairs-right", "stairs-left", "stairs-down", "stairs-up"),
    *("uniform", "mean-right-down", "mean-left-up", "mean-right-up", "mean-down-left"),
)
"""The 13 rules. A mean is the geometric one of two ramps."""

_BLURS_PX = LEVELS_PX[1:]
_FIRST_PX, _BAND_PX, _STAIRS_FIRST_PX = 100, 50, 141  # where ramps and stairs begin, and a stair's width


def generate(kind: str, random: np.random.Generator, shape: tuple[int, int] = NATIVE_SHAPE) -> npt.NDArray[np.float32]:
    """Draw a blur map.

    Args:
        kind: One of ``KINDS``. Ramps rise along a line between two levels, and are constant after it; stairs have four
            levels, half a pixel apart; both are 0 before their beginning. A uniform map is not 0 anywhere.
        random: Where chance comes from.
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
    """The same as one line down (H,) and one across (W,), not yet rounded; a line that isn't needed is None."""
    if kind not in KINDS:
        raise ValueError(f"There is no kind of map {kind!r}: choose one of {', '.join(KINDS)}.")
    if min(shape) < MIN_SIDE_PX:
        raise ValueError(
            f"A map of {shape[1]}x{shape[0]} px has no room for a ramp: give at least {MIN_SIDE_PX} px a side."
        )
    height, width = shape
    if kind == "uniform":
        return None, np.full(width, random.choice(_BLURS_PX), np.float32)
    down = across = None
    rule, *ways = kind.split("-")
    for way in ways:
        line = _ramp if rule != "stairs" else _stairs
        if way in ("right", "left"):
            across = line(random, width, way == "left")
        else:
            down = line(random, height, way == "up")
    return down, across


def window(random: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Draw a map of any kind for a crop: a part, at a random place, of one of the native shape, or of the crop's if
    larger.

    (H, W) float32, as from ``generate``; only the part is computed.
    """
    kind = KINDS[random.integers(len(KINDS))]
    whole = (max(NATIVE_SHAPE[0], shape[0]), max(NATIVE_SHAPE[1], shape[1]))
    down, across = profiles(kind, random, whole)
    top, left = (int(random.integers(size - part + 1)) for size, part in zip(whole, shape, strict=True))
    down = None if down is None else down[top : top + shape[0]]
    across = None if across is None else across[left : left + shape[1]]
    return np.broadcast_to(to_level(combine(down, across)), shape)


def combine(down: Profile | None, across: Profile | None) -> npt.NDArray[np.float32]:
    """(H, W) or, of a line alone, one that broadcasts to it: the geometric mean of the lines that are there."""
    if down is None or across is None:
        return across[None, :] if down is None else down[:, None]  # type: ignore[index]
    return np.sqrt(down[:, None] * across[None, :])


def to_level(radius_px: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The nearest level of 0.75 ... 6 px; 0.5 px and less is 0: no blur. Any shape."""
    level = np.minimum(np.rint(radius_px * 4) / 4, LEVELS_PX[-1])
    return np.where(level <= LEVELS_PX[0], 0, level).astype(np.float32)


def _ramp(random: np.random.Generator, length: int, mirrored: bool) -> Profile:
    """0, then from one of the six smallest levels to one of the six largest, then that."""
    first = random.integers(_FIRST_PX)
    last = length - _FIRST_PX + random.integers(_FIRST_PX)
    low, high = _BLURS_PX[random.integers(6)], _BLURS_PX[16 + random.integers(6)]
    place = np.arange(length)
    line = np.interp(place, (first, last), (low, high))
    line[place < first] = 0
    return (line[::-1] if mirrored else line).astype(np.float32)


def _stairs(random: np.random.Generator, length: int, falling: bool) -> Profile:
    """0, then four levels half a pixel apart; falling ones begin with the highest."""
    first, index = random.integers(_STAIRS_FIRST_PX), random.integers(15)
    levels = np.array(_BLURS_PX[index : index + 7 : 2])
    place = np.arange(length)
    stair = np.clip((place - first) // _BAND_PX, 0, 3)
    line = (levels[::-1] if falling else levels)[stair]
    if falling:
        return line.astype(np.float32)  # its first level reaches back to the edge
    line[place < first] = 0
    return line.astype(np.float32)
