"""Kinds of JPEG that can't be decoded: refused as not supported, and not as damaged."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from refocal.images.limits import Unsupported

# ITU-T T.81, table B.1: the frame headers, less baseline, extended and progressive, which every decoder reads.
_LOSSLESS, _ARITHMETIC = (0xC3,), (0xC9, 0xCA)
_HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE)  # and lossless arithmetic, which is as rare
_FRAMES = (0xC0, 0xC1, 0xC2, *_LOSSLESS, *_ARITHMETIC, *_HIERARCHICAL)
# 8 x 8 and 2 x 1 grey pixels in these codings: whether libjpeg decodes them depends on its version and its build.
_SAMPLES = {
    _ARITHMETIC: "ffd8ffdb0043001b12141714111b1716171e1c1b2028422b28252528513a3d3042605565645f555d5b6a7899816a7190735b"
    "5d85b586909ea3abadab6780bcc9baa6c799a8aba4ffc9000b080008000801011100ffcc000600101005ffda0008010100003f00feaf0fa052"
    "c0ffd9",
    _LOSSLESS: "ffd8ffc3000b080001000201011100ffc4001500010100000000000000000000000000000708ffda0008010100010000"
    "09afbfffd9",
}


def check_kind(stream: BinaryIO) -> None:
    """Refuse a JPEG file whose coding the decoder doesn't know.

    Raises:
        Unsupported: If its samples don't have 8 bits, or it is hierarchical, or lossless or arithmetic-coded and the
            installed decoder can't read that.
    """
    marker, bits = _frame(stream)
    if marker and bits != 8:
        raise Unsupported(f"is a JPEG with {bits}-bit samples; refocal reads 8 bits, so convert it to a 16-bit TIFF")
    kind = {_LOSSLESS: "a lossless", _ARITHMETIC: "an arithmetic-coded", _HIERARCHICAL: "a hierarchical"}
    for markers, words in kind.items():
        if marker in markers and not (markers in _SAMPLES and _decodes(bytes.fromhex(_SAMPLES[markers]))):
            raise Unsupported(f"is {words} JPEG, which the decoder doesn't read; save it as a common JPEG first")


_MOST_SKIPPED = 1 << 16
"""Bytes between segments, where there should be none, after which no header is looked for."""


def _frame(stream: BinaryIO) -> tuple[int, int]:
    """The marker of the first frame header and the bits of its samples; zeros if there is none."""
    stream.seek(2)
    skipped = 0
    while skipped < _MOST_SKIPPED and (byte := stream.read(1)) != b"":
        if byte != b"\xff":
            skipped += 1
            continue
        while (byte := stream.read(1)) == b"\xff":
            pass
        marker = byte[0] if byte else 0
        if marker in (0xD9, 0xDA):
            break
        if marker < 0xC0 or 0xD0 <= marker <= 0xD8:
            continue
        length = int.from_bytes(stream.read(2), "big")
        if marker in _FRAMES:
            return marker, (stream.read(1) or b"\0")[0]
        stream.seek(max(0, length - 2), 1)
    return 0, 0


def _decodes(sample: bytes) -> bool:
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        JpegImageFile(BytesIO(sample)).load()
    except (OSError, SyntaxError):
        return False
    return True
