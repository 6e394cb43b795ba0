"""PNG: header, decoding, encoding, and the chunks that hold metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from refocal.images import png_chunks
from refocal.images.left_out import sentences
from refocal.images.limits import MAX_PIXELS, Header, Unsupported
from refocal.images.metadata import Metadata, sane_dpi
from refocal.images.photo import Photo, split_samples
from refocal.images.png_text import inflate, international_text
from refocal.types import Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"  # XMP specification part 3, section 1.1.5
_INCHES_PER_METRE = 1 / 0.0254
# Printers' profiles reach a few MB, and so does XMP with a history of edits.
_MAX_PROFILE, _MAX_XMP = 20 << 20, 16 << 20
_MAX_LEADING_CHUNKS = 1000  # before the image data; real files have a dozen
# The lower of 16 bits are noise that deflate can't shrink: level 3 costs 1 % in size and takes a third of the time.
_LEVEL = {8: 6, 16: 3}


def header(stream: BinaryIO) -> Header:
    """Read the chunks before the image data; nothing is inflated.

    Raises:
        Unsupported: If it is animated (APNG) or has no image data.
    """
    found = None
    for kind, data in islice(_chunks(stream, keep=(b"IHDR",)), _MAX_LEADING_CHUNKS):
        if kind == b"IHDR":
            width, height, bits = struct.unpack(">IIB", data[:9])
            found = Header("PNG", width, height, bits)
            if width * height > MAX_PIXELS:
                return found  # too large, whatever follows: report that
        elif kind == b"acTL":
            raise Unsupported("is an animated PNG; refocal reads single images, so save one frame of it")
        elif kind == b"IDAT" and found is not None:
            return found
    raise Unsupported("is damaged, it has no image data")


def decode(data: bytes) -> Photo:
    """Decode a PNG of any kind; palettes become RGB, 1 to 4 bits become 8, a transparent colour becomes alpha."""
    import imagecodecs

    # The decoder gets the image chunks alone, so that no hostile text or profile reaches it.
    picture = [SIGNATURE]
    exif = icc = xmp = dpi = None
    others, kinds, stream = [], set[str](), BytesIO(data)
    for kind, chunk in _chunks(stream):
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            picture.append(_chunk(kind, chunk))
        elif kind == b"eXIf":
            exif = chunk.removeprefix(b"Exif\0\0")
        elif kind == b"iCCP":
            icc = inflate(chunk.partition(b"\0")[2][1:], _MAX_PROFILE)
            kinds |= {"profile"} if icc is None else set()
        elif kind == b"iTXt" and chunk.startswith(_XMP_KEYWORD + b"\0"):
            xmp = international_text(chunk, _MAX_XMP)
            kinds |= {"XMP"} if xmp is None else set()
        elif kind == b"pHYs":
            if chunk[8:9] == b"\1":
                dpi = sane_dpi(*(value / _INCHES_PER_METRE for value in struct.unpack(">II", chunk[:8])))
        else:
            others.append((kind, chunk))
    if stream.read().strip(b"\0\r\n "):
        kinds.add("data")
    samples = imagecodecs.png_decode(b"".join(picture))
    pixels, alpha = split_samples(samples)
    channels = pixels.shape[2] + (alpha is not None)
    kept, left_out = png_chunks.kept(others, picture[1][16], (channels, 8 * samples.itemsize))
    metadata = Metadata(exif, icc, xmp, dpi, chunks=kept)
    return Photo(pixels, alpha, "PNG", metadata, None, sentences(kinds | left_out))


def encode(photo: Photo) -> bytes:
    """Encode 8 or 16 bits, grey or RGB, with or without alpha; EXIF, profile and XMP go into eXIf, iCCP and iTXt.

    The other chunks that were kept follow, all before the image data, as those about colours have to be.
    """
    import imagecodecs

    samples: Array = photo.samples()
    data = imagecodecs.png_encode(samples, level=_LEVEL[8 * samples.itemsize])
    end_of_header = len(SIGNATURE) + 25  # IHDR is first and always has 13 bytes
    kept = photo.metadata
    chunks = b""
    if kept.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(kept.icc))
    if kept.dpi:
        horizontal, vertical = (round(value * _INCHES_PER_METRE) for value in kept.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", horizontal, vertical, 1))
    if kept.exif:
        chunks += _chunk(b"eXIf", kept.exif)
    if kept.xmp:
        chunks += _chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + kept.xmp)  # not compressed, no language, as XMP asks
    form = (1 if samples.ndim == 2 else samples.shape[2], 8 * samples.itemsize)
    for kind, chunk in kept.chunks:
        if kind != b"sBIT" or png_chunks.fits_significant_bits(chunk, *form):
            chunks += _chunk(kind, chunk)
    return b"".join((data[:end_of_header], chunks, data[end_of_header:]))


def _chunks(stream: BinaryIO, keep: tuple[bytes, ...] | None = None) -> Iterator[tuple[bytes, bytes]]:
    """The file's chunks, type and data, up to IEND; data only of the types in ``keep`` (of all if ``None``)."""
    stream.seek(len(SIGNATURE))
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        if len(head) < 8:
            raise Unsupported("is cut off, its end is missing")
        length, kind = struct.unpack(">I4s", head)
        if keep is None or kind in keep:
            data = stream.read(length)
            if len(data) < length or len(checksum := stream.read(4)) < 4:
                raise Unsupported("is cut off, its end is missing")
            if kind[0] < 97 and zlib.crc32(kind + data) != int.from_bytes(checksum, "big"):  # upper case: critical
                raise Unsupported("is damaged, a checksum in it is wrong")
            yield kind, data
        else:
            yield kind, b""
            stream.seek(length + 4, 1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
