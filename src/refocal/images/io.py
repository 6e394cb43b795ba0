"""Photos from files and into files: JPEG, PNG, TIFF and WebP, 8 and 16 bits, without loss where the format allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from refocal.files.whole import check_target, write_whole
from refocal.images import jpeg, png, tiff, webp
from refocal.images.carried import NAMES, carried
from refocal.images.limits import MAX_BYTES, MAX_PIXELS, Format, Header, Unsupported, check_size, refusing
from refocal.images.metadata import Metadata, upright
from refocal.images.orientation import turn
from refocal.images.photo import Photo, from_float, to_eight_bit, to_float
from refocal.types import InputError

__all__ = ["SUFFIXES", "Header", "Metadata", "Photo", "check_header", "encode", "format_of", "from_float", "read"]
__all__ += ["to_float", "write"]

SUFFIXES: dict[str, Format] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}

# How a file begins: format, first bytes. TIFF in both byte orders and as BigTIFF.
_READ: tuple[tuple[Format, tuple[bytes, ...]], ...] = (
    ("JPEG", (b"\xff\xd8\xff",)),
    ("PNG", (png.SIGNATURE,)),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_NOT_READ = (
    ("a GIF", 0, (b"GIF87a", b"GIF89a")),
    ("a BMP", 0, (b"BM",)),
    ("a HEIC or AVIF file", 4, (b"ftyp",)),
    ("a JPEG XL file", 0, (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    ("a JPEG 2000 file", 0, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    ("a Photoshop file", 0, (b"8BPS",)),
    ("a PDF", 0, (b"%PDF",)),
)
_CODECS = {"JPEG": jpeg, "PNG": png, "TIFF": tiff, "WEBP": webp}
_MAX_SIDE = {"JPEG": jpeg.MAX_SIDE, "WEBP": webp.MAX_SIDE}


def read(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> Photo:
    """Read a photo; its content, not its name, determines the format.

    The EXIF orientation is applied to the pixels. Palettes become RGB, 1 bit becomes grey, CMYK becomes sRGB (with a
    note).

    Args:
        source: A path, or a file's bytes.
        max_pixels: Refuse larger images before anything is decoded.
        max_bytes: Refuse larger files before they are read.

    Raises:
        InputError: If there is no such file, or it is no photo, too large, animated, damaged or of another format.
    """
    with _opened(source, max_bytes) as (stream, name), refusing(name):
        header = _header(stream, max_pixels)
        stream.seek(0)
        photo = _CODECS[header.format].decode(stream.read())
        height, width = photo.pixels.shape[:2]
        orientation, metadata, left_out = upright(photo.metadata, (width, height))
        notes = tuple(dict.fromkeys(photo.notes + left_out))
        alpha, extra = (None if band is None else turn(band, orientation) for band in (photo.alpha, photo.extra))
        pixels = turn(photo.pixels, orientation)
        return replace(photo, pixels=pixels, alpha=alpha, metadata=metadata, notes=notes, extra=extra)


def check_header(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> Header:
    """Refuse the files that ``read`` refuses, before decoding, at the cost of a few kB; return the header.

    Raises:
        InputError: As ``read`` does, for all but damage to the image data.
    """
    with _opened(source, max_bytes) as (stream, name), refusing(name):
        return _header(stream, max_pixels)


def encode(photo: Photo, format: Format | None = None) -> bytes:
    """A file's bytes, in ``photo.format`` if no other is named; content it can't hold is converted or left out.

    Raises:
        InputError: If the image is too large for the format.
    """
    format = format or photo.format
    return _CODECS[format].encode(_fitted(photo, format))


def write(path: str | Path, photo: Photo, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write a photo in the format that the path's suffix names (see ``SUFFIXES``), whole or not at all.

    JPEG: at the quality of the JPEG read, at least 95, chroma at full size. WebP: lossless, unless a lossy WebP was
    read. PNG and TIFF: lossless.

    Returns:
        Sentences about what the format can't hold (16 bits or alpha in JPEG, for instance).

    Raises:
        InputError: If the suffix is unknown, the folder is missing, or the file exists and ``overwrite`` is false.
    """
    path = Path(path)
    format = format_of(path)
    check_target(path, overwrite=overwrite)
    fitted = _fitted(photo, format)
    write_whole(path, _CODECS[format].encode(fitted), overwrite=overwrite)
    return fitted.notes[len(photo.notes) :]


def format_of(path: str | Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        InputError: If it names none; the sentence lists the known ones.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has no suffix of a format that refocal writes: use {', '.join(SUFFIXES)}.")
    return SUFFIXES[suffix]


@contextmanager
def _opened(source: str | Path | bytes, max_bytes: int) -> Iterator[tuple[BinaryIO, str]]:
    """The file as a stream, and its name for error messages."""
    if isinstance(source, bytes):
        stream: BinaryIO = BytesIO(source)
        name, size = "The image", len(source)
    else:
        path, name = Path(source), str(source)
        try:
            if path.exists() and not path.is_file():
                raise InputError(f"{name} is a folder or a device, not a photo; give the name of a file.")
            size = path.stat().st_size
            stream = path.open("rb")
        except InputError:
            raise
        except FileNotFoundError as error:
            raise InputError(f"{name} doesn't exist.") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{name} can't be opened: {getattr(error, 'strerror', None) or error}.") from error
    with stream:
        if size == 0:
            raise InputError(f"{name} is empty.")
        if size > max_bytes:
            raise InputError(f"{name} has {size / 1e6:,.0f} MB, and the limit is {max_bytes / 1e6:,.0f} MB.")
        yield stream, name


def _header(stream: BinaryIO, max_pixels: int) -> Header:
    format = _format_by_content(stream.read(16))
    stream.seek(0)
    header = _CODECS[format].header(stream)
    check_size(header, max_pixels)
    return header


def _format_by_content(start: bytes) -> Format:
    for format, beginnings in _READ:
        if start.startswith(beginnings):
            return format
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    for what, offset, beginnings in _NOT_READ:
        if start[offset:].startswith(beginnings):
            raise Unsupported(f"is {what}, which refocal doesn't read; convert it to JPEG, PNG, TIFF or WebP")
    raise Unsupported("isn't a photo that refocal reads; give it a JPEG, PNG, TIFF or WebP")


def _fitted(photo: Photo, format: Format) -> Photo:
    """The photo as far as ``format`` can hold it, with a note for everything that it can't."""
    pixels, alpha, kept, notes = photo.pixels, photo.alpha, photo.metadata, list(photo.notes)
    if max(pixels.shape[:2]) > _MAX_SIDE.get(format, 1 << 31):
        raise InputError(
            f"A {format} holds at most {_MAX_SIDE[format]} pixels a side, and the photo is {pixels.shape[1]} x"
            f" {pixels.shape[0]}; write it as PNG or TIFF."
        )
    if format in ("JPEG", "WEBP") and pixels.dtype == np.uint16:
        pixels, alpha = to_eight_bit(pixels), None if alpha is None else to_eight_bit(alpha)
        notes.append(f"{NAMES[format]} holds 8 bits, so the photo's 16 were rounded.")
    if format == "JPEG" and alpha is not None:
        alpha = None
        notes.append("JPEG holds no alpha channel, so it was left out.")
    if format == "WEBP" and pixels.shape[2] == 1 and kept.icc and kept.icc[16:20] == b"GRAY":
        kept = replace(kept, icc=None)
        notes.append("WebP holds only RGB, so the profile for grey was left out.")
    extra = photo.extra
    if extra is not None and format != "TIFF":
        notes.append(
            f"{NAMES[format]} holds no bands beside colour and transparency ({extra.shape[2]}), so they were left out."
        )
        extra = None
    kept, lost = carried(kept, format, pixels.shape[2])
    return replace(photo, pixels=pixels, alpha=alpha, metadata=kept, notes=(*notes, *lost), extra=extra)
