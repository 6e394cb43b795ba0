"""WebP: header, decoding, encoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import BinaryIO

import numpy as np

from refocal.images.left_out import listing, sentences
from refocal.images.limits import Header, Unsupported
from refocal.images.metadata import Metadata
from refocal.images.photo import Photo, split_samples

LOSSY_QUALITY = 95  # a file states no quality; 95 quantises more finely than what cameras and browsers write (75 to 90)
MAX_SIDE = 16383  # 14 bits (RFC 9649, section 2.6)
_EFFORT = 4  # libwebp's default method, 0 to 6
_MAX_CHUNKS = 1000  # real files have fewer than ten
_KNOWN = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF", b"XMP ")
_SIGNED = b"C2PA"
_ANIMATED = 0x02  # RFC 9649, section 2.7: the flags of VP8X


def header(stream: BinaryIO) -> Header:
    """Read up to the image's own header; the canvas size in VP8X is ignored, as it may be wrong.

    Raises:
        Unsupported: If it is animated or has no image data.
    """
    for kind, offset, _ in islice(_chunks(stream), _MAX_CHUNKS):
        stream.seek(offset)
        start = stream.read(10)
        if kind == b"ANIM" or (kind == b"VP8X" and start[0] & _ANIMATED):
            raise Unsupported("is an animated WebP; refocal reads single images, so save one frame of it")
        if kind == b"VP8 ":  # a frame tag, a start code, then 14 bits each (RFC 6386, section 9.1)
            width, height = struct.unpack("<HH", start[6:10])
            return Header("WEBP", width & 0x3FFF, height & 0x3FFF, bits=8)
        if kind == b"VP8L":  # a signature, then 14 bits each, less one (RFC 9649, section 3.4)
            (packed,) = struct.unpack("<I", start[1:5])
            return Header("WEBP", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, bits=8)
    raise Unsupported("is damaged, it has no image data")


def decode(data: bytes) -> Photo:
    """Decode a WebP file; grey is stored as RGB in this format."""
    import imagecodecs

    found: dict[bytes, bytes] = {}
    for kind, offset, length in islice(_chunks(BytesIO(data)), _MAX_CHUNKS):
        found.setdefault(kind, b"" if kind.startswith(b"VP8") else data[offset : offset + length])
    exif = found.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(exif or None, found.get(b"ICCP") or None, found.get(b"XMP ") or None)
    pixels, alpha = split_samples(imagecodecs.webp_decode(data))
    notes = sentences({"origin"} if _SIGNED in found else ())
    if unknown := [_word(kind) for kind in found if kind not in (*_KNOWN, _SIGNED)]:
        notes += (f"Parts of the WebP that refocal doesn't know were left out: {listing(unknown)}.",)
    return Photo(pixels, alpha, "WEBP", metadata, None if b"VP8L" in found else LOSSY_QUALITY, notes)


def encode(photo: Photo) -> bytes:
    """Encode an 8-bit photo: lossy only if it came from a lossy WebP; alpha is lossless in both."""
    from PIL import Image

    samples, out = photo.samples(), BytesIO()
    if photo.pixels.shape[2] == 1:
        colours = np.repeat(photo.pixels, 3, axis=2)
        samples = colours if photo.alpha is None else np.dstack([colours, photo.alpha])
    lossy = photo.format == "WEBP" and photo.quality is not None
    kept = photo.metadata
    Image.fromarray(samples).save(
        out,
        "WEBP",
        lossless=not lossy,
        quality=max(LOSSY_QUALITY, photo.quality or 0) if lossy else 75,  # of lossless WebP: effort, the default
        alpha_quality=100,
        exact=True,  # or colours under transparent pixels are changed
        method=_EFFORT,
        icc_profile=kept.icc or b"",
        exif=kept.exif or b"",
        xmp=kept.xmp or b"",
    )
    return out.getvalue()


def _word(kind: bytes) -> str:
    return kind.decode("latin-1").strip() if kind.strip(b" ").isalnum() else kind.hex()


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The file's chunks: type, offset and length of their data."""
    offset = 12  # "RIFF", size, "WEBP"
    while True:
        stream.seek(offset)
        start = stream.read(8)
        if len(start) < 8:
            return
        kind, length = struct.unpack("<4sI", start)
        yield kind, offset + 8, length
        offset += 8 + length + length % 2
