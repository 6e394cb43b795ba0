"""Damaged bytes in what stands beside the picture: a photo that every format can hold, or a sentence."""

from hypothesis import given, settings
from hypothesis import strategies as st
from images_samples import make_samples, saved
from PIL import Image
from test_exif import block
from test_jpeg_beside import APP1, APP2, APP13, COM, EXTENSION, XMP, jpeg
from test_photoshop import IPTC, OTHER
from test_png_chunks import COMPRESSED, HDR10, TIME, png
from test_tiff_beside import PLACE, RECORD, tiff
from test_xmp import TURNED, packet

from refocal.images.io import encode, read
from refocal.types import InputError

PACKET = packet(TURNED[0], TURNED[1] + "<hdrgm:a>1</hdrgm:a>")
PICTURE = saved(Image.fromarray(make_samples((9, 8, 3), "uint8")), "JPEG", exif=b"Exif\0\0" + block(6))
FILES = {
    "JPEG": jpeg(
        (APP1, XMP + PACKET),
        (APP1, EXTENSION + b"A" * 32 + bytes(20)),
        (APP2, b"MPF\0"),
        (APP13, b"Photoshop 3.0\0" + IPTC + OTHER),
        (COM, b"x"),
        picture=PICTURE,
        after=PICTURE,
    ),
    "PNG": png((b"sBIT", b"\5\5\5"), HDR10, TIME, COMPRESSED, (b"oFFs", bytes(9)), exif=b"Exif\0\0" + block(5)),
    "TIFF": tiff(
        make_samples((6, 7, 5), "uint8"),
        photometric="rgb",
        planarconfig="contig",
        extratags=[
            *PLACE,
            (274, 3, 1, 8, True),
            (33723, 7, len(RECORD), RECORD, True),
            (34377, 7, len(IPTC), IPTC, True),
            (700, 7, len(PACKET), PACKET, True),
        ],
    ),
}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_bytes_give_a_photo_or_a_sentence(format, data):
    file = bytearray(FILES[format])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(12, len(file) - 20))
        file[at : at + data.draw(st.integers(0, 2))] = bytes([data.draw(st.integers(0, 255))])
    try:
        photo = read(bytes(file), max_pixels=16383)  # so that any side fits into WebP
    except InputError:
        return
    for target in ("JPEG", "PNG", "TIFF", "WEBP"):
        read(encode(photo, target))


def test_the_files_are_read_whole():
    assert [len(read(file).notes) for _, file in sorted(FILES.items())] == [3, 1, 4]
