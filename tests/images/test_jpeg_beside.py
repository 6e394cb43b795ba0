"""What stands beside the picture in a JPEG: kept, or left out with a note and nothing that points at it."""

import hashlib
import struct
from io import BytesIO

import numpy as np
import pytest
from images_samples import make_exif, make_samples, saved
from PIL import Image, IptcImagePlugin
from test_photoshop import IPTC, OTHER, resource
from test_xmp import DIRECTORY, names, packet

from refocal.images.io import encode, read, write
from refocal.images.jpeg_segments import behind, segments, with_segments

PICTURE = saved(Image.fromarray(make_samples((16, 24, 3), np.uint8)), "JPEG", quality=90)
XMP, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
APP1, APP2, APP11, APP13, COM = 0xE1, 0xE2, 0xEB, 0xED, 0xFE
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(100)


def jpeg(*added, after=b"", picture=PICTURE):
    return with_segments(picture, added) + after


def markers(data):
    return [segment.marker for segment in segments(data)]


def test_a_plain_photo_has_no_note_and_no_further_segments():
    photo = read(jpeg(after=b"\0\0\n"))
    assert photo.notes == ()
    assert markers(encode(photo)) == [0xE0, 0xDB, 0xDB, 0xC0, *[0xC4] * 4, 0xDA]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_the_data_behind_the_image_is_found(options):
    data = saved(Image.fromarray(make_samples((40, 50, 3), np.uint8)), "JPEG", **options)
    assert behind(data) == b""
    assert behind(data + b"after") == b"after"
    assert behind(data[:-2]) == b""


def test_comments_and_iptc_are_kept():
    long = resource(0x0404, bytes(100_000))  # more than one segment holds
    data = jpeg((COM, b"scanned 1999"), (APP13, b"Photoshop 3.0\0" + IPTC + OTHER), (COM, b"\xe4"))
    photo = read(data)
    assert (photo.metadata.comments, photo.metadata.iptc, photo.notes) == ((b"scanned 1999", b"\xe4"), IPTC + OTHER, ())
    again = Image.open(BytesIO(encode(photo)))
    assert [data for name, data in again.applist if name == "COM"] == [b"scanned 1999", b"\xe4"]
    assert again.info["photoshop"][0x0404] == b"\x1c\x02\x78\x00\x03abc"  # Pillow's reading
    parts = [long[:60000], long[60000:]]
    photo = read(jpeg(*((APP13, b"Photoshop 3.0\0" + part) for part in parts)))
    assert read(encode(photo)).metadata.iptc == photo.metadata.iptc == long


def test_photoshops_preview_goes_with_a_note():
    photo = read(jpeg((APP13, b"Photoshop 3.0\0" + resource(0x040C, PICTURE) + IPTC)))
    assert photo.metadata.iptc == IPTC
    assert photo.notes == ("Stored previews were left out, as they show the photo unrestored.",)


def test_iptc_and_comments_in_other_formats(tmp_path):
    photo = read(jpeg((COM, b"Caf\xc3\xa9"), (APP13, b"Photoshop 3.0\0" + IPTC)))
    assert write(tmp_path / "a.tif", photo) == ("TIFF can't hold the JPEG's comment, so it was left out.",)
    assert read(encode(read(tmp_path / "a.tif"), "JPEG")).metadata.iptc == IPTC
    with Image.open(tmp_path / "a.tif") as picture:
        assert IptcImagePlugin.getiptcinfo(picture) == {(2, 120): b"abc"}
    assert write(tmp_path / "a.png", photo) == ("PNG holds no IPTC data, so it was left out.",)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text["Comment"] == "Caf\u00e9"
    assert [note.split()[0] for note in write(tmp_path / "a.webp", photo)] == ["WebP", "WebP"]
    settings = read(jpeg((COM, b"\xe4"), (APP13, b"Photoshop 3.0\0" + OTHER)))
    assert write(tmp_path / "b.png", settings) == (
        "PNG can't hold the JPEG's comment, so it was left out.",
        "PNG holds no settings of Photoshop, so they were left out.",
    )


GAIN = "The gain map (HDR) behind the photo was left out."
FILM = "The video of a motion photo behind the photo was left out."


@pytest.mark.parametrize(
    ("added", "after", "notes"),
    [
        ([(APP1, XMP + packet('hdrgm:Version="1.0"', DIRECTORY.format("GainMap")))], PICTURE, [GAIN]),
        ([(APP1, XMP + packet('hdrgm:Version="1.0"', DIRECTORY.format("GainMap")))], b"", [GAIN]),
        ([(APP2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"), (APP2, b"MPF\0" + bytes(30))], PICTURE, [GAIN]),
        ([(APP2, b"MPF\0" + bytes(30))], PICTURE, ["Further pictures behind the photo were left out."]),
        ([], jpeg((APP1, XMP + b"http://ns.apple.com/HDRGainMap/1.0/")), [GAIN]),
        (
            [],
            jpeg((APP1, XMP + b"http://ns.apple.com/depthData/1.0/")),
            ["The depth map behind the photo was left out."],
        ),
        ([], VIDEO, [FILM]),
        ([(APP1, XMP + packet('GCamera:MotionPhoto="1"'))], PICTURE + VIDEO, [FILM]),
        ([(APP1, XMP + packet('hdrgm:Version="1.0"', DIRECTORY.format("MotionPhoto")))], PICTURE + VIDEO, [GAIN, FILM]),
        ([], b"SEFH\1\2\3SEFT", ["Data of an unknown kind behind the photo was left out."]),
        (
            [(APP11, b"JP\0\1\0\0\0\1\0\0\0\x40jumb....jumdc2pa"), (APP11, b"JP\0\1\0\0\0\2more")],
            b"",
            [
                "The signed record of the photo's origin (C2PA) was left out, as it doesn't hold for a changed photo.",
            ],
        ),
        (
            [(0xE3, b"Meta\0\0II"), (0xE5, b"\0\1"), (0xEC, b"Ducky\0\1"), (0xEE, b"Adobe\0d\0\0\0\0\1")],
            b"",
            ["Segments of the JPEG that refocal doesn't know were left out: APP3 (Meta), APP5."],
        ),
    ],
)
def test_what_cannot_be_kept_is_named_and_nothing_points_at_it(added, after, notes):
    photo = read(jpeg(*added, after=after))
    assert list(photo.notes) == notes
    for format in ("JPEG", "PNG", "TIFF", "WEBP"):
        data = encode(photo, format)
        assert b"MPF\0" not in data
        assert b"21496" not in data
        if photo.metadata.xmp:
            assert names(read(data).metadata.xmp) == {"format", "title"}
    assert behind(encode(photo)) == b""


def test_a_file_of_several_pictures_is_written_as_one():
    frames = [Image.fromarray(make_samples((16, 24, 3), np.uint8, seed)) for seed in range(2)]
    photo = read(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert photo.notes == ("Further pictures behind the photo were left out.",)
    assert Image.open(BytesIO(encode(photo))).format == "JPEG"


def extended(picture=PICTURE, change=lambda parts: parts):
    whole = b"<x:xmpmeta>" + bytes(range(48, 58)) * 9000 + b"</x:xmpmeta>"
    name = hashlib.md5(whole).hexdigest().upper().encode()
    parts = [
        EXTENSION + name + struct.pack(">II", len(whole), start) + whole[start : start + 60000]
        for start in range(0, len(whole), 60000)
    ]
    main = packet(f'xmpNote:HasExtendedXMP="{name.decode()}" xmp:Rating="3"')
    return jpeg((APP1, XMP + main), *((APP1, part) for part in change(parts)), picture=picture), main, parts


def test_extended_xmp_is_kept_in_a_jpeg_and_nowhere_else(tmp_path):
    data, main, parts = extended()
    photo = read(data)
    assert (photo.metadata.xmp, photo.metadata.extended_xmp, photo.notes) == (main, tuple(parts), ())
    app1 = [data for name, data in Image.open(BytesIO(encode(photo))).applist if name == "APP1"]
    assert app1 == [XMP + main, *parts]
    assert write(tmp_path / "a.png", photo) == ("PNG holds no extended XMP, so it was left out.",)
    assert names(read(tmp_path / "a.png").metadata.xmp) == {"format", "title", "Rating"}


def test_extended_xmp_goes_when_the_photo_is_turned():
    picture = saved(Image.fromarray(make_samples((16, 24), np.uint8)), "JPEG", exif=b"Exif\0\0" + make_exif(6))
    photo = read(extended(picture)[0])
    assert photo.notes == ("The extended XMP was left out, as the photo was turned.",)
    assert photo.metadata.extended_xmp == ()
    assert names(photo.metadata.xmp) == {"format", "title", "Rating"}


@pytest.mark.parametrize("kept", [0, 1])
def test_extended_xmp_that_is_not_whole_goes(kept):
    photo = read(extended(change=lambda parts: parts[:kept])[0])
    assert photo.notes == ("The extended XMP is damaged, so it was left out.",)
    assert photo.metadata.extended_xmp == ()
    assert names(photo.metadata.xmp) == {"format", "title", "Rating"}


def test_segments_may_follow_filling_bytes():
    data = PICTURE[:2] + b"\xff\xff\xfe\0\4ab\0\1" + PICTURE[2:]
    assert read(data).metadata.comments == (b"ab",)
