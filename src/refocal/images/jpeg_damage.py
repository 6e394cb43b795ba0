"""JPEG files that are damaged or end too early: what libjpeg warns of, and how many rows are whole.

libjpeg only warns of damage and fills what is missing with grey, and Pillow drops the warnings; simplejpeg reports
them. How far the data suffice is found by decoding: bytes that follow the picture's data change nothing in a whole
picture, but a decoder that lacks data takes them instead. The first row that they change is the first that isn't whole.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from refocal.images.limits import Unsupported
from refocal.types import Array

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

_END = b"\xff\xd9"
_SOS, _EOI = 0xDA, 0xD9
_METADATA = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))  # all APPn but JFIF's and Adobe's, and COM
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))  # sequential and progressive, by Huffman or arithmetic coding
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_FURTHER_DATA = bytes(range(1, 128)) * 64  # without 0xFF, which begins a marker
_RESTARTS = (b"", *(bytes((0xFF, number)) for number in range(0xD0, 0xD8)))  # one of them is what a decoder waits for
_COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)  # in image data 0xFF 0x00 is a value 0xFF
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # Pillow's mode: simplejpeg's colour space
# libjpeg's warnings begin so; its other messages are about kinds of JPEG that it doesn't decode.
_WARNINGS = ("Corrupt JPEG data", "Premature end", "Inconsistent progression", "Invalid SOS")
_PADDING = "extraneous bytes before marker 0xd9"


@dataclass(frozen=True, eq=False)
class Ending:
    """A JPEG file whose first picture has an end marker.

    Attributes:
        data: The file's bytes, with an end marker added where it was missing.
        place: Where the end marker of the first picture begins.
        added: Whether it was missing.
        passes: Whether all passes are there, that is every coefficient of every component to its last bit.
        scans: Number of passes.
        beside: Where segments with metadata begin and end, of which libjpeg may warn, too.
    """

    data: bytes
    place: int
    added: bool
    passes: bool
    scans: int
    beside: tuple[tuple[int, int], ...] = ()

    @property
    def picture(self) -> bytes:
        """The first picture without its end marker and without metadata."""
        starts = (0, *(stop for _, stop in self.beside))
        stops = (*(start for start, _ in self.beside), self.place)
        return b"".join(self.data[start:stop] for start, stop in zip(starts, stops, strict=True))


def with_end(data: bytes) -> Ending:
    """Find the end of the first picture, or add an end marker behind the file."""
    place, scans, beside = 2, list[bytes](), list[tuple[int, int]]()
    frame = b""
    while found := _MARKER.search(data, place):
        kind, place = found[1][0], found.end()
        if kind == _EOI:
            return Ending(data, place - 2, False, _all_there(frame, scans), len(scans), tuple(beside))
        if kind in _BARE:
            continue
        if place + 2 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, place)
        if kind == _SOS:
            scans.append(data[place + 2 : place + length])
        elif kind in _FRAMES:
            frame = data[place + 2 : place + length]
        elif kind in _METADATA and not scans and place + length <= len(data):
            beside.append((found.start(), place + length))
        place += length
    whole = data.rstrip(b"\xff")
    return Ending(whole + _END, len(whole), True, _all_there(frame, scans), len(scans), tuple(beside))


def load(ending: Ending) -> tuple[JpegImageFile, Array]:
    """The first picture as Pillow opens it, and its pixels; of a damaged one what can be decoded.

    Raises:
        Exception: What Pillow raises, if nothing can be decoded.
    """
    from io import BytesIO

    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(BytesIO(ending.data))
    try:
        picture.load()
    except OSError:  # at some places of a cut, Pillow gives up where libjpeg doesn't
        if picture.mode == "CMYK":
            raise
        pixels = _decoded(ending.picture + _END, picture.mode)
        if pixels is None:
            raise
        return picture, pixels
    return picture, np.asarray(picture)


def damage(ending: Ending, mode: str, rows: int) -> str:
    """A sentence about what is missing of the picture, or damaged in it; empty if it is whole.

    Args:
        ending: From ``with_end``.
        mode: Pillow's mode of the picture.
        rows: Rows of the picture.

    Raises:
        Unsupported: If not even a row of a picture in one pass is whole.
    """
    if not ending.passes:
        return "The file ends too early: its last passes are missing, so the photo has less detail than it had."
    picture = ending.picture
    if not _warning(picture, mode):
        return ""
    whole = _whole_rows(picture, mode)
    if whole == 0 and ending.scans > 1:
        return "The file ends too early: its last pass is incomplete, so the photo has less detail than it had."
    if whole == 0:
        raise Unsupported("is cut off, no row of its picture is whole")
    if whole is None:
        return "The file's data are damaged, so parts of the photo may be wrong."
    return f"The file ends too early: the first {whole} of {rows} rows are whole, the rest is missing."


def _warning(picture: bytes, mode: str) -> str:
    """What libjpeg warns of; empty if of nothing, or only of zeros between the data and the end marker."""
    found = _complaint(picture, mode)
    return _complaint(picture.rstrip(b"\0"), mode) if _PADDING in found else found


def _complaint(picture: bytes, mode: str) -> str:
    from simplejpeg import decode_jpeg

    try:
        decode_jpeg(picture + _END, colorspace=_SPACES[mode], strict=True)
    except ValueError as error:
        return str(error) if str(error).startswith(_WARNINGS) else ""
    return ""


def _whole_rows(picture: bytes, mode: str) -> int | None:
    """The first row that further data change; None if they change nothing."""
    pixels = _decoded(picture + _END, mode)
    if pixels is None:
        return None
    changed = []
    for restart in _RESTARTS:
        again = _decoded(picture + restart + _FURTHER_DATA + _END, mode)
        if again is not None and (differs := (again != pixels).reshape(len(pixels), -1).any(axis=1)).any():
            changed.append(int(differs.argmax()))
    return min(changed, default=None)


def _decoded(data: bytes, mode: str) -> Array | None:
    from simplejpeg import decode_jpeg

    try:
        pixels: Array = decode_jpeg(data, colorspace=_SPACES[mode], strict=False)
    except ValueError:
        return None
    return pixels[..., 0] if mode == "L" else pixels


def _all_there(frame: bytes, scans: list[bytes]) -> bool:
    """Whether the passes bring every coefficient of the frame's components (ITU-T T.81, B.2.2, B.2.3 and G.1.1.1)."""
    lowest_bit: dict[tuple[int, int], int] = {}
    for head in scans:
        if len(head) < 1 or len(head) < 1 + 2 * head[0] + 3:
            continue
        first, last, bits = head[1 + 2 * head[0] :][:3]
        for component in head[1 : 1 + 2 * head[0] : 2]:
            for coefficient in range(first, min(last, _COEFFICIENTS - 1) + 1):
                lowest_bit[component, coefficient] = bits & 15
    components = frame[6::3][: frame[5]] if len(frame) > 5 else b""  # none of a lossless picture
    return all(lowest_bit.get((c, k), 1) == 0 for c in components for k in range(_COEFFICIENTS))
