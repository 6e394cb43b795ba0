"""JPEG: header, decoding, encoding at the source's quality or better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import numpy as np

from refocal.images.cmyk import cmyk_to_rgb
from refocal.images.jpeg_beside import added_segments, with_beside
from refocal.images.jpeg_damage import damage, load, with_end
from refocal.images.jpeg_kinds import check_kind
from refocal.images.jpeg_segments import with_segments
from refocal.images.limits import Header
from refocal.images.metadata import Metadata, sane_dpi
from refocal.images.photo import Photo, split_samples

NO_END = "The file lacks its end marker; every row of the photo was there."

MIN_QUALITY = 95  # the finest setting that libjpeg's manual recommends; above, files grow for little gain
MAX_SIDE = 65500  # libjpeg's JPEG_MAX_DIMENSION
MAX_BLOCK = 65533 - 29  # what one APP1 segment holds, less the longer of the two names that open it (XMP's 29 bytes)
MAX_PROFILE = 255 * (65533 - 14)  # segments are numbered in one byte; each holds a name and two numbers besides

# ITU-T T.81, tables K.1 (luma) and K.2 (chroma), row by row; the IJG's quality setting scales them.
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56)
    + (14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92)
    + (49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99)
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99)
    + (47, 66, 99, 99, 99, 99, 99, 99)
    + (99,) * 32
)


def header(stream: BinaryIO) -> Header:
    """Read the segments before the image data; nothing is decoded.

    Raises:
        Unsupported: If its coding is one that the decoder doesn't know.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    check_kind(stream)
    stream.seek(0)
    picture = JpegImageFile(stream)  # not Image.open: its pixel limit is a global below ours
    return Header("JPEG", *picture.size, bits=8)


def decode(data: bytes) -> Photo:
    """Decode a JPEG file; of a file with several images (MPO), the first. Of one that ends too early, what is there."""
    ending = with_end(data)
    picture, stored = load(ending)
    info = picture.info
    missing = damage(ending, picture.mode, picture.height)
    notes: tuple[str, ...] = (missing,) if missing else ()
    if ending.added and not missing:
        notes = (NO_END,)
    icc = info.get("icc_profile")
    if picture.mode == "CMYK":
        pixels, note = cmyk_to_rgb(picture, icc)
        notes, icc = (*notes, note), None
    else:
        pixels, _ = split_samples(stored)
    exif = info.get("exif", b"").removeprefix(b"Exif\0\0")
    metadata = Metadata(exif or None, info.get("icc_profile"), info.get("xmp"), sane_dpi(*info.get("dpi", (0, 0))))
    metadata, left_out = with_beside(metadata, data)
    metadata, notes = replace(metadata, icc=icc), notes + left_out
    quality = matching_quality(picture.quantization)
    return Photo(pixels, None, "JPEG", metadata, quality, notes, damaged=bool(missing))


def encode(photo: Photo) -> bytes:
    """Encode an 8-bit photo without alpha, at its quality or ``MIN_QUALITY``, chroma at full size (4:4:4)."""
    from PIL import Image

    kept, out = photo.metadata, BytesIO()
    options = {"xmp": kept.xmp} if kept.xmp else {}
    Image.fromarray(photo.samples()).save(
        out,
        "JPEG",
        quality=max(MIN_QUALITY, photo.quality or 0),
        subsampling=0,
        icc_profile=kept.icc or b"",
        exif=b"Exif\0\0" + kept.exif if kept.exif else b"",
        dpi=tuple(round(value) for value in kept.dpi) if kept.dpi else (0, 0),
        **options,
    )
    return with_segments(out.getvalue(), added_segments(kept))


def matching_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """The lowest IJG quality, ``MIN_QUALITY`` or more, that quantises no coefficient more coarsely than ``tables``.

    Args:
        tables: The file's quantisation tables in natural order, luma first; none in a lossless JPEG.
    """
    for quality in range(MIN_QUALITY, 100) if tables else ():
        ours = (ijg_table(LUMA_TABLE, quality), ijg_table(_CHROMA, quality))
        if all(np.all(ours[min(index, 1)] <= np.asarray(table)) for index, table in tables.items()):
            return quality
    return 100  # every step is 1


def ijg_table(table: Sequence[int], quality: int) -> np.ndarray:
    """Scale one of T.81's tables as libjpeg's jpeg_quality_scaling does; ``quality`` from 1 to 100."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.asarray(table) * scale + 50) // 100, 1, 255)
