from io import BytesIO

import numpy as np
import pytest
from images_samples import make_metadata, make_samples, saved
from PIL import Image

from refocal.images.io import Photo, encode, read
from refocal.types import InputError

COLOURS = Image.fromarray(make_samples((9, 13, 3), np.uint8))
GREY = COLOURS.convert("L")


@pytest.mark.parametrize(
    ("picture", "options", "mode"),
    [
        (GREY.convert("1"), {}, "L"),
        (GREY, {"transparency": GREY.getpixel((0, 0))}, "LA"),
        (GREY.convert("LA"), {}, "LA"),
        (COLOURS, {"transparency": COLOURS.getpixel((0, 0))}, "RGBA"),
        (COLOURS.quantize(3), {"bits": 2}, "RGB"),
        (COLOURS.quantize(13), {}, "RGB"),
        (COLOURS.quantize(200), {}, "RGB"),
        (COLOURS.quantize(200), {"transparency": bytes(range(200))}, "RGBA"),
        (COLOURS.quantize(3), {"transparency": 1}, "RGBA"),
    ],
)
def test_every_kind_is_read_as_pillow_converts_it(picture, options, mode):
    data = saved(picture, "PNG", **options)
    np.testing.assert_array_equal(read(data).samples(), np.asarray(Image.open(BytesIO(data)).convert(mode)))


def test_pillow_finds_the_metadata_and_every_checksum_right():
    metadata = make_metadata()
    picture = Image.open(BytesIO(encode(Photo(make_samples((5, 6, 3), np.uint16), metadata=metadata))))
    assert picture.info["icc_profile"] == metadata.icc
    assert picture.info["exif"] == b"Exif\0\0" + metadata.exif
    assert picture.info["xmp"] == metadata.xmp
    np.testing.assert_allclose(picture.info["dpi"], metadata.dpi, atol=0.02)
    picture = Image.open(BytesIO(encode(Photo(make_samples((5, 6, 3), np.uint8), metadata=metadata))))
    picture.verify()


def test_metadata_after_the_picture_is_found():
    plain = encode(Photo(make_samples((5, 6, 3), np.uint8)))
    full = encode(Photo(make_samples((5, 6, 3), np.uint8), metadata=make_metadata()))
    extra = full[33 : 33 + len(full) - len(plain)]
    assert read(plain[:-12] + extra + plain[-12:]).metadata.exif == make_metadata().exif


def test_a_wrong_checksum_is_refused():
    data = bytearray(encode(Photo(make_samples((5, 6, 3), np.uint8))))
    data[50] ^= 1
    with pytest.raises(InputError, match="is damaged, a checksum in it is wrong"):
        read(bytes(data))
