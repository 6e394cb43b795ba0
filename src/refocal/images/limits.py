"""Limits on the size of images, and the refusal of unreadable files: one sentence that names the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from refocal.types import InputError

Format: TypeAlias = Literal["JPEG", "PNG", "TIFF", "WEBP"]

# Above the largest photos that cameras make (Phase One IQ4: 151 MP; pixel-shift medium format is stitched to more, and
# may be asked for with max_pixels). Restoring in float32 needs 24 bytes per pixel: 250 MP are 6 GB.
MAX_PIXELS = 250_000_000
MAX_BYTES = 2 << 30  # 250 MP of 16-bit RGBA, stored plainly, are 2.0e9 bytes


class Unsupported(Exception):
    """The reason for a refusal, as the rest of a sentence that begins with the file's name."""


@dataclass(frozen=True)
class Header:
    """The header of an image file, read before anything is decoded.

    Attributes:
        format: The container, by the content of the file, not by its name.
        width: Pixels per row, before the EXIF orientation is applied.
        height: Rows, before the EXIF orientation is applied.
        bits: Bits per sample.
    """

    format: Format
    width: int
    height: int
    bits: int


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn every exception of a decoder on a broken file into one sentence, and silence its warnings.

    Decoders meet hostile bytes with exceptions of every type (struct.error, KeyError, zlib.error, their own), so all
    of them are caught here, in the only place, and chained.

    Raises:
        InputError: In place of every exception.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except Unsupported as reason:
        raise InputError(f"{name} {reason}.") from reason
    except MemoryError as error:
        raise InputError(f"{name} needs more memory than there is; reduce it first.") from error
    except Exception as error:
        detail = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
        raise InputError(f"{name} can't be read: it is damaged or cut off ({detail}).") from error


def check_size(header: Header, max_pixels: int) -> None:
    """Refuse a picture with more than ``max_pixels``, or none.

    Raises:
        Unsupported: If it has.
    """
    pixels = header.width * header.height
    if pixels <= 0:
        raise Unsupported(f"is {header.width} x {header.height} pixels large, so there is no picture in it")
    if pixels > max_pixels:
        raise Unsupported(
            f"has {header.width} x {header.height} pixels, {pixels / 1e6:,.0f} megapixels, and the limit is"
            f" {max_pixels / 1e6:,.0f}; reduce it first"
        )
