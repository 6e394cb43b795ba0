"""An EXIF block that follows its photo when that is turned: patched in place, so that maker notes stay whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from refocal.images.orientation import FLIP_AND_TURNS, swaps_sides, turn_subject

ORIENTATION_TAG = 0x0112  # Exif 2.32, table 4
EXIF_IFD = 0x8769
_SHORT, _LONG = 3, 4
_PIXEL_SIZE = (0xA002, 0xA003)
# A horizontal and a vertical value each, with no tag between: image size, resolution; size and focal-plane resolution.
_PAIRS = ((0x0100, 0x0101), (0x011A, 0x011B), _PIXEL_SIZE, (0xA20E, 0xA20F))
_SUBJECT_TAGS = (0x9214, 0xA214)  # SubjectArea, SubjectLocation (Exif 2.32, tables 7 and 8)


def upright_exif(block: bytes, size: tuple[int, int]) -> tuple[int, bytes]:
    """The orientation of a photo of ``size`` (width, height), and its EXIF once the pixels are turned by it.

    Orientation becomes 1; sizes, resolutions and the subject's place are turned. The thumbnail, which shows the photo
    unrestored, is unlinked. Nothing is written anew, as the offsets within a maker note count from the start of the
    block. A block that can't be followed is kept as it is, and one cut off is changed as far as it goes.
    """
    exif = bytearray(block)
    orientation = 1
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(exif[:2])]
        (start,) = struct.unpack_from(order + "I", exif, 4)
        main = tuple(_entries(exif, order, start))
        inner = tuple(entry for at in _inner(exif, order, main) for entry in _entries(exif, order, at))
        for tag, at in main:
            kind, _, value = struct.unpack_from(order + "HIH", exif, at + 2)
            if tag == ORIENTATION_TAG and kind == _SHORT and value in FLIP_AND_TURNS:
                orientation = value
                struct.pack_into(order + "H", exif, at + 8, 1)
        # The subject's place counts in the size that EXIF states: before the swap below.
        for tag, at in inner:
            if tag in _SUBJECT_TAGS:
                _turn_numbers(exif, order, at, _stated_size(exif, order, dict(inner)) or size, orientation)
        if swaps_sides(orientation):
            for entries in (dict(main), dict(inner)):
                _swap_pairs(exif, order, entries)
        (count,) = struct.unpack_from(order + "H", exif, start)
        struct.pack_into(order + "I", exif, start + 2 + 12 * count, 0)  # no next directory: the thumbnail's
    except (KeyError, struct.error):
        pass  # a block cut off: the part before the end was read
    return orientation, bytes(exif)


def _entries(exif: bytearray, order: str, start: int) -> Iterator[tuple[int, int]]:
    """The entries of the directory at ``start``: tag and offset."""
    (count,) = struct.unpack_from(order + "H", exif, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        yield struct.unpack_from(order + "H", exif, at)[0], at


def _inner(exif: bytearray, order: str, main: tuple[tuple[int, int], ...]) -> list[int]:
    """Offsets of the Exif directory: one, or none if it lies outside the block."""
    found = [struct.unpack_from(order + "I", exif, at + 8)[0] for tag, at in main if tag == EXIF_IFD]
    return [at for at in found[:1] if at + 2 <= len(exif)]


def _stated_size(exif: bytearray, order: str, entries: dict[int, int]) -> tuple[int, int] | None:
    stated = []
    for tag in _PIXEL_SIZE:
        kind = struct.unpack_from(order + "H", exif, entries[tag] + 2)[0] if tag in entries else 0
        if kind not in (_SHORT, _LONG):
            return None
        stated.append(struct.unpack_from(order + ("H" if kind == _SHORT else "I"), exif, entries[tag] + 8)[0])
    return (stated[0], stated[1]) if min(stated) > 0 else None


def _turn_numbers(exif: bytearray, order: str, entry: int, size: tuple[int, int], orientation: int) -> None:
    kind, count, place = struct.unpack_from(order + "HII", exif, entry + 2)
    if kind != _SHORT or not 2 <= count <= 4:
        return
    at = entry + 8 if count == 2 else place
    layout = f"{order}{count}H"
    if at + struct.calcsize(layout) <= len(exif):
        struct.pack_into(layout, exif, at, *turn_subject(struct.unpack_from(layout, exif, at), size, orientation))


def _swap_pairs(exif: bytearray, order: str, entries: dict[int, int]) -> None:
    for first, second in _PAIRS:
        if first in entries and second in entries:
            one, two = (slice(entries[tag] + 2, entries[tag] + 12) for tag in (first, second))
            exif[one], exif[two] = exif[two], exif[one]
        elif first in entries or second in entries:  # alone, it becomes the other; the tags stay in order
            tag = first if first in entries else second
            struct.pack_into(order + "H", exif, entries[tag], first + second - tag)
