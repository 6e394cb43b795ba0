"""The chunks of a PNG beside the picture: kept, or left out with a note."""

import struct
import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from images_samples import make_exif, make_samples, saved
from PIL import Image, PngImagePlugin

from refocal.images import png_chunks
from refocal.images.io import Photo, encode, read, write

RGB = Image.fromarray(make_samples((5, 6, 3), np.uint8))
GAMMA, SRGB_GAMMA = (b"gAMA", struct.pack(">I", 100000)), (b"gAMA", struct.pack(">I", 45455))
HDR10 = (b"cICP", bytes([9, 16, 0, 1]))
TIME = (b"tIME", struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9))
COMPRESSED = (b"zTXt", b"Author\0\0" + zlib.compress(b"me"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks, picture=RGB, behind=b"", **options):
    data = saved(picture, "PNG", **options)
    return data[:33] + b"".join(chunk(*one) for one in chunks) + data[33:] + behind


def stored(data):
    """Type and data of all chunks, read by plain steps."""
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_text_and_colours_and_unknown_safe_chunks_are_kept():
    info = PngImagePlugin.PngInfo()
    info.add_text("Copyright", "A Photographer")
    info.add_itxt("Title", "Hafen bei Nacht", lang="de")
    light = (b"mDCV", bytes(24)), (b"cLLI", bytes(8))
    chunks = (HDR10, GAMMA, *light, (b"sBIT", bytes([5, 6, 5])), TIME, COMPRESSED, (b"teSt", b"safe to copy"))
    photo = read(png(*chunks, pnginfo=info))
    assert photo.notes == ()
    data = encode(photo)
    texts = tuple(one for one in stored(png(pnginfo=info)) if one[0] in (b"tEXt", b"iTXt"))
    assert photo.metadata.chunks == chunks + texts
    kinds = [kind for kind, _ in stored(data)]
    assert [one for one in stored(data) if one in chunks + texts] == [*chunks, *texts]
    assert max(kinds.index(kind) for kind, _ in chunks) < kinds.index(b"IDAT")
    again = Image.open(BytesIO(data))
    assert again.text == {"Copyright": "A Photographer", "Title": "Hafen bei Nacht", "Author": "me"}


@pytest.mark.parametrize(
    ("added", "note"),
    [
        ((b"bKGD", bytes(6)), "The parts of the PNG that describe how its pixels were stored were left out."),
        ((b"teST", b"unsafe"), "The parts of the PNG that describe how its pixels were stored were left out."),
        ((b"caBX", b"jumb"), "The signed record of the photo's origin (C2PA) was left out, as it doesn't hold"),
    ],
)
def test_what_holds_only_for_the_file_as_it_was_is_left_out(added, note):
    photo = read(png(added))
    assert photo.metadata.chunks == ()
    assert len(photo.notes) == 1
    assert photo.notes[0].startswith(note)
    assert added[0] not in encode(photo)


def test_an_index_of_the_image_data_goes_silently_and_data_behind_with_a_note():
    photo = read(png((b"iDOT", bytes(28)), behind=b"\0" * 9))
    assert (photo.metadata.chunks, photo.notes) == ((), ())
    assert read(png(behind=b"more")).notes == ("Data of an unknown kind behind the photo was left out.",)


@pytest.mark.parametrize(
    ("picture", "options", "bits", "stays"),
    [
        (RGB, {}, (5, 6, 5), True),
        (RGB, {}, (5, 6), False),
        (RGB.quantize(100), {}, (5, 6, 5), True),
        (RGB.quantize(100), {"transparency": 3}, (5, 6, 5), False),
        (RGB.convert("L"), {}, (7,), True),
        (RGB.convert("1"), {}, (1,), False),
        (RGB, {}, (9, 9, 9), False),
    ],
)
def test_significant_bits_stay_with_depth_and_channels(picture, options, bits, stays):
    photo = read(png((b"sBIT", bytes(bits)), picture=picture, **options))
    assert (b"sBIT" in [kind for kind, _ in photo.metadata.chunks], photo.notes == ()) == (stays, stays)
    assert (b"sBIT" in encode(photo)) == stays
    if stays:  # nor are they written for other channels
        alpha = np.zeros(photo.pixels.shape[:2], np.uint8)
        assert b"sBIT" not in encode(replace(photo, alpha=alpha))


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_other_formats_leave_them_out_with_a_note(tmp_path, suffix):
    name = {".jpg": "JPEG", ".tif": "TIFF", ".webp": "WebP"}[suffix]
    chunks = (HDR10, GAMMA, TIME, COMPRESSED, (b"tEXt", b"Title\0Harbour"))
    photo = read(png(*chunks))
    assert write(tmp_path / f"a{suffix}", photo) == (
        f"{name} holds no PNG text, so it was left out: Author, Title.",
        f"{name} can't hold PNG's description of the colours (cICP, gAMA), so it was left out.",
        f"{name} can't hold these parts of the PNG, so they were left out: tIME.",
    )
    plain = read(png((b"sRGB", b"\0"), SRGB_GAMMA))
    assert write(tmp_path / f"b{suffix}", plain) == ()  # nothing is lost: sRGB is what such a file means
    profiled = read(png(GAMMA, icc_profile=bytes(36) + b"acsp" + bytes(100)))
    assert write(tmp_path / f"c{suffix}", profiled) == ()  # the profile says more


def test_positions_go_when_the_photo_is_turned():
    chunks = ((b"oFFs", bytes(9)), (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"exif")), COMPRESSED)
    assert read(png(*chunks)).metadata.chunks == chunks
    photo = read(png(*chunks, exif=b"Exif\0\0" + make_exif(6)))
    assert photo.metadata.chunks == (COMPRESSED,)
    assert photo.notes == ("The parts of the PNG that hold positions in the photo were left out, as it was turned.",)


def test_a_comment_is_text_only_in_utf_8():
    assert png_chunks.comment_chunk(b"a\0") == (b"iTXt", b"Comment\0\0\0\0\0a")
    assert png_chunks.comment_chunk(b"\xe4") is None


def test_every_chunk_can_be_written_by_hand():
    photo = Photo(make_samples((5, 6, 3), np.uint8))
    data = encode(replace(photo, metadata=replace(photo.metadata, chunks=(TIME,))))
    assert TIME in stored(data)


def test_an_unknown_critical_chunk_is_never_written():
    """A reader has to refuse a file with one; a photo that is decoded without it is written without it."""
    kept, kinds = png_chunks.kept([(b"ABCd", b""), (b"a\xffcd", b""), (b"abCd", b"")], 8, (3, 8))
    assert (kept, kinds) == (((b"abCd", b""),), {"storage"})
