"""Which metadata each format can hold: the rest is left out, with a note."""

from __future__ import annotations

from dataclasses import replace

from refocal.images import jpeg, photoshop, png_chunks, xmp
from refocal.images.colour_space import SRGB
from refocal.images.icc import make_profile
from refocal.images.left_out import listing
from refocal.images.limits import Format
from refocal.images.metadata import Metadata
from refocal.images.opened import space_of
from refocal.images.png_colour import colorants
from refocal.images.tiff_exif import tiff_tags

NAMES = {"JPEG": "JPEG", "PNG": "PNG", "TIFF": "TIFF", "WEBP": "WebP"}


def carried(metadata: Metadata, format: Format, channels: int) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata of a photo of 1 or 3 channels as far as ``format`` can hold them truly.

    Returns:
        The metadata, and a sentence for each kind that the format can't hold.
    """
    kept, notes = metadata, list[str]()
    name = NAMES[format]
    if format != "PNG" and (kept.icc is None or b"cICP" in dict(kept.chunks)):
        kept = _with_profile(kept, channels)
    if format == "JPEG":
        kept, lost = _within_jpeg(kept)
        notes += lost
    if format == "TIFF" and kept.exif and (count := tiff_tags(kept.exif)[1]):
        notes.append(f"{count} EXIF fields could not be carried over into the TIFF.")
    if format != "PNG" and kept.chunks:
        notes += _lost_chunks(kept, name)
        kept = replace(kept, chunks=())
    if format != "JPEG" and kept.extended_xmp:
        kept = replace(kept, extended_xmp=(), xmp=xmp.without_extension(kept.xmp) if kept.xmp else None)
        notes.append(f"{name} holds no extended XMP, so it was left out.")
    if format != "JPEG" and kept.comments:
        # PNG has a keyword for comments.
        chunks = [png_chunks.comment_chunk(comment) if format == "PNG" else None for comment in kept.comments]
        if None in chunks:
            notes.append(f"{name} can't hold the JPEG's comment, so it was left out.")
        new = tuple(chunk for chunk in chunks if chunk is not None)
        kept = replace(kept, comments=(), chunks=kept.chunks + new)
    if format not in ("JPEG", "TIFF") and kept.iptc:
        has_record = photoshop.iptc_record(kept.iptc) is not None
        what = "IPTC data, so it was" if has_record else "settings of Photoshop, so they were"
        notes.append(f"{name} holds no {what} left out.")
        kept = replace(kept, iptc=None)
    if format != "TIFF" and kept.tiff_tags:
        notes.append(f"{name} holds no tags about the place on the map (GeoTIFF), so they were left out.")
        kept = replace(kept, tiff_tags=())
    return kept, tuple(notes)


def _with_profile(metadata: Metadata, channels: int) -> Metadata:
    """The metadata with a profile that says what a PNG's colour chunks say, where a profile can: not for HDR."""
    space = space_of(metadata, channels)
    if space is SRGB or space.white != 1:
        return metadata
    chunks = tuple(chunk for chunk in metadata.chunks if chunk[0] != b"cICP")
    icc = make_profile(space.curves[0], colorants(space) if channels == 3 else None)
    return replace(metadata, icc=icc, chunks=chunks)


def _within_jpeg(metadata: Metadata) -> tuple[Metadata, list[str]]:
    kept, notes = metadata, []
    for word, data in (("EXIF", kept.exif), ("XMP", kept.xmp)):
        if len(data or b"") > jpeg.MAX_BLOCK:
            kept = replace(kept, exif=None) if word == "EXIF" else replace(kept, xmp=None)
            notes.append(f"The {word} data is larger than a JPEG holds (64 kB), so it was left out.")
    if kept.xmp is None:
        kept = replace(kept, extended_xmp=())
    if len(kept.icc or b"") > jpeg.MAX_PROFILE:
        kept = replace(kept, icc=None)
        notes.append("The colour profile is larger than a JPEG holds (16.7 MB), so it was left out.")
    return kept, notes


def _lost_chunks(metadata: Metadata, name: str) -> list[str]:
    notes = []
    if words := png_chunks.keywords(metadata.chunks):
        notes.append(f"{name} holds no PNG text, so it was left out: {listing(words)}.")
    if colours := png_chunks.colours_beyond_srgb(metadata.chunks, metadata.icc is not None):
        notes.append(f"{name} can't hold PNG's description of the colours ({listing(colours)}), so it was left out.")
    if others := png_chunks.others(metadata.chunks):
        notes.append(f"{name} can't hold these parts of the PNG, so they were left out: {listing(others)}.")
    return notes
