"""The text chunks of a PNG file, inflated up to a limit: chunks inflate up to a thousandfold."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_INFLATED_AT_ONCE = 1 << 20
MAX_TEXT = 1 << 20  # Pillow's limit on each


def inflate(data: bytes, most: int) -> bytes | None:
    """Decompress up to ``most`` bytes; more, or broken data, counts as nothing."""
    inflator, parts, size = zlib.decompressobj(), list[bytes](), 0
    try:
        while not inflator.eof and size <= most and (data or inflator.unconsumed_tail):
            parts.append(inflator.decompress(inflator.unconsumed_tail or data, _INFLATED_AT_ONCE))
            data, size = b"", size + len(parts[-1])
    except zlib.error:
        return None
    return b"".join(parts) if inflator.eof and size <= most else None


def international_text(chunk: bytes, most: int) -> bytes | None:
    """The text of an iTXt chunk: keyword, 0, compressed?, method, language, 0, translated keyword, 0, text."""
    rest = chunk.partition(b"\0")[2]
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return inflate(text, most) if rest[:1] == b"\1" else text


def texts(chunks: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Keyword and text of the text chunks, less those that are broken or longer than ``MAX_TEXT`` bytes."""
    found = {}
    for kind, data in chunks:
        keyword, _, rest = data.partition(b"\0")
        plain: bytes | None = None
        if kind == b"tEXt":
            plain = rest
        elif kind == b"zTXt":
            plain = inflate(rest[1:], MAX_TEXT)
        elif kind == b"iTXt":
            plain = international_text(data, MAX_TEXT)
        if keyword and plain is not None and len(plain) <= MAX_TEXT:
            found[keyword.decode("latin-1")] = plain.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
    return found
