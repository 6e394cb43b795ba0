"""Fig. 6 of learnable_blur_kernel_defocusgan: the learned kernels beside those calibrated on a real lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refocal.datasets import open_dataset
from refocal.optics.dual_pixel import RING_SETS
from refocal.optics.kernels import Kernel
from refocal.tables.published import Cell, PublishedTable, Settings
from refocal.types import InputError

KERNELS_FILE = "dual-pixel-kernels.npz"
"""Arrays ``front-0`` ... ``front-24`` and ``behind-0`` ... ``behind-24``: learned kernels of whole radii in pixels."""

SIGNS = ("front", "behind")
RADII_PX = (2, 3, 4, 5, 6, 8)  # shown, a column each: radii within the range of the short training
FIELD = (6, 8)  # rows and columns of the calibrated kernels' places in the picture
TILE_PX, MARGIN_PX, HEAD_PX, LABEL_PX, PLOT_PX = 112, 6, 20, 108, 130
REACH = 1.35  # of a tile and of a profile, in radii
COLOURS = {"initial": "grey", "front": "royalblue", "behind": "darkorange", "lens": "black"}
HEADS = {
    "initial": "initial ring",
    "front": "learned, front",
    "behind": "learned, behind",
    "lens": "calibrated,\nat six places",
}


def figure_6(table: PublishedTable, found: Sequence[Cell], settings: Settings) -> bytes:  # noqa: ARG001
    """The learned kernels and the calibrated ones of ``pixel4_dp``.

    Raises:
        InputError: If either isn't there.
    """
    return draw(read_kernels(settings.weights_dir), read_lens(settings.data_root))


def read_kernels(weights_dir: Path | None) -> dict[str, dict[int, Kernel]]:
    """Side of the plane of focus -> whole radius in pixels -> learned kernel; the user's own, or what is shipped.

    Raises:
        InputError: If there are none, or the file holds something else.
    """
    import refocal.weights

    shipped = Path(refocal.weights.__file__).parent / KERNELS_FILE
    own = weights_dir / KERNELS_FILE if weights_dir is not None else shipped
    path = own if own.is_file() else shipped
    if not path.is_file():
        raise InputError(f"the learned kernels, {KERNELS_FILE}, aren't part of this version")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                sign: {radius: arrays[f"{sign}-{radius}"].astype(np.float64) for radius in RADII_PX} for sign in SIGNS
            }
    except (KeyError, ValueError, OSError):
        raise InputError(f"{path} doesn't hold the kernels front-0 ... front-24 and behind-0 ... behind-24") from None


def read_lens(data_root: Path | None) -> Kernel:
    """The calibrated kernels of both views together (48, 61, 61), each with sum 1.

    Raises:
        InputError: If they aren't there.
    """
    data: Any = open_dataset("pixel4_dp", data_root)
    folder = data.scenes[0].left.parent
    files = [path for side in ("left", "right") for path in folder.rglob(f"blur_kernels_{side}.npy")]
    if len(files) != 2:
        raise InputError(
            f"the calibrated kernels, blur_kernels_left.npy and blur_kernels_right.npy, aren't in {folder}"
        )
    left, right = (np.load(path, allow_pickle=False).astype(np.float64) for path in files)
    both: Kernel = (left + right) / (left + right).sum(axis=(1, 2), keepdims=True)
    return both


def radius_of(kernel: Kernel) -> tuple[float, float, float]:
    """Radius in pixels of the disk of the kernel's second moment, sqrt(2 <rho^2>), and its centre (row, column)."""
    down, across = np.indices(kernel.shape)
    share = kernel / kernel.sum()
    row, column = float((share * down).sum()), float((share * across).sum())
    return float(np.sqrt(2 * (share * ((down - row) ** 2 + (across - column) ** 2)).sum())), row, column


def profile(kernel: Kernel, radius_px: float, centre: tuple[float, float]) -> Kernel:
    """Mean over the angle at 55 distances from 0 to 1.35 radii, times the disk's area: a uniform disk is 1, then 0."""
    from scipy.ndimage import map_coordinates

    rho = np.linspace(0, REACH, 55)[:, None] * radius_px
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[None, :]
    places = [centre[0] + rho * np.sin(angle), centre[1] + rho * np.cos(angle)]
    mean: Kernel = map_coordinates(kernel, places, order=1, mode="constant").mean(axis=1)
    return mean * np.pi * radius_px**2


def draw(kernels: Mapping[str, Mapping[int, Kernel]], lens: Kernel) -> bytes:
    """Draw rows of kernels scaled to one size, each with its brightest point white, and radial profiles below, as PNG.

    Args:
        kernels: Side of the plane of focus -> radius in pixels -> learned kernel.
        lens: Calibrated kernels (48, n, n): row by row from the upper left of the picture; six of them are shown.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    rings = {radius: RING_SETS[0](radius) for radius in RADII_PX}
    rows: dict[str, list[tuple[Kernel, float, tuple[float, float]]]] = {
        "initial": [_around_middle(rings[radius], radius) for radius in RADII_PX],
        **{sign: [_around_middle(kernels[sign][radius], radius) for radius in RADII_PX] for sign in SIGNS},
        "lens": [_measured(lens[place]) for place in _places()],
    }
    across, down = TILE_PX + MARGIN_PX, TILE_PX + MARGIN_PX
    size = (
        LABEL_PX + len(RADII_PX) * across + MARGIN_PX,
        HEAD_PX + len(rows) * down + HEAD_PX + PLOT_PX + 2 * MARGIN_PX,
    )
    sheet = Pillow.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, radius in enumerate(RADII_PX):
        pen.text((LABEL_PX + column * across, 2), f"radius {radius} px", "black", font)
    for row, (name, tiles) in enumerate(rows.items()):
        top = HEAD_PX + row * down
        pen.text((MARGIN_PX, top + TILE_PX // 2), HEADS[name], COLOURS[name], font)
        for column, (kernel, radius_px, centre) in enumerate(tiles):
            levels = _tile(kernel, radius_px, centre)
            sheet.paste(Pillow.fromarray(levels), (LABEL_PX + column * across, top))
    top = HEAD_PX + len(rows) * down
    pen.text((MARGIN_PX, top), "mean over the angle, by distance from 0 to 1.35 radii; dotted: the disk", "black", font)
    _plots(pen, {name: [profile(*tile) for tile in tiles] for name, tiles in rows.items()}, top + HEAD_PX)
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _places() -> list[int]:
    """Six of the 48 places: the middle, then outwards along the diagonal to a corner, then two edges."""
    return [row * FIELD[1] + column for row, column in ((3, 4), (4, 5), (4, 6), (5, 7), (3, 7), (0, 4))]


def _around_middle(kernel: Kernel, radius_px: float) -> tuple[Kernel, float, tuple[float, float]]:
    return kernel, float(radius_px), ((kernel.shape[0] - 1) / 2, (kernel.shape[1] - 1) / 2)


def _measured(kernel: Kernel) -> tuple[Kernel, float, tuple[float, float]]:
    radius_px, *centre = radius_of(kernel)
    return kernel, radius_px, (centre[0], centre[1])


def _tile(kernel: Kernel, radius_px: float, centre: tuple[float, float]) -> NDArray[np.uint8]:
    """(112, 112) grey levels; negative values are black."""
    from scipy.ndimage import map_coordinates

    grid = np.linspace(-REACH, REACH, TILE_PX) * radius_px
    places = np.meshgrid(centre[0] + grid, centre[1] + grid, indexing="ij")
    shown = np.clip(map_coordinates(kernel, places, order=1, mode="constant"), 0, None)
    return np.rint(255 * shown / max(shown.max(), 1e-12)).astype(np.uint8)


def _plots(pen: Any, profiles: Mapping[str, Sequence[Kernel]], top: int) -> None:
    """A plot under every column; of the calibrated kernels the middle one's line in all of them."""
    across = TILE_PX + MARGIN_PX
    most = max(1.5, *(float(line.max()) for lines in profiles.values() for line in lines))
    for column in range(len(RADII_PX)):
        left = LABEL_PX + column * across

        def at(distance: float, value: float, left: int = left) -> tuple[float, float]:
            share = min(max(value, 0.0), most) / most
            return left + distance / REACH * (TILE_PX - 1), top + PLOT_PX - 1 - share * (PLOT_PX - 1)

        pen.rectangle((left, top, left + TILE_PX - 1, top + PLOT_PX - 1), outline="lightgrey")
        for distance in np.arange(0, 1, 0.06):
            pen.line([at(distance, 1), at(distance + 0.02, 1)], "silver")
        pen.line([at(1, 0), at(1, 1)], "silver")
        for name, lines in profiles.items():
            line = lines[0 if name == "lens" else column]
            points = [
                at(distance, float(value))
                for distance, value in zip(np.linspace(0, REACH, len(line)), line, strict=True)
            ]
            pen.line(points, COLOURS[name], 2)
