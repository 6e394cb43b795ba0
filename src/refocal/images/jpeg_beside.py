"""What stands beside the picture in a JPEG file: comments, IPTC, extended XMP, further pictures and data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from refocal.images import photoshop, xmp
from refocal.images.jpeg_segments import COMMENT, MAX_PAYLOAD, Segment, behind, segments
from refocal.images.left_out import listing, sentences
from refocal.images.metadata import Metadata

_APP1, _APP2, _APP11, _APP13 = 0xE1, 0xE2, 0xEB, 0xED
_PHOTOSHOP = b"Photoshop 3.0\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENSION_HEAD = len(_EXTENSION) + 32 + 8  # the packet's name, then its length and this part's offset
_PROFILE, _GAIN_MAP = b"ICC_PROFILE\0", b"urn:iso:std:iso:ts:21496"
# Segments that are read elsewhere, that the encoder writes itself, or that hold only how the file was made.
_SILENT = (
    *((0xE0, name) for name in (b"JFIF\0", b"JFXX\0")),
    *((_APP1, name) for name in (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", _EXTENSION)),
    *((_APP2, name) for name in (_PROFILE, b"MPF\0", _GAIN_MAP)),
    *((0xEC, b"Ducky"), (_APP13, _PHOTOSHOP), (_APP13, b"Adobe_CM"), (0xEE, b"Adobe")),
)
# Words in the data behind a photo, its further pictures' own metadata among it, and what they stand for.
_BEHIND = (
    (_GAIN_MAP, "gain map"),
    (b"http://ns.adobe.com/hdr-gain-map/", "gain map"),
    (b"http://ns.apple.com/HDRGainMap/", "gain map"),
    (b"http://ns.apple.com/depthData/", "depth map"),
    (b"http://ns.apple.com/pixeldatainfo/1.0/", "depth map"),
)
_VIDEO = re.compile(rb"\0\0..ftyp", re.DOTALL)  # the first box of an MP4 or QuickTime file, after its length


def with_beside(metadata: Metadata, data: bytes) -> tuple[Metadata, tuple[str, ...]]:
    """Add to a photo's EXIF, profile and XMP what else its JPEG file holds and can be kept.

    Args:
        metadata: As the decoder found it.
        data: The whole file.

    Returns:
        The metadata, and a sentence about each kind of content that is left out.
    """
    found = list(segments(data))
    packet, announced = metadata.xmp, set[str]()
    if packet:
        packet, announced = xmp.without_announcements(packet)
    kinds = set(announced)
    extension, complete = _extension(found, packet)
    if not complete:
        kinds.add("broken extension")
        packet = xmp.without_extension(packet) if packet else None
    block = b"".join(one.payload[len(_PHOTOSHOP) :] for one in found if _is(one, _APP13, _PHOTOSHOP)) or None
    if block:
        block, lost = photoshop.kept(block)
        kinds |= lost
    if metadata.icc is None and any(_is(one, _APP2, _PROFILE) for one in found):
        kinds.add("profile")
    if any(one.marker == _APP11 and b"c2pa" in one.payload for one in found):
        kinds.add("origin")
    kinds |= _kinds_behind(behind(data), found, announced)
    comments = tuple(one.payload for one in found if one.marker == COMMENT)
    kept = replace(metadata, xmp=packet, comments=comments, iptc=block, extended_xmp=extension)
    notes = sentences(kinds)
    if unknown := [_name(one) for one in found if _is_unknown(one, "origin" in kinds)]:
        notes += (f"Segments of the JPEG that refocal doesn't know were left out: {listing(unknown)}.",)
    return kept, notes


def added_segments(metadata: Metadata) -> list[tuple[int, bytes]]:
    """The segments that ``jpeg.encode`` inserts, in their order: extended XMP, IPTC, comments."""
    block, most = metadata.iptc or b"", MAX_PAYLOAD - len(_PHOTOSHOP)
    added = [(_APP1, payload) for payload in metadata.extended_xmp]
    added += [(_APP13, _PHOTOSHOP + block[start : start + most]) for start in range(0, len(block), most)]
    return added + [(COMMENT, comment) for comment in metadata.comments]


def _extension(found: list[Segment], packet: bytes | None) -> tuple[tuple[bytes, ...], bool]:
    """The segments of the extended XMP that the packet names, and whether nothing of it, or of others, is missing."""
    parts = [one.payload for one in found if _is(one, _APP1, _EXTENSION)]
    name = xmp.extension_name(packet) if packet else None
    if not parts and name is None:
        return (), True
    named = [part for part in parts if name and part[len(_EXTENSION) : len(_EXTENSION) + 32] == name]
    if not named or len(named) < len(parts):
        return (), False
    heads = [part[len(_EXTENSION) + 32 : _EXTENSION_HEAD] for part in named]
    covered = 0
    for offset, length in sorted((int.from_bytes(h[4:8], "big"), len(p)) for h, p in zip(heads, named, strict=True)):
        if offset != covered:
            return (), False
        covered += length - _EXTENSION_HEAD
    whole = all(int.from_bytes(head[:4], "big") == covered for head in heads)
    return (tuple(named), True) if whole else ((), False)


def _kinds_behind(rest: bytes, found: Iterable[Segment], announced: set[str]) -> set[str]:
    if not rest.strip(b"\0\xff\r\n "):
        return set()
    kinds = {kind for words, kind in _BEHIND if words in rest}
    if any(_is(one, _APP2, _GAIN_MAP) for one in found):
        kinds.add("gain map")
    if _VIDEO.search(rest):
        kinds.add("video")
    if kinds | announced & {"gain map", "video", "depth map"}:
        return kinds
    return {"pictures" if b"\xff\xd8\xff" in rest else "data"}


def _is(segment: Segment, marker: int, name: bytes) -> bool:
    return segment.marker == marker and segment.payload.startswith(name)


def _is_unknown(segment: Segment, signed: bool) -> bool:
    if not 0xE0 <= segment.marker <= 0xEF or (signed and segment.marker == _APP11):
        return False
    return not any(_is(segment, *known) for known in _SILENT)


def _name(segment: Segment) -> str:
    """Such as "APP3 (Meta)"."""
    word = re.match(rb"[\w :/.-]{2,20}", segment.payload)
    return f"APP{segment.marker - 0xE0}" + (f" ({word[0].decode().strip()})" if word else "")
