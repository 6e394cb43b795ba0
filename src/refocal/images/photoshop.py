"""Photoshop's image resources, which hold IPTC: in JPEG's APP13 segments and in TIFF's tag 34377, the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from refocal.images.orientation import swaps_sides

# Numbers of resources: Adobe, "Photoshop File Formats Specification", section "Image Resource IDs".
_RESOLUTION, _IPTC = 0x03ED, 0x0404
_PREVIEWS = (0x0409, 0x040C)
_ELSEWHERE = (0x040F, 0x0422, 0x0423, 0x0424)  # copies of the profile, EXIF (two numbers) and XMP
_SIGNATURES = (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR")


class Resource(NamedTuple):
    """One resource: its number, all its bytes, and its data within them."""

    number: int
    whole: bytes
    data: bytes


def resources(block: bytes) -> tuple[list[Resource], bool]:
    """The resources of a block up to its end, and whether they are whole; what follows a broken one is lost."""
    found = list(_resources(block))
    return found, not block[sum(len(one.whole) for one in found) :].strip(b"\0")


def kept(block: bytes) -> tuple[bytes | None, set[str]]:
    """The block without previews and without copies of what travels elsewhere.

    Returns:
        The block, None if nothing remains; keys of ``left_out.SENTENCES``.
    """
    found, whole = resources(block)
    kinds = set() if whole else {"IPTC"}
    if any(one.number in _PREVIEWS for one in found):
        kinds.add("previews")
    rest = b"".join(one.whole for one in found if one.number not in _PREVIEWS + _ELSEWHERE)
    return rest or None, kinds


def turned(block: bytes, orientation: int) -> tuple[bytes | None, set[str]]:
    """The block of a photo that is turned: without paths, guides and slices, its two resolutions exchanged.

    Returns:
        The block, None if nothing remains; keys of ``left_out.SENTENCES``.
    """
    found, _ = resources(block)
    rest = [one for one in found if not _holds_places(one.number)]
    parts = []
    for one in rest:
        whole = one.whole
        if one.number == _RESOLUTION and len(one.data) == 16 and swaps_sides(orientation):
            whole = whole[:-16] + one.data[8:] + one.data[:8]
        parts.append(whole)
    return b"".join(parts) or None, {"paths"} if len(rest) < len(found) else set()


def iptc_record(block: bytes) -> bytes | None:
    """The IPTC record (IIM datasets) in the block."""
    return next((one.data for one in resources(block)[0] if one.number == _IPTC), None)


def with_iptc_record(block: bytes, record: bytes) -> bytes:
    """The block with an IPTC record added to it."""
    padding = b"\0" * (len(record) % 2)
    return block + b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(record)) + record + padding


def _holds_places(number: int) -> bool:
    return number in (0x0408, 0x041A) or 0x07D0 <= number <= 0x0BB6  # guides, slices, paths


def _resources(block: bytes) -> Iterator[Resource]:
    start = 0
    while block[start : start + 4] in _SIGNATURES and start + 7 <= len(block):
        (number,) = struct.unpack_from(">H", block, start + 4)
        size_at = start + 6 + (1 + block[start + 6] + 1) // 2 * 2  # after a name, its length before it, padded
        if size_at + 4 > len(block):
            return
        (size,) = struct.unpack_from(">I", block, size_at)
        data_end = size_at + 4 + size
        if data_end > len(block):
            return
        end = data_end + size % 2
        yield Resource(number, block[start:end].ljust(end - start, b"\0"), block[size_at + 4 : data_end])
        start = end
