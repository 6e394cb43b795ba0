"""The settings of a batch: what holds for every photo."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from refocal.images.colour import luma
from refocal.images.io import read, to_float
from refocal.types import Array, Deblurrer, InputError


@dataclass(frozen=True, eq=False)
class Settings:
    """Settings for every photo of a batch.

    Attributes:
        name: Name of the method.
        method: The method itself, or its name.
        radius_px: The radius of a uniform blur, if it is given.
        map_px: The radius of every pixel (H, W), if it is given.
        estimator: The name of the estimator, if it is given.
        strength: 0 keeps the photo, 1 restores it fully.
        mask: (H, W) in [0, 1], 1 where the photo is restored.
        tile_px: Side of the tiles, if it is given.
        overwrite: Replace files that exist.
    """

    name: str = "default"
    method: str | Deblurrer = "default"
    radius_px: float | None = None
    map_px: Array | None = None
    estimator: str | None = None
    strength: float = 1.0
    mask: Array | None = None
    tile_px: int | None = None
    overwrite: bool = False


def options_of(settings: Settings) -> dict[str, Any]:
    """The options of the method, by name; empty for a method without any."""
    return asdict(settings.method) if is_dataclass(settings.method) else {}


def read_mask(path: str | Path) -> Array:
    """Read an image as a mask (H, W) in [0, 1]: white is restored, black is kept, and so is what is transparent."""
    photo = read(path)
    if photo.damaged:
        raise InputError(f"{path}: {' '.join(photo.notes)} A mask must be whole.")
    mask: Array = luma(to_float(photo.pixels))[0]
    return mask if photo.alpha is None else mask * to_float(photo.alpha)[0]
