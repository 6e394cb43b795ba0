"""Colour profiles of any size up to 20 MB, through every format; damaged ones leave a note."""

import struct
import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from images_samples import make_metadata, make_samples
from PIL import Image
from test_png_chunks import chunk

from refocal.images import jpeg
from refocal.images.io import Metadata, Photo, encode, read, write
from refocal.images.jpeg_segments import segments

PHOTO = Photo(make_samples((5, 6, 3), np.uint8))


def profile(size):
    """As large as it says; made of equal parts, which deflate fast, of a length that no format's parts have."""
    part = np.random.default_rng(0).integers(0, 255, 8191, np.uint8).tobytes()
    body = (part * (size // len(part) + 1))[: size - 40]
    return struct.pack(">I", size) + bytes(32) + b"acsp" + body


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [1000, 65520, 20_000_000])
def test_profiles_of_any_size_survive(size, format, tmp_path):
    icc = profile(size)
    photo = replace(PHOTO, metadata=Metadata(icc=icc))
    notes = write(tmp_path / f"a.{format.lower()}".replace("tiff", "tif"), photo)
    if format == "JPEG" and size > jpeg.MAX_PROFILE:
        assert notes == ("The colour profile is larger than a JPEG holds (16.7 MB), so it was left out.",)
        icc = None
    else:
        assert notes == ()
    back = read(tmp_path / f"a.{format.lower()}".replace("tiff", "tif"))
    assert back.metadata.icc == icc
    assert back.notes == ()


def test_the_largest_profile_of_a_jpeg_is_255_segments():
    data = encode(replace(PHOTO, metadata=Metadata(icc=profile(jpeg.MAX_PROFILE))), "JPEG")
    assert sum(segment.marker == 0xE2 for segment in segments(data)) == 255


def test_a_damaged_profile_leaves_a_note():
    note = ("The colour profile is damaged or larger than 20 MB, so it was left out.",)
    plain = encode(PHOTO)
    for data in (zlib.compress(profile(1000))[:-9], b"none", b"", zlib.compress(bytes(22_000_000))):
        photo = read(plain[:33] + chunk(b"iCCP", b"x\0\0" + data) + plain[33:])
        assert (photo.metadata.icc, photo.notes) == (None, note)
    whole = encode(replace(PHOTO, metadata=Metadata(icc=profile(100_000))), "JPEG")
    second = [segment for segment in segments(whole) if segment.marker == 0xE2][1]
    photo = read(whole[: second.end - len(second.payload) - 4] + whole[second.end :])
    assert (photo.metadata.icc, photo.notes) == (None, note)


@pytest.mark.parametrize("icc", [b"nonsense", profile(1000)[:900]])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_profile_that_is_none_is_kept_with_a_note(format, icc):
    photo = read(encode(replace(PHOTO, metadata=Metadata(icc=icc)), format))
    assert photo.metadata.icc == icc
    assert photo.notes == ("The colour profile seems damaged; it was kept as it is.",)


def test_damaged_xmp_in_a_png_leaves_a_note():
    plain = encode(PHOTO)
    photo = read(plain[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0none") + plain[33:])
    assert photo.notes == ("The XMP is damaged or larger than 16 MB, so it was left out.",)


def test_unknown_parts_of_a_webp_are_named():
    data = encode(replace(PHOTO, metadata=make_metadata()), "WEBP")
    data += b"C2PA\4\0\0\0jumb" + b"abcd\2\0\0\0xx"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    photo = read(data)
    assert photo.notes == (
        "The signed record of the photo's origin (C2PA) was left out, as it doesn't hold for a changed photo.",
        "Parts of the WebP that refocal doesn't know were left out: abcd.",
    )
    assert Image.open(BytesIO(encode(photo))).info["icc_profile"] == make_metadata().icc
