import imagecodecs
import numpy as np
import pytest
from images_samples import saved
from PIL import Image

from refocal.images import jpeg_kinds
from refocal.images.io import check_header, read
from refocal.types import InputError

SMOOTH = (np.mgrid[0:16, 0:24].sum(0)[..., None] * np.array([6, 3, 1])).astype(np.uint8)


def arithmetic() -> bytes:
    return bytes.fromhex(jpeg_kinds._SAMPLES[jpeg_kinds._ARITHMETIC])


@pytest.mark.parametrize("function", [read, check_header])
def test_twelve_bits_are_not_supported_rather_than_damaged(function):
    data = imagecodecs.jpeg8_encode(SMOOTH.astype(np.uint16) * 16, bitspersample=12)
    with pytest.raises(InputError, match="is a JPEG with 12-bit samples; refocal reads 8 bits") as caught:
        function(data)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("marker", [0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF])
def test_hierarchical_files_are_not_supported(marker):
    data = arithmetic().replace(b"\xff\xc9", bytes([0xFF, marker]))
    with pytest.raises(InputError, match="is a hierarchical JPEG, which the decoder doesn't read"):
        check_header(data)


@pytest.mark.parametrize("kind", ["lossless", "arithmetic-coded"])
def test_other_codings_are_read_or_refused_as_the_decoder_can(kind, monkeypatch):
    data = arithmetic() if kind == "arithmetic-coded" else imagecodecs.jpeg8_encode(SMOOTH, lossless=True)
    monkeypatch.setattr(jpeg_kinds, "_decodes", lambda sample: False)
    with pytest.raises(InputError, match=f"is an? {kind} JPEG, which the decoder doesn't read"):
        read(data)


@pytest.mark.skipif("not jpeg_kinds._decodes(bytes.fromhex(jpeg_kinds._SAMPLES[jpeg_kinds._LOSSLESS]))")
def test_a_lossless_file_is_read_exactly_and_written_at_the_finest_quality():
    photo = read(imagecodecs.jpeg8_encode(SMOOTH, lossless=True))
    np.testing.assert_array_equal(photo.pixels, SMOOTH)
    assert photo.quality == 100


@pytest.mark.skipif("not jpeg_kinds._decodes(arithmetic())")
def test_an_arithmetic_coded_file_is_read():
    ramp = np.mgrid[:8, :8].sum(0) * 10  # what was encoded
    np.testing.assert_allclose(read(arithmetic()).pixels[..., 0], ramp, atol=12)


def test_the_probe_of_the_decoder():
    assert jpeg_kinds._decodes(saved(Image.new("L", (2, 1)), "JPEG"))
    assert not jpeg_kinds._decodes(b"\xff\xd8\xff\xd9")
