"""Photos packed with blur maps: the exact one, and one propagated from its values at edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from refocal.datasets.radius_maps import KINDS, MIN_SIDE_PX, generate
from refocal.images.colour import luma
from refocal.images.edges import canny
from refocal.images.io import SUFFIXES, read
from refocal.learn.crops.photos import checked_name, described_file, reduced
from refocal.optics.blur import BlurMap
from refocal.optics.radius_levels import STEP_PX, to_level
from refocal.propagation import domain_transform, matting
from refocal.types import Array, InputError

SIDE_PX = 340
"""Side of a packed photo in pixels: the shorter side of the paper's."""

STEPS_PER_PX = round(1 / STEP_PX)
"""Levels per pixel of radius: packed maps hold radii in quarters of a pixel."""


def pack_maps(
    folders: Sequence[str | Path],
    out: Path,
    maps: int = 39,
    side_px: int = SIDE_PX,
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> int:
    """Write squares of photos with blur maps to one .npy file (N, side, side, 5) uint8.

    The channels: the sharp photo, the exact radius and the propagated one, both in quarters of a pixel. For each map
    the photo is reduced to a random size and cropped at a random place.

    Args:
        folders: Folders of photos, searched recursively.
        out: The .npy file to write, whole or not at all.
        maps: Number of maps per photo, of the 13 kinds in turn; 3 of each in svbr_net.
        side_px: Side of a square in pixels, at least 200.
        seed: Seed of everything random.
        overwrite: Replace files of these names.

    Returns:
        Number of squares written.

    Raises:
        InputError: If the side is too small, no folder holds a photo that is large enough, or the file can't be
            written.
    """
    out = checked_name(out, overwrite=overwrite)
    if side_px < MIN_SIDE_PX:
        raise InputError(f"Squares of {side_px} px are too small for blur maps: give at least {MIN_SIDE_PX}.")
    found = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in SUFFIXES]
    random = np.random.default_rng(seed)
    large = [path for path in found if min(_size(path)) >= side_px]
    if not large:
        raise InputError(f"No photo of at least {side_px}x{side_px} px in {', '.join(map(str, folders))}.")
    shape = (maps * len(large), side_px, side_px, 5)
    about: dict[str, object] = {"side_px": side_px, "maps": maps, "seed": seed}
    with described_file(out, about, overwrite=overwrite) as part:
        squares = np.lib.format.open_memmap(part, "w+", np.uint8, shape)  # those of the paper are 16 GB
        about["photos"] = _fill(squares, [large[i] for i in random.permutation(len(large))], maps, random)
        squares.flush()
    return len(squares)


def _fill(squares: Array, paths: Sequence[Path], maps: int, random: np.random.Generator) -> list[dict[str, object]]:
    """Write the squares of each photo; returns name, first index and count of each photo."""
    side_px = squares.shape[1]
    photos: list[dict[str, object]] = []
    for place, path in enumerate(paths):
        pixels = read(path).pixels
        photos.append({"photo": path.name, "first": place * maps, "count": maps})
        for number in range(place * maps, (place + 1) * maps):
            photo = _square(pixels, side_px, random)
            exact = generate(KINDS[number % len(KINDS)], random, (side_px, side_px))
            way: Literal["matting", "domain-transform"] = "matting" if number // len(KINDS) % 2 else "domain-transform"
            propagated = spread_from_edges(photo, exact, way)
            levels = [np.rint(STEPS_PER_PX * radius)[..., None].astype(np.uint8) for radius in (exact, propagated)]
            squares[number] = np.concatenate([photo, *levels], axis=2)
    return photos


def _size(path: Path) -> tuple[int, int]:
    height, width = read(path).pixels.shape[:2]
    return height, width


def spread_from_edges(photo: Array, radius_px: Array, way: Literal["matting", "domain-transform"]) -> Array:
    """Propagate the radius from the edges of the blurred photo: a map with the errors of an estimator.

    svbr_net, section 3.1; the weights of the known values are the values themselves in the matting, as in the authors'
    program (so that sharp edges have weight 0), and 1 in the domain transform.

    Args:
        photo: Sharp, (H, W, 3) uint8.
        radius_px: (H, W).
        way: Method of propagation.

    Returns:
        (H, W) float32, rounded to the levels.
    """
    sharp = np.moveaxis(photo, 2, 0).astype(np.float32) / 255
    blurred = BlurMap(radius_px, step_px=STEP_PX, boundary="replicate", encoding="srgb").apply(sharp)
    blurred = (np.floor(np.clip(blurred, 0, 1) * 255 + 1e-3) / 255).astype(np.float32)
    edges = canny(luma(blurred)[0]).astype(np.float32)
    if way == "matting":
        dense = matting.spread(radius_px, edges * radius_px, blurred)
    else:
        dense = domain_transform.spread_without_texture(radius_px, edges, blurred)
    return to_level(np.maximum(dense, 0))


def _square(pixels: Array, side_px: int, random: np.random.Generator) -> Array:
    """(side, side, 3) uint8 of a photo (H, W, C), reduced by a random factor, but to no less than the side."""
    least = side_px / min(pixels.shape[:2])
    # The paper reduces whole photos to this size; ours are larger, and reduced whole they would all be too sharp.
    scaled = reduced(pixels, random.uniform(least, min(1.0, 2 * least)))
    top, left = (int(random.integers(max(length - side_px, 0) + 1)) for length in scaled.shape[:2])
    return np.ascontiguousarray(scaled[top : top + side_px, left : left + side_px, :3])
