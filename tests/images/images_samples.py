"""Small photos and metadata that the tests of refocal.images share."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from refocal.images.io import Metadata

EXIF_TAGS = {0x010F: "Canon", 0x0110: "EOS 5D", 0x0132: "2024:05:06 07:08:09", 0x013B: "A. Artist", 0x8298: "(c) 2024"}
LENS, EXPOSURE, ISO, MAKER_NOTE, VERSION = 0xA434, 0x829A, 0x8827, 0x927C, 0x9000
INNER_TAGS = {LENS: "EF 50mm", EXPOSURE: IFDRational(1, 250), ISO: 400, MAKER_NOTE: bytes(range(200)), VERSION: b"0232"}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:D tiff:Orientation="6" note="\xc3\xa9"/></x:xmpmeta>'


def make_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    for tag, value in EXIF_TAGS.items():
        exif[tag] = value
    exif[0x0112] = orientation
    exif[0x8769] = dict(INNER_TAGS)
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.6)}
    return exif.tobytes().removeprefix(b"Exif\0\0")


def make_metadata() -> Metadata:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = icc[:24] + bytes(12) + icc[36:]  # without the time of its making
    return Metadata(make_exif(), icc, XMP, (300.0, 240.0))


def make_samples(shape: tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def saved(picture: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def cmyk_profile() -> bytes:
    """An ICC profile whose black ink darkens and whose other inks have no effect, so that its use shows."""
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + (np.eye(3) * 65536).astype(">i4").tobytes()
    lut += bytes(range(256)) * 4
    for corner in range(16):  # the last ink varies fastest
        lut += bytes([0 if corner & 1 else 255, 128, 128])  # L*, a*, b* in 8 bits
    lut += bytes(range(256)) * 3
    size = 128 + 4 + 12 + len(lut)
    head = size.to_bytes(4, "big") + bytes(4) + b"\x02\x20\0\0" + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    white = (np.array([0.9642, 1.0, 0.8249]) * 65536).round().astype(">i4").tobytes()
    head = (head + white).ljust(128, b"\0")
    return head + (1).to_bytes(4, "big") + b"A2B0" + (144).to_bytes(4, "big") + len(lut).to_bytes(4, "big") + lut
