"""Run a network on a large image in tiles that fit into the free memory."""

from __future__ import annotations

from collections.abc import Callable

from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.types import Array, Tiling


def in_tiles(run: Callable[[Array, Region], Array], planes: Array, tiling: Tiling, tile_px: int) -> Array:
    """Run a network tile by tile.

    Args:
        run: Takes a tile of ``planes`` and its region; returns an array of the tile's shape.
        planes: (C, H, W), as many planes as the network returns.
        tiling: Context, grid and memory of the network.
        tile_px: Side of the tiles in pixels; 0 chooses it from the free memory.
    """
    halo_px, align_px = tiling.context_px, tiling.multiple
    # A tile smaller than its context would keep hardly anything: exceed the memory budget instead.
    fitting_px = tile_size(
        *planes.shape[1:], bytes_per_pixel=tiling.bytes_per_pixel, halo_px=halo_px, align_px=align_px
    )
    return apply_tiled(run, planes, tile_px=tile_px or max(halo_px, fitting_px), halo_px=halo_px, align_px=align_px)
