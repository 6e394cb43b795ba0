"""Photos packed with the inverse depth of every pixel, in which a lens's circle of confusion is linear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refocal.images.io import read
from refocal.images.limits import refusing
from refocal.images.map_files import read_depth
from refocal.learn.crops.photos import checked_name, photos_in, reduced, squares, with_most_detail, write_crops
from refocal.types import Array, InputError

DEPTHS = ("_depth_mm.png", "_depth.npy", "_depth.tif", "_depth.tiff")
"""Endings of a depth file's name after the photo's stem; read by ``images.map_files.read_depth``."""

DISPARITIES = ("_disp.npz", "_disp.npy")
"""The same for a disparity in pixels against another view, linear in inverse depth. Of a stereo pair's names,
``X_left.png`` and ``X_disp.npz``, it is the left view's."""

QUANTILES = (0.01, 0.99)
"""Quantiles of a photo's inverse depths that are the ends of the scale, so that a few outliers don't set it."""


def pack_depth(  # noqa: PLR0913  the words of the command line
    folders: Sequence[str | Path],
    out: str | Path,
    side_px: int = 128,
    scales: Sequence[float] = (1.0, 0.5),
    drop_smooth: float = 0.0,
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> int:
    """As ``crops.photos.pack``, with the inverse depth behind the photo: (N, side, side, 4) uint8.

    It runs from 1, the photo's farthest, to 255, its nearest, and is 0 in all pixels of a crop where half or more of it
    is unknown. In other crops unknown pixels have the value of the nearest known one.

    Args:
        folders: Folders of photos, searched recursively. A photo's depth file is in the same folder, see ``DEPTHS`` and
            ``DISPARITIES``; photos without one are packed, too.
        out: As in ``pack``.
        side_px: As in ``pack``.
        scales: As in ``pack``; depth is sampled, not averaged, as a mean over an edge is at no depth of the scene.
        drop_smooth: As in ``pack``.
        seed: As in ``pack``.
        overwrite: As in ``pack``.

    Returns:
        Number of crops written.

    Raises:
        InputError: As in ``pack``, or if no photo has depth beside it, or one has depth of another shape.
    """
    out = checked_name(out, overwrite=overwrite)
    photos = [path for path in photos_in(folders, seed) if not path.name.endswith(DEPTHS)]
    depths = [depth_file(path) for path in photos]
    if not any(depths):
        names = ", ".join(f"NAME{end}" for end in (DEPTHS + DISPARITIES))
        raise InputError(f"No photo in {', '.join(map(str, folders))} has depth beside it: call it {names}.")
    cut = [(photo.name, _cut(photo, depth, side_px, scales)) for photo, depth in zip(photos, depths, strict=True)]
    if not any(crops for _, crops in cut):
        raise InputError(f"No photo of at least {side_px}x{side_px} px in {', '.join(map(str, folders))}.")
    kept = with_most_detail(cut, drop_smooth)
    known = sum(bool(crop[..., 3].any()) for _, crops in kept for crop in crops)
    about = {"side_px": side_px, "scales": list(scales), "drop_smooth": drop_smooth, "with_depth": known}
    return write_crops(out, kept, about, overwrite=overwrite)


def depth_file(photo: Path) -> Path | None:
    """The file of a photo's depth or disparity, if there is one."""
    leads = [(photo.stem, DEPTHS + DISPARITIES), (photo.stem.removesuffix("_left"), DISPARITIES)]
    beside = [photo.with_name(lead + end) for lead, ends in leads for end in ends]
    return next((path for path in beside if path.is_file()), None)


def inverse_depth(path: Path) -> Array:
    """Inverse depth (H, W) float32, larger is nearer, of any unit and offset; NaN where it is unknown.

    Raises:
        InputError: If the file doesn't hold depth or disparity.
    """
    values = _disparity(path) if path.name.endswith(DISPARITIES) else read_depth(path)
    known = np.isfinite(values) & (values > 0)
    inverse = values if path.name.endswith(DISPARITIES) else 1 / np.where(known, values, 1)
    return np.where(known, inverse, np.nan).astype(np.float32)


def to_levels(inverse: Array) -> Array:
    """Levels (H, W) uint8: 1 for the farthest to 255 for the nearest of known inverse depths, 0 for unknown ones.

    A scene at one depth has the level 128.
    """
    known = np.isfinite(inverse)
    levels = np.zeros(inverse.shape, np.uint8)
    if known.any():
        far, near = np.quantile(inverse[known], QUANTILES)
        share = np.clip((inverse[known] - far) / (near - far), 0, 1) if near > far else np.float32(0.5)
        levels[known] = np.rint(1 + 254 * share)
    return levels


def _cut(photo: Path, depth: Path | None, side_px: int, scales: Sequence[float]) -> list[Array]:
    pixels = read(photo).pixels
    height, width = pixels.shape[:2]
    levels = np.zeros((height, width), np.uint8) if depth is None else to_levels(inverse_depth(depth))
    if abs(levels.shape[0] * width - levels.shape[1] * height) > max(
        height, width
    ):  # a tolerance of one pixel, by which sizes are rounded
        raise InputError(
            f"{depth} is {levels.shape[1]}x{levels.shape[0]}, of another shape than {photo}, {width}x{height}."
        )
    depths = np.stack([_filled(levels), levels > 0], axis=2)
    crops = []
    for scale in scales:
        scaled = reduced(pixels, scale)
        crops += squares(np.concatenate([scaled, _picked(depths, scaled.shape[:2])], axis=2), side_px)
    return [crop[..., :4] * np.array([1, 1, 1, crop[..., 4].mean() >= 0.5], np.uint8) for crop in crops]


def _filled(levels: Array) -> Array:
    """Levels with unknown ones, 0, replaced by the nearest known one."""
    from scipy.ndimage import distance_transform_edt

    if not levels.any():
        return levels
    return levels[tuple(distance_transform_edt(levels == 0, return_distances=False, return_indices=True))]


def _picked(pixels: Array, shape: Sequence[int]) -> Array:
    """(H, W, C) at another size, by the pixel nearest to the centre of every new pixel."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(shape, pixels.shape[:2], strict=True)
    )
    return pixels[rows[:, None], columns]


def _disparity(path: Path) -> Array:
    with refusing(str(path)):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                values = file[file.files[0]]
        else:
            values = np.load(path, allow_pickle=False)
    if values.ndim != 2 or values.dtype.kind not in "fu":
        raise InputError(f"{path} holds {values.dtype} numbers of shape {values.shape}; expected a disparity, (H, W).")
    return values.astype(np.float32)
