"""The chunks of a PNG file beside the picture: which are kept, and in which other formats their content fits."""

from __future__ import annotations

import struct
from collections.abc import Iterable

Chunk = tuple[bytes, bytes]  # type, data

TEXT = (b"tEXt", b"zTXt", b"iTXt")
COLOUR = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
_FALLBACKS = (b"gAMA", b"cHRM", b"sRGB")  # for readers without colour management, where there is a profile
_SIGNIFICANT_BITS, _TIME, _SIGNED = b"sBIT", b"tIME", b"caBX"
# PNG's own values of the sRGB space (PNG specification, third edition, section 11.3.2.5): nothing is lost without them.
_SRGB = {
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
}
# Other programs' notes on where in the file the image data lie.
_INDEX = (b"iDOT",)
_PLACES = (b"oFFs",)
_EMBEDDED_EXIF = (b"Raw profile type exif\0", b"Raw profile type APP1\0")  # ImageMagick's, orientation included
_COMMENT = b"Comment\0"  # a registered keyword (section 11.3.3.1)


def kept(chunks: Iterable[Chunk], bits: int, samples: tuple[int, int]) -> tuple[tuple[Chunk, ...], set[str]]:
    """The chunks that stay true for the photo once it is restored and written with all its channels.

    These are text, the time, colours, and unknown ones that are optional and safe to copy (first and fourth letter are
    lower case); significant bits only if depth and channels are still those of the file.

    Args:
        chunks: All that aren't read elsewhere.
        bits: Bits per sample in the file.
        samples: Channels and bits per sample of the photo that was decoded.

    Returns:
        The chunks, and keys of ``left_out.SENTENCES``.
    """
    found, kinds = [], set()
    for kind, data in chunks:
        safe = (kind.isalpha() and kind[:1].islower() and kind[3:4].islower()) or kind in (*COLOUR, _TIME)
        if kind == _SIGNIFICANT_BITS:
            safe = bits >= 8 and fits_significant_bits(data, *samples)
        if safe:
            found.append((kind, data))
        elif kind not in _INDEX:
            kinds.add("origin" if kind == _SIGNED else "storage")
    return tuple(found), kinds


def fits_significant_bits(data: bytes, channels: int, bits: int) -> bool:
    """Whether an sBIT chunk has a value for each channel, from 1 to the depth."""
    return len(data) == channels and all(1 <= value <= bits for value in data)


def turned(chunks: Iterable[Chunk]) -> tuple[tuple[Chunk, ...], set[str]]:
    """The chunks of a photo that is turned: without positions, and without copies of EXIF with its orientation.

    Returns:
        The chunks, and keys of ``left_out.SENTENCES``.
    """
    chunks = tuple(chunks)
    rest = tuple(c for c in chunks if c[0] not in _PLACES and not (c[0] in TEXT and c[1].startswith(_EMBEDDED_EXIF)))
    return rest, {"turned"} if len(rest) < len(chunks) else set()


def keywords(chunks: Iterable[Chunk]) -> list[str]:
    """The keywords of the text chunks."""
    return [data.partition(b"\0")[0].decode("latin-1")[:79] for kind, data in chunks if kind in TEXT]


def colours_beyond_srgb(chunks: Iterable[Chunk], has_profile: bool) -> list[str]:
    """The types of chunks that describe the colours otherwise than the profile, or than sRGB if there is none."""
    implied = (b"sRGB", *(_FALLBACKS if has_profile else ()))
    described = ((kind, data) for kind, data in chunks if kind in COLOUR and kind not in implied)
    return [kind.decode() for kind, data in described if data != _SRGB.get(kind)]


def others(chunks: Iterable[Chunk]) -> list[str]:
    """The types of the chunks that are neither text nor colours."""
    return [kind.decode("latin-1") for kind, _ in chunks if kind not in (*TEXT, *COLOUR)]


def comment_chunk(comment: bytes) -> Chunk | None:
    """A comment as a text chunk; None if it is no text in UTF-8, as its encoding is unknown."""
    try:
        comment.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = comment.rstrip(b"\0")
    return None if b"\0" in text else (b"iTXt", _COMMENT + b"\0\0\0\0" + text)
