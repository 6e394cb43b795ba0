"""Metadata of a photo: EXIF, colour profile, XMP, resolution, orientation, and what else stands beside the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from refocal.images import exif, photoshop, png_chunks, xmp
from refocal.images.left_out import sentences
from refocal.images.orientation import swaps_sides


@dataclass(frozen=True)
class Metadata:
    r"""Metadata carried from the file read to the file written, as far as the format of that can hold them.

    Attributes:
        exif: The EXIF block: a small TIFF file, without the leading ``Exif\0\0`` of JPEG.
        icc: The colour profile; ``None`` means sRGB.
        xmp: The XMP packet (UTF-8 XML).
        dpi: Pixels per inch, horizontally and vertically.
        chunks: Further chunks of a PNG, type and data, in the file's order: text, time, colours (cICP, gAMA, ...).
        comments: Comments of a JPEG, in an encoding that the file doesn't state.
        iptc: Photoshop's image resources, IPTC among them, as in JPEG's APP13 segments and TIFF's tag 34377.
        extended_xmp: The payloads of a JPEG's segments of extended XMP.
        tiff_tags: Tags of a TIFF about the place on the map: code, type, and bytes or numbers.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    comments: tuple[bytes, ...] = ()
    iptc: bytes | None = None
    extended_xmp: tuple[bytes, ...] = ()
    tiff_tags: tuple[tuple[int, int, Any], ...] = ()


def sane_dpi(horizontal: float, vertical: float) -> tuple[float, float] | None:
    """The resolution in pixels per inch, or None when a file's values are invalid (JPEG holds 1 to 65535)."""
    return (float(horizontal), float(vertical)) if 1 <= horizontal <= 65535 and 1 <= vertical <= 65535 else None


def upright(metadata: Metadata, size: tuple[int, int]) -> tuple[int, Metadata, tuple[str, ...]]:
    """The orientation (1 to 8), and the metadata of the photo once its pixels are turned by it.

    EXIF that can't be followed is kept as it is. XMP announces no pictures or records that aren't written.

    Args:
        metadata: As it was read.
        size: Width and height of the pixels as they are stored.

    Returns:
        Orientation, metadata, and a sentence about each kind of content that is left out.
    """
    kept, kinds = metadata, set[str]()
    if kept.xmp:
        packet, kinds = xmp.without_announcements(kept.xmp)
        kept = replace(kept, xmp=packet)
    if kept.icc and not _plausible_profile(kept.icc):
        kinds = kinds | {"kept profile"}
    if kept.exif is None:
        return 1, kept, sentences(kinds)
    orientation, block = exif.upright_exif(kept.exif, size)
    kept = replace(kept, exif=block)
    if orientation != 1:
        kept, lost = _turned(kept, orientation, size)
        kinds = kinds | lost
    return orientation, kept, sentences(kinds)


def _turned(metadata: Metadata, orientation: int, size: tuple[int, int]) -> tuple[Metadata, set[str]]:
    packet, block, dpi, kinds = metadata.xmp, metadata.iptc, metadata.dpi, set[str]()
    chunks, lost = png_chunks.turned(metadata.chunks)
    kinds |= lost
    if packet:
        packet, lost = xmp.turned(packet, orientation, size)
        kinds |= lost
    if metadata.extended_xmp:
        packet = xmp.without_extension(packet) if packet else None
        kinds.add("extension")
    if block:
        block, lost = photoshop.turned(block, orientation)
        kinds |= lost
    if metadata.tiff_tags:
        kinds.add("place")
    if dpi and swaps_sides(orientation):
        dpi = dpi[::-1]
    kept = replace(metadata, xmp=packet, dpi=dpi, chunks=chunks, iptc=block, extended_xmp=(), tiff_tags=())
    return kept, kinds


def _plausible_profile(profile: bytes) -> bool:
    """Whether it has a header with its signature, and its length (ICC.1:2022, section 7.2)."""
    return profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") <= len(profile)
