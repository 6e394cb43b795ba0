"""Conversion of the kinds of image that ``refocal.deblur`` takes to the float image of the methods, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refocal.images.array_pixels import open_array
from refocal.images.io import Photo, encode, read
from refocal.images.opened import Opened, open_photo, with_restored
from refocal.images.pillow_info import pillow_info
from refocal.types import Image, InputError

GiveBack = Callable[[Image], Any]
"""Converts a restored (C, H, W) to the kind of image that was given."""

KINDS = "a path, bytes, a PIL image, or an array (H, W[, C]) of uint8, uint16 or float"


def open_picture(picture: Any) -> tuple[Opened, GiveBack, tuple[str, ...]]:
    """Convert an image of any kind to (1 or 3, H, W) float32 in [0, 1].

    Returns:
        The image, the conversion back, and sentences about what reading a file changed or found damaged.

    Raises:
        InputError: If it holds no photo.
    """
    if isinstance(picture, (str, Path, bytes)):
        return _open_file(picture)
    if isinstance(picture, Photo):
        opened = open_photo(picture)
        return opened, lambda restored: with_restored(picture, opened, restored), picture.notes
    if isinstance(picture, np.ndarray):
        return *open_array(picture), ()
    if hasattr(picture, "getbands") and hasattr(picture, "convert"):
        from refocal.images.pil import open_pil

        return *open_pil(picture), ()
    raise InputError(f"Give {KINDS}, not {type(picture).__name__}.")


def _open_file(source: str | Path | bytes) -> tuple[Opened, GiveBack, tuple[str, ...]]:
    photo = read(source)
    opened = open_photo(photo)

    def give_back(restored: Image) -> Any:
        done = with_restored(photo, opened, restored)
        if not isinstance(source, bytes):
            return _as_pil(done)
        return source if photo.may_be_copied(done) else encode(done)

    return opened, give_back, photo.notes


def _as_pil(photo: Photo) -> Any:
    if photo.pixels.dtype == np.uint16:  # Pillow cannot hold 16-bit colour
        return photo.samples()
    from PIL import Image as PilImage

    restored = PilImage.fromarray(photo.samples())
    restored.info = pillow_info(photo.metadata)
    return restored
