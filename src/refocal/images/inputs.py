"""Conversion of the kinds of image that ``refocal.deblur`` takes to the float image of the methods, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refocal.images.io import Photo, encode, from_float, read, to_float
from refocal.images.pillow_info import pillow_info
from refocal.types import Array, Image, InputError

GiveBack = Callable[[Image], Any]
"""Converts a restored (C, H, W) to the kind of image that was given."""

KINDS = "a path, bytes, a PIL image, or an array (H, W[, C]) of uint8, uint16 or float"

# Pillow's modes as far as they hold photos, and the mode each is read in.
PIL_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "P": "RGB", "PA": "RGBA", "I;16": "I;16"}


def open_picture(picture: Any) -> tuple[Image, GiveBack]:
    """Convert an image of any kind to (1 or 3, H, W) float32 in [0, 1], and return the conversion back.

    Raises:
        InputError: If it holds no photo.
    """
    if isinstance(picture, (str, Path, bytes)):
        photo = read(picture)
        return to_float(photo.pixels), lambda image: _file_kind(picture, _with_pixels(photo, image))
    if isinstance(picture, np.ndarray):
        return _open_array(picture)
    if hasattr(picture, "getbands") and hasattr(picture, "convert"):
        return _open_pil(picture)
    raise InputError(f"Give {KINDS}, not {type(picture).__name__}.")


def _file_kind(source: str | Path | bytes, photo: Photo) -> Any:
    if isinstance(source, bytes):
        return encode(photo)
    if photo.pixels.dtype == np.uint16:  # Pillow cannot hold 16-bit colour
        return photo.samples()
    from PIL import Image as PilImage

    restored = PilImage.fromarray(photo.samples())
    restored.info = pillow_info(photo.metadata)
    return restored


def _with_pixels(photo: Photo, image: Image) -> Photo:
    return replace(photo, pixels=from_float(image, photo.pixels.dtype))


def _open_array(array: Array) -> tuple[Image, GiveBack]:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or 0 in array.shape:
        raise InputError(f"Give an array (height, width) or (height, width, 1 to 4), not {array.shape}.")
    colours = 3 if channels >= 3 else 1
    planes = array.reshape(*array.shape[:2], channels)
    if array.dtype in (np.uint8, np.uint16):
        image = to_float(planes[..., :colours])
    elif array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InputError("Give a floating-point image with finite values from 0 to 1.")
        image = np.ascontiguousarray(np.moveaxis(planes[..., :colours], -1, 0), np.float32)
    else:
        raise InputError(f"Give an image of uint8, uint16 or float, not {array.dtype}.")

    def give_back(restored: Image) -> Array:
        out = planes.copy()
        if array.dtype.kind == "f":
            out[..., :colours] = np.moveaxis(restored, 0, -1)
        else:
            out[..., :colours] = from_float(restored, array.dtype)
        return out.reshape(array.shape)

    return image, give_back


def _open_pil(picture: Any) -> tuple[Image, GiveBack]:
    from PIL import Image as PilImage

    if picture.mode not in PIL_MODES:
        raise InputError(f"A PIL image of mode {picture.mode} cannot be restored: convert it to RGB first.")
    mode = "RGBA" if picture.mode == "P" and "transparency" in picture.info else PIL_MODES[picture.mode]
    image, give_back = _open_array(np.asarray(picture if picture.mode == mode else picture.convert(mode)))

    def give_back_pil(restored: Image) -> Any:
        out = PilImage.fromarray(give_back(restored))
        out.info = {key: value for key, value in picture.info.items() if key != "transparency"}
        return out

    return image, give_back_pil
