import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from images_samples import make_metadata, make_samples
from PIL import Image

from refocal.images.inputs import open_picture
from refocal.images.io import Metadata, Photo, encode, write
from refocal.images.pillow_info import pillow_info

TEXT = (
    (b"tEXt", b"Copyright\0A Photographer \xa9"),
    (b"zTXt", b"Author\0\0" + zlib.compress(b"me")),
    (b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress("Café".encode())),
    (b"iTXt", b"Plain\0\0\0\0\0text"),
)
FLOOD = ((b"zTXt", b"A\0\0" + zlib.compress(bytes(5_000_000))), (b"zTXt", b"B\0\0none"), (b"iTXt", b"C\0\1"))


def test_info_is_what_pillow_reads():
    metadata = replace(make_metadata(), chunks=TEXT)
    data = encode(Photo(make_samples((5, 6, 3), np.uint8), metadata=metadata))
    theirs, ours = Image.open(BytesIO(data)).info, pillow_info(metadata)
    np.testing.assert_allclose(ours.pop("dpi"), theirs.pop("dpi"), atol=0.02)
    assert theirs.pop("XML:com.adobe.xmp") == metadata.xmp.decode()
    assert ours == theirs
    assert pillow_info(Metadata(comments=(b"one", b"two"))) == {"comment": b"two"}  # it keeps the last
    assert pillow_info(Metadata()) == {}


@pytest.mark.parametrize(
    "photo",
    [
        Photo(make_samples((5, 6, 3), np.uint8), metadata=Metadata(chunks=FLOOD)),
        Photo(make_samples((5, 6, 3), np.uint8), metadata=Metadata(icc=bytes(36) + b"acsp" + bytes(3_000_000))),
        Photo(make_samples((5, 6, 3), np.uint8), extra=make_samples((5, 6, 2), np.uint8)),
    ],
)
def test_a_file_comes_back_as_an_image_whatever_is_beside_the_picture(photo, tmp_path):
    path = tmp_path / ("a.png" if photo.metadata.chunks else "a.tif")
    write(path, photo)
    opened, give_back, _ = open_picture(path)
    restored = give_back(opened.image)
    np.testing.assert_array_equal(np.asarray(restored), photo.pixels)
    assert restored.info == ({"icc_profile": photo.metadata.icc} if photo.metadata.icc else {})
