"""Reduction of a photo to a coarser grid of square cells and enlargement of its maps; strips of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

STRIP_PX = 512
"""Rows of a strip: processed in strips, a 24 MP photo needs few temporary copies."""


def reduce_mean(plane: Floats | npt.NDArray[np.bool_], factor: int) -> npt.NDArray[np.float32]:
    """Means over cells of ``factor`` x ``factor``, the last ones possibly smaller."""
    if factor == 1:
        return plane.astype(np.float32)
    height, width = plane.shape
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    out = np.empty((len(rows), len(columns)), np.float32)
    for i, top in enumerate(rows):
        band = plane[top : top + factor].mean(0, dtype=np.float32)
        out[i] = np.add.reduceat(band, columns) / np.diff(columns, append=width)
    return out


def enlarge(plane: Floats, shape: tuple[int, int], factor: int) -> npt.NDArray[np.float32]:
    """Undo ``reduce_mean`` to ``shape`` by linear interpolation between the cells' centres."""
    if factor == 1:
        return plane.astype(np.float32)
    return enlarge_part(plane, slice(0, shape[0]), slice(0, shape[1]), factor)


def enlarge_part(plane: Floats, rows: slice, columns: slice, factor: int) -> npt.NDArray[np.float32]:
    """These rows and columns, counted in pixels of the large image, of what ``enlarge`` returns."""

    def places(part: slice, cells: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        place = np.clip((np.arange(part.start, part.stop) + 0.5) / factor - 0.5, 0, max(cells - 1, 0))
        first = np.minimum(place.astype(np.intp), max(cells - 2, 0))
        return first, (place - first).astype(np.float32)

    (y, down), (x, across) = (places(part, cells) for part, cells in zip((rows, columns), plane.shape, strict=True))
    right = np.minimum(x + 1, plane.shape[1] - 1)
    wide = plane[:, x] * (1 - across) + plane[:, right] * across
    out = np.empty((len(y), len(x)), np.float32)
    for row, first, share in zip(out, y, down, strict=True):
        below = min(first + 1, plane.shape[0] - 1)
        np.add(wide[first] * (1 - share), wide[below] * share, out=row)
    return out


def fill_in(plane: Floats, weight: Floats, spread: float, nothing: float = 0.0) -> npt.NDArray[np.float32]:
    """A plane (h, w) whose values of low weight are replaced by those of the surroundings.

    A pyramid of weighted means: each level is filled from the next coarser one, as far as it lacks weight.

    Args:
        plane: The values; finite.
        weight: Their weights in [0, 1], the same shape.
        spread: Weight of the surroundings beside that of a value.
        nothing: Weight of a value of 0 beside the mean weight of the plane, for a plane without any weight.
    """
    levels: list[tuple[Floats, Floats]] = [(plane * weight, weight)]
    while max(levels[-1][0].shape) > 1:
        levels.append((reduce_mean(levels[-1][0], 2), reduce_mean(levels[-1][1], 2)))
    total, weight = levels.pop()
    known: Floats = total / np.maximum(weight + nothing, np.finfo(np.float32).tiny)
    for total, weight in reversed(levels):
        known = (total + spread * enlarge(known, total.shape, 2)) / (weight + spread)
    return known.astype(np.float32)


def strips(height: int, halo_px: int) -> Iterator[tuple[slice, slice, slice]]:
    """Divide ``height`` rows into strips: the rows, the rows with context, and the place of the former in these."""
    for top in range(0, height, STRIP_PX):
        bottom, above = min(top + STRIP_PX, height), min(halo_px, top)
        yield slice(top, bottom), slice(top - above, min(bottom + halo_px, height)), slice(above, above + bottom - top)
