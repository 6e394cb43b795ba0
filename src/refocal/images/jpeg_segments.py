"""The segments of a JPEG file: finding them, finding the image's end, inserting further ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# ITU-T T.81, table B.1.
END_OF_IMAGE, START_OF_SCAN, APP0, APP15, COMMENT = 0xD9, 0xDA, 0xE0, 0xEF, 0xFE
MAX_PAYLOAD = 65533
_RESTARTS = range(0xD0, 0xD8)
# In coded data: a marker that is neither a stuffed zero nor a restart.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


class Segment(NamedTuple):
    """A segment with its marker's second byte and the bytes that follow its length."""

    marker: int
    payload: bytes
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The segments before the image data, the start of scan included; bytes that belong to none are skipped."""
    at = 2
    while (at := data.find(b"\xff", at)) != -1:
        while data[at + 1 : at + 2] == b"\xff":
            at += 1
        marker = data[at + 1] if at + 1 < len(data) else END_OF_IMAGE
        if marker == END_OF_IMAGE:
            return
        if not _has_length(marker):
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            return
        yield Segment(marker, data[at + 4 : end], end)
        if marker == START_OF_SCAN:
            return
        at = end


def behind(data: bytes) -> bytes:
    """The bytes after the end of the image; none if it has no end."""
    found = next((segment for segment in segments(data) if segment.marker == START_OF_SCAN), None)
    at = found.end if found else len(data)
    while match := _MARKER.search(data, at):
        marker = data[match.start() + 1]
        at = match.end()
        if marker == END_OF_IMAGE:
            return data[at:]
        if marker == 0xD8:  # another image begins: this one was cut off
            return b""
        if _has_length(marker):  # tables, and the next scan of a progressive image
            at += int.from_bytes(data[at : at + 2], "big")
    return b""


def with_segments(data: bytes, added: Iterable[tuple[int, bytes]]) -> bytes:
    """Insert segments, marker and payload, after the last APP segment of a file."""
    found = [segment.end for segment in segments(data) if APP0 <= segment.marker <= APP15]
    at = found[-1] if found else 2
    new = b"".join(b"\xff%c" % marker + (len(payload) + 2).to_bytes(2, "big") + payload for marker, payload in added)
    return data[:at] + new + data[at:]


def _has_length(marker: int) -> bool:
    return marker >= 0xC0 and marker not in _RESTARTS and marker not in (0xD8, END_OF_IMAGE)
