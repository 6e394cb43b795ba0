"""Metadata as Pillow keeps them in an image's ``info``."""

from __future__ import annotations

import struct
from typing import Any

from refocal.images.metadata import Metadata
from refocal.images.png_text import texts


def pillow_info(metadata: Metadata) -> dict[str | tuple[int, int], Any]:
    """What Pillow itself would have read from a file with these metadata, as far as ``info`` has a place for it."""
    info: dict[str | tuple[int, int], Any] = dict(texts(metadata.chunks).items())
    if metadata.comments:
        info["comment"] = metadata.comments[-1]
    if metadata.exif:
        info["exif"] = b"Exif\0\0" + metadata.exif
    if metadata.icc:
        info["icc_profile"] = metadata.icc
    if metadata.xmp:
        info["xmp"] = metadata.xmp
    chunks = dict(metadata.chunks)
    if b"sRGB" in chunks:
        info["srgb"] = chunks[b"sRGB"][0]
    if len(chunks.get(b"gAMA", b"")) == 4:
        info["gamma"] = struct.unpack(">I", chunks[b"gAMA"])[0] / 100000
    if len(chunks.get(b"cHRM", b"")) == 32:
        info["chromaticity"] = tuple(value / 100000 for value in struct.unpack(">8I", chunks[b"cHRM"]))
    if metadata.dpi:
        info["dpi"] = metadata.dpi
    return info
