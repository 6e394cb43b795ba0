"""Large photos in pieces: overlapping tiles with context, cross-faded where they meet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from refocal.types import Array, Image, Progress

# A 24 MP photo in colour needs 0.3 GB as float32 before and again after, 0.15 GB as 16-bit pixels, 0.1 GB for a blur
# map and 0.2 GB for the program: with this budget for the tile's own work it stays under 2 GiB.
MAX_BUDGET_BYTES = 512 << 20
# Below, a tile is mostly context. Only methods with little halo get here, or machines without memory.
MIN_TILE_PX = 64
# Wide enough that two tiles a few grey levels apart meet without a step of a whole level.
FEATHER_PX = 16


@dataclass(frozen=True)
class Region:
    """Where a tile lies in the photo.

    Attributes:
        rows: The tile's rows, context included; never beyond the photo.
        columns: The tile's columns, likewise.
        core_rows: The rows that are kept; neighbours share the cross-fade.
        core_columns: The columns that are kept, likewise.
    """

    rows: slice
    columns: slice
    core_rows: slice
    core_columns: slice

    def crop(self, array: Array) -> Array:
        """The tile's part, context included, of an array (..., H, W) as large as the photo; a view."""
        return array[..., self.rows, self.columns]

    def core(self, tile: Array) -> Array:
        """The part of a tile (..., h, w) that is kept; a view."""
        top = self.core_rows.start - self.rows.start
        left = self.core_columns.start - self.columns.start
        height = self.core_rows.stop - self.core_rows.start
        width = self.core_columns.stop - self.core_columns.start
        return tile[..., top : top + height, left : left + width]


def apply_tiled(  # noqa: PLR0913
    function: Callable[[Image, Region], Image],
    image: Image,
    *,
    tile_px: int,
    halo_px: int,
    feather_px: int = FEATHER_PX,
    align_px: int = 1,
    progress: Progress | None = None,
) -> Image:
    """Run ``function`` over the photo tile by tile.

    Every pixel kept has at least ``halo_px`` of context on each side, or the photo's border: a method whose reach is
    at most the halo gives what it would give on the whole photo. Nothing is padded. Neighbours overlap by
    ``feather_px`` and are cross-faded linearly, first along rows, then along columns, as ``a + w (b - a)``: the weights
    sum to 1, and where two tiles agree their value comes out unchanged.

    Args:
        function: Takes a tile (..., h, w), a view of the image that it must not change, and its region; returns an
            array of the tile's shape.
        image: (..., H, W).
        tile_px: The side of a tile without its context, cross-fades included.
        halo_px: The context on each side.
        feather_px: The width of the cross-fade; at most ``halo_px`` and half of ``tile_px`` are used.
        align_px: Contexts are widened until tiles begin and end at multiples of this, or at the photo's border: what
            computes on a grid, such as a network that halves its picture, then has the same grid as on the whole photo.
        progress: Called after each tile with the number of tiles that are done and of all tiles.

    Returns:
        float32, the shape of ``image``; besides it, memory for one tile and one band of cross-fade is used.

    Raises:
        ValueError: If ``tile_px``, ``halo_px`` or ``align_px`` is too small, or ``function`` changes the shape.
    """
    height, width = image.shape[-2:]
    feather_px = max(0, min(feather_px, halo_px, tile_px // 2))
    all_rows, all_columns = (_spans(length, tile_px, halo_px, feather_px, align_px) for length in (height, width))
    output = np.empty(image.shape, np.float32)
    done, count = 0, len(all_rows) * len(all_columns)
    for rows, core_rows in all_rows:
        # The band where this row of tiles meets the one above: kept aside, as the tiles are written over it.
        overlap = slice(core_rows.start, core_rows.start + (feather_px if core_rows.start else 0))
        above = output[..., overlap, :].copy()
        for columns, core_columns in all_columns:
            region = Region(rows, columns, core_rows, core_columns)
            tile = region.crop(image)
            restored = function(tile, region)
            if restored.shape != tile.shape:
                raise ValueError(f"The function turned a tile of shape {tile.shape} into {restored.shape}.")
            target = output[..., core_rows, core_columns]
            fade = feather_px if core_columns.start else 0
            kept = region.core(restored)
            target[..., :fade] += _ramp(fade) * (kept[..., :fade] - target[..., :fade])
            target[..., fade:] = kept[..., fade:]
            done += 1
            if progress is not None:
                progress(done, count)
        if core_rows.start:
            output[..., overlap, :] = above + _ramp(feather_px)[:, None] * (output[..., overlap, :] - above)
    return output


def tile_size(
    height: int,
    width: int,
    *,
    bytes_per_pixel: float,
    halo_px: int,
    align_px: int = 1,
    budget_bytes: int | None = None,
) -> int:
    """The ``tile_px`` with which a method's working memory stays within the budget; the whole size if the photo fits.

    Args:
        height: Of the photo.
        width: Of the photo.
        bytes_per_pixel: What the method holds at once for each pixel of a tile, all channels together, context
            included.
        halo_px: The context on each side.
        align_px: As for ``apply_tiled``.
        budget_bytes: Memory for one tile's work; by default half of what is free, at most ``MAX_BUDGET_BYTES``.
    """
    budget = min(MAX_BUDGET_BYTES, _free_bytes() // 2) if budget_bytes is None else budget_bytes
    pixels = budget / bytes_per_pixel
    if height * width <= pixels:
        return max(height, width)
    return max(MIN_TILE_PX, math.isqrt(int(pixels)) - 2 * (halo_px + align_px - 1))


def _spans(length: int, tile_px: int, halo_px: int, feather_px: int, align_px: int) -> list[tuple[slice, slice]]:
    """Cut ``length`` into cores of at most ``tile_px`` that overlap by ``feather_px``, all about equally long.

    Returns:
        For each, the slice with context and the slice of the core.
    """
    if tile_px < 1 or halo_px < 0 or align_px < 1:
        given = f"{tile_px}, {align_px} and {halo_px}"
        raise ValueError(f"Tiles need tile_px and align_px of 1 or more and halo_px of 0 or more, not {given}.")
    if length <= tile_px:
        return [(slice(0, length), slice(0, length))]
    free = length - feather_px
    count = math.ceil(free / (tile_px - feather_px))
    edges = [index * free // count for index in range(count + 1)]
    cores = [slice(start, stop + feather_px) for start, stop in pairwise(edges)]
    starts = [max(0, (core.start - halo_px) // align_px * align_px) for core in cores]
    stops = [min(length, -(-(core.stop + halo_px) // align_px) * align_px) for core in cores]
    return [(slice(start, stop), core) for start, stop, core in zip(starts, stops, cores, strict=True)]


def _ramp(feather_px: int) -> Array:
    """The later tile's weights across the cross-fade, in steps of 1/4096: their products are exact in float32."""
    return (np.rint((np.arange(feather_px) + 0.5) / max(1, feather_px) * 4096) / 4096).astype(np.float32)


def _free_bytes() -> int:
    """Memory available without swapping, where the system reports it (Linux); else a fixed 1 GiB."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 2 * MAX_BUDGET_BYTES
