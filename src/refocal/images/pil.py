"""PIL images of every mode that holds a photo, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refocal.images.array_pixels import open_array
from refocal.images.metadata import Metadata
from refocal.images.no_data import has_data, kept_apart
from refocal.images.opened import Opened, space_of
from refocal.types import Array, Image, InputError

# Pillow's modes as far as they hold photos -> the mode each is read in, that of the result.
_READ_AS = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "P": "RGB", "PA": "RGBA"}
# One colour of these may be transparent, by an entry of `info`: the result has an alpha channel, as restored colours
# may become that colour, or stop being it.
_WITH_ALPHA = {"1": "LA", "L": "LA", "RGB": "RGBA", "P": "RGBA"}
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_CONVERTIBLE = ("CMYK", "YCbCr", "HSV", "RGBX")
_MAX_16_BIT = 65535


def open_pil(picture: Any) -> tuple[Opened, Callable[[Image], Any]]:
    """Convert a PIL image; its ICC profile, or its gamma where it has no profile, is its colour space.

    The result has the mode of the image; palettes become RGB, 1 bit becomes grey, and one transparent colour becomes an
    alpha channel. Grey of the modes I and I;16 has 16 bits, and F holds values from 0 to 1.

    Raises:
        InputError: If the mode holds no photo, or its values are out of range.
    """
    mode, info = picture.mode, picture.info.copy()
    if 0 in picture.size:
        raise InputError(f"Give a PIL image with pixels, not one of {picture.width} x {picture.height}.")
    if mode in ("I", "F", *_DEEP_GREY):
        return _open_grey(picture)
    if mode in _PREMULTIPLIED:
        read_as = _PREMULTIPLIED[mode]
    elif mode in _WITH_ALPHA and _is_key(info.get("transparency"), mode):
        del info["transparency"]
        read_as = _WITH_ALPHA[mode]
    elif mode == "P" and picture.has_transparency_data:  # a palette of RGBA
        read_as = "RGBA"
    elif mode in _READ_AS:
        read_as = _READ_AS[mode]
    else:
        advice = "convert it to RGB first" if mode in _CONVERTIBLE else "give it as RGB"
        raise InputError(f"A PIL image of mode {mode} cannot be restored: {advice}.")
    pixels = np.asarray(picture if mode == read_as else picture.convert(read_as))
    opened, give_back = open_array(pixels, partial(_space, picture))

    def give_back_pil(restored: Image) -> Any:
        out = _from_array(give_back(restored), info)
        return out.convert(mode) if mode in _PREMULTIPLIED else out

    return opened, give_back_pil


def _is_key(value: Any, mode: str) -> bool:
    """Whether an entry "transparency" of ``info`` has the type that it has in this mode."""
    kinds: dict[str, Any] = {"P": (int, bytes), "RGB": tuple}
    return isinstance(value, kinds.get(mode, int))


def _open_grey(picture: Any) -> tuple[Opened, Callable[[Image], Any]]:
    """Grey of more than 8 bits: converting it to RGB would cut it off at 255."""
    values = np.asarray(picture)
    if picture.mode == "I":
        if values.min() < 0 or values.max() > _MAX_16_BIT:
            raise InputError(
                f"A PIL image of mode I holds grey from 0 to {_MAX_16_BIT}, not from {values.min()} to {values.max()}."
            )
        values = values.astype(np.uint16)
    key = picture.info.get("transparency")
    if not _is_key(key, "L") or picture.mode == "F":
        opened, give_back = open_array(values, partial(_space, picture))
    else:  # Pillow has no 16-bit grey with alpha: the transparent grey stays one
        data = has_data(values[..., None], key)
        opened, give_back = open_array(np.dstack([values, np.where(data, _MAX_16_BIT, 0)]).astype(values.dtype))

    def give_back_pil(restored: Image) -> Any:
        grey = give_back(restored)
        if grey.ndim == 3:
            grey = kept_apart(grey[..., :1], key, data)[..., 0]
        return _from_array(grey.astype(np.int32) if picture.mode == "I" else grey, picture.info)

    return opened, give_back_pil


def _from_array(pixels: Array, info: Any) -> Any:
    from PIL import Image as PilImage

    out = PilImage.fromarray(pixels)
    out.info = info.copy()
    return out


def _space(picture: Any, channels: int) -> Any:
    """The colour space for this number of channels."""
    info, chunks = picture.info, []
    if "srgb" in info:
        chunks.append((b"sRGB", b"\0"))
    if isinstance(gamma := info.get("gamma"), (int, float)) and gamma > 0:
        chunks.append((b"gAMA", round(gamma * 100000).to_bytes(4, "big")))
        if len(corners := info.get("chromaticity", ())) == 8:
            chunks.append((b"cHRM", b"".join(round(value * 100000).to_bytes(4, "big") for value in corners)))
    icc = info.get("icc_profile")
    return space_of(Metadata(icc=icc if isinstance(icc, bytes) else None, chunks=tuple(chunks)), channels)
