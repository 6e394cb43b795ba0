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


def strips(height: int, halo_px: int) -> Iterator[tuple[slice, slice, slice]]:
    """Divide ``height`` rows into strips: the rows, the rows with context, and the place of the former in these."""
    for top in range(0, height, STRIP_PX):
        bottom, above = min(top + STRIP_PX, height), min(halo_px, top)
        yield slice(top, bottom), slice(top - above, min(bottom + halo_px, height)), slice(above, above + bottom - top)
