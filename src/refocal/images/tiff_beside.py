"""What stands beside the picture in a TIFF file: IPTC, tags about the place on the map, and what can't be kept."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from refocal.images import photoshop
from refocal.images.left_out import listing, sentences
from refocal.images.metadata import Metadata
from refocal.images.tiff_exif import DESCRIPTIVE_TAGS

XMP, ICC = 700, 34675
_IPTC, _PHOTOSHOP, _LAYERS, _SUB_PICTURES, _PADDING = 33723, 34377, 37724, 330, 59932
# GeoTIFF 1.1: ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams;
# GDAL's metadata and the value of missing pixels.
_PLACE = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)
_READ = frozenset((XMP, ICC, _IPTC, _PHOTOSHOP, _LAYERS, _PADDING, *_PLACE)) | DESCRIPTIVE_TAGS
_FIRST_PRIVATE = 32768  # TIFF 6.0, section 2: below are the tags of the format itself
_MASK = 4
_BYTES, _ASCII, _LONG, _UNDEFINED = 1, 2, 4, 7
_LAYOUTS = {_BYTES: "s", _ASCII: "s", 3: "H", _LONG: "I", _UNDEFINED: "s", 12: "d"}  # of the types that are kept


def with_beside(metadata: Metadata, file: Any, page: Any) -> tuple[Metadata, tuple[str, ...]]:
    """Add to a photo's EXIF, profile and XMP what else its TIFF file holds and can be kept.

    Args:
        metadata: As the decoder found it.
        file: The open file (tifffile's).
        page: Its first page.

    Returns:
        The metadata, and a sentence about each kind of content that is left out.
    """
    codes = _codes(file, page.offset)
    kinds = set[str]()
    block = _raw(file, page, _PHOTOSHOP)
    if block:
        block, kinds = photoshop.kept(block)
    record = _raw(file, page, _IPTC)
    if record and photoshop.iptc_record(block or b"") is None:
        block = photoshop.with_iptc_record(block or b"", record)
    kinds = kinds | {kind for tag, kind in ((ICC, "profile"), (XMP, "XMP")) if tag in codes and tag not in page.tags}
    if any(tag in codes and tag not in page.tags for tag in (_IPTC, _PHOTOSHOP)):
        kinds.add("IPTC")
    if _LAYERS in codes:
        kinds.add("layers")
    if _SUB_PICTURES in codes:
        kinds.add("pictures")
    if any(other.subfiletype & _MASK for other in islice(file.pages, 1, 8)):
        kinds.add("mask")
    place = tuple((tag, page.tags[tag].dtype, _value(file, page, tag)) for tag in _PLACE if tag in page.tags)
    kept = replace(metadata, iptc=block, tiff_tags=tuple(one for one in place if one[2] is not None))
    notes = sentences(kinds)
    unknown = [str(code) for code in codes if code >= _FIRST_PRIVATE and code not in _READ]
    unknown += [str(code) for code, _, value in place if value is None]
    if unknown:
        notes += (f"Tags of the TIFF that refocal doesn't know were left out: {listing(unknown)}.",)
    return kept, notes


def tags_beside(metadata: Metadata) -> list[tuple[int, int, Any]]:
    """The tags that ``tiff.encode`` adds: code, type and value, as Pillow's directory takes them."""
    tags: list[tuple[int, int, Any]] = list(metadata.tiff_tags)
    if metadata.iptc:
        tags.append((_PHOTOSHOP, _BYTES, metadata.iptc))
        if record := photoshop.iptc_record(metadata.iptc):
            tags.append((_IPTC, _UNDEFINED, record))  # a copy, for readers that look only here
    return tags


def _codes(file: Any, offset: int) -> list[int]:
    """The codes of all tags in the directory, also of those whose value lies outside the file."""
    count_layout, size = ("Q", 20) if file.is_bigtiff else ("H", 12)
    order, head = file.byteorder, struct.calcsize("<" + count_layout)
    file.filehandle.seek(offset)
    (count,) = struct.unpack(order + count_layout, file.filehandle.read(head))
    entries = file.filehandle.read(min(count, 65535) * size)
    return [struct.unpack_from(order + "H", entries, at)[0] for at in range(0, len(entries) - size + 1, size)]


def _raw(file: Any, page: Any, tag: int) -> bytes | None:
    """A tag's bytes as they are in the file, whatever its type."""
    if tag not in page.tags or page.tags[tag].dtype not in _LAYOUTS:
        return None
    found = page.tags[tag]
    file.filehandle.seek(found.valueoffset)
    data: bytes = file.filehandle.read(found.count * struct.calcsize("<" + _LAYOUTS[found.dtype]))
    return data or None


def _value(file: Any, page: Any, tag: int) -> bytes | tuple[int | float, ...] | None:
    """Bytes, or the numbers that they hold; None for a type that is not kept."""
    data = _raw(file, page, tag)
    if data is None:
        return None
    kind = page.tags[tag].dtype
    if _LAYOUTS[kind] == "s":
        return data.removesuffix(b"\0") if kind == _ASCII else data
    return struct.unpack(f"{file.byteorder}{page.tags[tag].count}{_LAYOUTS[kind]}", data)


def alpha_index(kinds: Iterable[int]) -> int | None:
    """Which of the extra samples is transparency: the first that is named so (1: premultiplied, 2: straight)."""
    return next((index for index, kind in enumerate(kinds) if kind in (1, 2)), None)
