"""JPEG files that end too early: how many rows of the picture are whole.

libjpeg fills what is missing with grey and only warns, and Pillow drops the warning. A decoder ignores bytes between
the picture's data and its end marker if the picture is whole; if it isn't, it takes them for the data that is missing.
So the file is decoded a second time with such bytes, and the first row that differs is the first that isn't whole.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np

from refocal.types import Array

_END = b"\xff\xd9"
_SOS, _EOI = 0xDA, 0xD9
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_FURTHER_DATA = bytes(range(1, 128)) * 64  # without 0xFF, which begins a marker
_GREY, _BLOCK = 128, 8  # what libjpeg fills in for missing blocks, and their side
_COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)  # in image data 0xFF 0x00 is a value 0xFF


@dataclass(frozen=True, eq=False)
class Ending:
    """A JPEG file whose first picture has an end marker.

    Attributes:
        data: The file's bytes, with an end marker added where it was missing.
        place: Where the end marker of the first picture begins.
        added: Whether it was missing.
        passes: Whether a progressive picture has all its passes, that is every coefficient to its last bit.
    """

    data: bytes
    place: int
    added: bool
    passes: bool


def with_end(data: bytes) -> Ending:
    """Find the end of the first picture, or add an end marker behind the file."""
    place, lowest_bit = 2, dict[tuple[int, int], int]()
    while found := _MARKER.search(data, place):
        kind, place = found[1][0], found.end()
        if kind == _EOI:
            return Ending(data, place - 2, False, _all_there(lowest_bit))
        if kind in _BARE:
            continue
        if place + 2 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, place)
        if kind == _SOS:
            _note_pass(lowest_bit, data[place + 2 : place + length])
        place += length
    whole = data.rstrip(b"\xff")
    return Ending(whole + _END, len(whole), True, _all_there(lowest_bit))


def whole_rows(ending: Ending, pixels: Array, progressive: bool) -> int:
    """The number of rows, from the top, that the file's data suffice for.

    Args:
        ending: From ``with_end``.
        pixels: (H, W, C), the picture as decoded.
        progressive: Whether the picture is stored in several passes; without the last ones no row is whole.
    """
    if progressive and not ending.passes:
        return 0
    corner = pixels[-_BLOCK:, -_BLOCK:]
    if not progressive and (corner != _GREY).any():
        return len(pixels)  # the last block was there
    again = _decoded(ending.data[: ending.place] + _FURTHER_DATA + _END)
    if again is None or again.shape != pixels.shape:
        return len(pixels)
    differs = (again != pixels).any(axis=(1, 2))
    return int(differs.argmax()) if differs.any() else len(pixels)


def _note_pass(lowest_bit: dict[tuple[int, int], int], head: bytes) -> None:
    """Note the lowest bit that a pass brings for each component and coefficient (ITU-T T.81, B.2.3 and G.1.1.1)."""
    if not head or len(head) < 1 + 2 * head[0] + 3:
        return
    first, last, bits = head[1 + 2 * head[0] :][:3]
    for component in head[1 : 1 + 2 * head[0] : 2]:
        for coefficient in range(first, min(last, _COEFFICIENTS - 1) + 1):
            lowest_bit[component, coefficient] = bits & 15


def _all_there(lowest_bit: dict[tuple[int, int], int]) -> bool:
    components = {component for component, _ in lowest_bit}
    return all(lowest_bit.get((c, k), 1) == 0 for c in components for k in range(_COEFFICIENTS))


def _decoded(data: bytes) -> Array | None:
    from io import BytesIO

    from PIL.JpegImagePlugin import JpegImageFile

    try:
        pixels = np.asarray(JpegImageFile(BytesIO(data)))
    except Exception:  # as ``limits.refusing`` says, decoders raise anything; the picture itself was decoded before
        return None
    return pixels.reshape(*pixels.shape[:2], -1)
