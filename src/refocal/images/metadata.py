"""Metadata of a photo: EXIF, colour profile, XMP, resolution, orientation."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from refocal.types import Array

if TYPE_CHECKING:
    from PIL.Image import Exif

ORIENTATION_TAG = 0x0112  # Exif 2.32, table 4
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005

# The tags of a TIFF file's first directory that describe the photo rather than its storage: those Exif 2.32 (table 4)
# gives to IFD0, Windows' XP* and the rating. Resolution travels in Metadata.dpi, XMP and ICC in their own fields.
DESCRIPTIVE_TAGS = frozenset(
    (0x010E, 0x010F, 0x0110, ORIENTATION_TAG, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298)
    + (0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, EXIF_IFD, GPS_IFD)
)

# Clockwise quarter turns after an optional left-right flip, for each value of the tag (Exif 2.32, section 4.6.4.A).
_FLIP_AND_TURNS = {1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 1)} | {
    7: (True, 1),
    8: (False, 3),
}


@dataclass(frozen=True)
class Metadata:
    r"""Metadata carried from the file read to the file written, whatever their formats.

    Attributes:
        exif: The EXIF block: a small TIFF file, without the leading ``Exif\0\0`` of JPEG.
        icc: The colour profile; ``None`` means sRGB.
        xmp: The XMP packet (UTF-8 XML).
        dpi: Pixels per inch, horizontally and vertically.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def sane_dpi(horizontal: float, vertical: float) -> tuple[float, float] | None:
    """The resolution in pixels per inch, or None when a file's values are invalid (JPEG holds 1 to 65535)."""
    return (float(horizontal), float(vertical)) if 1 <= horizontal <= 65535 and 1 <= vertical <= 65535 else None


def upright(metadata: Metadata) -> tuple[int, Metadata]:
    """The orientation (1 to 8), and the metadata of the photo once its pixels are turned by it.

    The EXIF bytes are patched in place rather than written anew, so that maker notes, whose offsets count from the
    start of the block, stay whole. The orientation becomes 1, in the XMP packet too, and the thumbnail, which shows
    the photo unrestored, is unlinked. EXIF that can't be followed is kept as it is.
    """
    if metadata.exif is None:
        return 1, metadata
    exif = bytearray(metadata.exif)
    orientation = 1
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(exif[:2])]
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == ORIENTATION_TAG and kind == 3 and value in _FLIP_AND_TURNS:
                orientation = value
                struct.pack_into(order + "H", exif, entry + 8, 1)
        struct.pack_into(order + "I", exif, start + 2 + 12 * count, 0)  # no next directory: the thumbnail's
    except (KeyError, struct.error):
        pass  # a block cut off: the part before the end was read
    xmp = metadata.xmp
    if orientation != 1 and xmp is not None:
        xmp = re.sub(rb'(tiff:Orientation(?:="|>))[2-8]', rb"\g<1>1", xmp)
    return orientation, Metadata(bytes(exif), metadata.icc, xmp, metadata.dpi)


def turn(pixels: Array, orientation: int) -> Array:
    """Turn and flip (H, W[, C]) so that the photo stands upright; ``orientation`` as in EXIF, 1 to 8."""
    flip, quarters = _FLIP_AND_TURNS[orientation]
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if flip else pixels, -quarters))


def exif_from_tiff(stream: BinaryIO, offset: int, order: str, big: bool) -> tuple[bytes | None, int]:
    """Gather the descriptive tags of a TIFF file's directory at ``offset`` into an EXIF block, if there are any.

    Returns:
        The block, and how many tags (or a whole directory, counted once) could not be taken over.
    """
    from PIL.Image import Exif

    found = Exif()
    found.endian, found.bigtiff = order, big
    tags, dropped = _descriptive(found, lambda: found.load_from_fp(stream, offset))
    if not tags:
        return None, dropped
    block = Exif()
    for tag, value in tags.items():
        block[tag] = value
    return block.tobytes().removeprefix(b"Exif\0\0"), dropped


def tiff_tags(exif: bytes) -> tuple[dict[int, Any], int]:
    """The descriptive tags of an EXIF block for a TIFF file's directory, and how many could not be taken over.

    Directories within (Exif, GPS) are dictionaries. A maker note is carried as bytes; makers who count its offsets
    from the start of the file can't follow them any more. A directory that can't be parsed gives no tags.
    """
    from PIL.Image import Exif

    block = Exif()
    return _descriptive(block, lambda: block.load(b"Exif\0\0" + exif))


def _descriptive(exif: Exif, load: Callable[[], None]) -> tuple[dict[int, Any], int]:
    """Load; then the tags of ``DESCRIPTIVE_TAGS`` that can be written again, and the number of those that can't."""
    tags: dict[int, Any] = {}
    dropped = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load()
        except Exception:  # Pillow meets broken directories with many types; the caller reports the loss
            return {}, 1
        for tag in DESCRIPTIVE_TAGS.intersection(exif):
            try:
                value = exif.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else exif[tag]
            except Exception:
                dropped += 1
                continue
            if isinstance(value, dict):
                inner = {key: item for key, item in value.items() if key != INTEROP_IFD}
                value = {key: item for key, item in inner.items() if _can_be_written(key, item, tag)}
                dropped += len(inner) - len(value)
            elif not _can_be_written(tag, value, None):
                dropped += 1
                continue
            if value != {}:
                tags[tag] = value
    return tags, dropped


def _can_be_written(tag: int, value: Any, group: int | None) -> bool:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(group=group)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            directory[tag] = value
            directory.tobytes()
        except Exception:  # in a broken file, a value may have a type or length that its tag can't have
            return False
    return True
