"""JPEG files that end too early: how many rows of the picture are whole.

libjpeg fills what is missing with grey and only warns, and Pillow drops the warning. A decoder ignores bytes between
the picture's data and its end marker if the picture is whole; if it isn't, it takes them for the data that is missing.
So the file is decoded a second time with such bytes, and the first row that differs is the first that isn't whole.
"""

from __future__ import annotations

import re
import struct

import numpy as np

from refocal.types import Array

_END = b"\xff\xd9"
_SOS, _EOI = 0xDA, 0xD9
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_FURTHER_DATA = bytes(range(1, 128)) * 64  # without 0xFF, which begins a marker
_GREY, _BLOCK = 128, 8  # what libjpeg fills in for missing blocks, and their side
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)  # in image data 0xFF 0x00 is a value 0xFF


def with_end(data: bytes) -> tuple[bytes, int, bool]:
    """The file with an end marker behind its first picture.

    Returns:
        The file's bytes, where the end marker begins, and whether it was missing.
    """
    place = 2
    while found := _MARKER.search(data, place):
        kind, place = found[1][0], found.end()
        if kind == _EOI:
            return data, place - 2, False
        if kind in _BARE:
            continue
        if place + 2 > len(data):
            break
        place += struct.unpack_from(">H", data, place)[0]
    whole = data.rstrip(b"\xff")
    return whole + _END, len(whole), True


def whole_rows(data: bytes, end: int, pixels: Array, progressive: bool) -> int:
    """The number of rows, from the top, that the file's data suffice for.

    Args:
        data: The file's bytes.
        end: Where the end marker of its first picture begins.
        pixels: (H, W, C), the picture as decoded.
        progressive: Whether the picture is stored in several passes; then a row is whole if no pass lacks it.
    """
    corner = pixels[-_BLOCK:, -_BLOCK:]
    if not progressive and (corner != _GREY).any():
        return len(pixels)  # the last block was there
    again = _decoded(data[:end] + _FURTHER_DATA + _END)
    if again is None or again.shape != pixels.shape:
        return len(pixels)
    differs = (again != pixels).any(axis=(1, 2))
    return int(differs.argmax()) if differs.any() else len(pixels)


def _decoded(data: bytes) -> Array | None:
    from io import BytesIO

    from PIL.JpegImagePlugin import JpegImageFile

    try:
        pixels = np.asarray(JpegImageFile(BytesIO(data)))
    except Exception:  # as ``limits.refusing`` says, decoders raise anything; the picture itself was decoded before
        return None
    return pixels.reshape(*pixels.shape[:2], -1)
