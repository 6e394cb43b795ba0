"""Maps by networks in tiles that fit into the free memory, laid out as the network's file asks."""

from __future__ import annotations

from collections.abc import Callable

from refocal.images.tiles import Region, apply_tiled, tile_size
from refocal.inference.network_file import NetworkFile
from refocal.types import Array


def in_tiles(run: Callable[[Array, Region], Array], planes: Array, file: NetworkFile, tile_px: int) -> Array:
    """Run a network tile by tile.

    Args:
        run: Takes a tile of ``planes`` and its region; gives as many planes of the tile's size.
        planes: (C, H, W), as many as come out.
        file: Tells how far the network looks, on which grid it lies and what it holds.
        tile_px: Side of the tiles; 0 chooses it from the free memory.
    """
    layout = {"halo_px": file.context_px, "align_px": file.multiple}
    # Of a smaller tile than its context hardly anything would be kept: rather exceed the budget.
    side_px = tile_px or max(
        file.context_px, tile_size(*planes.shape[1:], bytes_per_pixel=file.working_bytes, **layout)
    )
    return apply_tiled(run, planes, tile_px=side_px, **layout)
