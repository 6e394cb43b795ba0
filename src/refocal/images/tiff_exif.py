"""EXIF between a TIFF file, where it is spread over the file's own directories, and a block of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from refocal.images.exif import EXIF_IFD, ORIENTATION_TAG

if TYPE_CHECKING:
    from PIL.Image import Exif

GPS_IFD, INTEROP_IFD = 0x8825, 0xA005

# The tags of a TIFF file's first directory that describe the photo rather than its storage: those Exif 2.32 (table 4)
# gives to IFD0, Windows' XP* and the rating. Resolution travels in Metadata.dpi, XMP and ICC in their own fields.
DESCRIPTIVE_TAGS = frozenset(
    (0x010E, 0x010F, 0x0110, ORIENTATION_TAG, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298)
    + (0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, EXIF_IFD, GPS_IFD)
)


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
