from io import BytesIO

import numpy as np
import pytest
import tifffile
from images_samples import EXIF_TAGS, EXPOSURE, INNER_TAGS, cmyk_profile, make_metadata, make_samples, saved
from PIL import Image

from refocal.images.io import Photo, encode, read
from refocal.types import InputError


def tiff(samples: np.ndarray, **options: object) -> bytes:
    out = BytesIO()
    tifffile.imwrite(out, samples, **{"metadata": None} | options)
    return out.getvalue()


@pytest.mark.parametrize("sixteen", [False, True])
def test_exif_and_gps_directories_survive(sixteen):
    metadata = make_metadata()
    photo = Photo(make_samples((9, 8, 3), np.uint16 if sixteen else np.uint8), metadata=metadata)
    data = encode(photo, "TIFF")
    for found in (read(data).metadata.exif, read(encode(read(data), "PNG")).metadata.exif):
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + found)
        assert dict(exif.get_ifd(0x8769)) == INNER_TAGS
        assert exif.get_ifd(0x8825) == {1: "N", 2: (48.0, 51.0, 29.6)}
    with tifffile.TiffFile(BytesIO(data)) as file:
        tags = file.pages[0].tags
        assert {tag: tags[tag].value for tag in EXIF_TAGS} == EXIF_TAGS
        assert tags[34665].value["ExposureTime"] == (INNER_TAGS[EXPOSURE].numerator, INNER_TAGS[EXPOSURE].denominator)
        assert (tags[34675].value, tags[700].value) == (metadata.icc, metadata.xmp)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "tile": (16, 16)},
        {"planarconfig": "separate", "compression": "zlib"},
        {"bigtiff": True},
    ],
)
def test_other_writers_storage_is_read(byteorder, dtype, options):
    samples = make_samples((37, 21, 3), dtype)
    stored = samples.transpose(2, 0, 1) if "planarconfig" in options else samples
    photo = read(tiff(stored, photometric="rgb", byteorder=byteorder, software="me", **options))
    np.testing.assert_array_equal(photo.pixels, samples)
    assert photo.pixels.dtype == dtype
    assert photo.pixels.dtype.isnative
    if "bigtiff" in options and byteorder == ">":  # which Pillow can't parse
        assert (photo.metadata.exif, len(photo.notes)) == (None, 1)
        return
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + photo.metadata.exif)
    assert (exif[0x0131], photo.notes) == ("me", ())


def test_grey_kinds():
    grey = make_samples((10, 11), np.uint16)
    np.testing.assert_array_equal(read(tiff(grey)).pixels[..., 0], grey)
    np.testing.assert_array_equal(read(tiff(grey, photometric="miniswhite")).pixels[..., 0], 65535 - grey)
    bits = make_samples((10, 11), np.uint8) > 127
    np.testing.assert_array_equal(read(saved(Image.fromarray(bits), "TIFF")).pixels[..., 0], bits * 255)
    faxed = saved(Image.fromarray(bits), "TIFF", compression="group4")
    np.testing.assert_array_equal(read(faxed).pixels[..., 0], bits * 255)


def test_palette_becomes_rgb():
    picture = Image.fromarray(make_samples((10, 11, 3), np.uint8)).quantize(50)
    np.testing.assert_array_equal(read(saved(picture, "TIFF")).pixels, np.asarray(picture.convert("RGB")))


def test_jpeg_within_a_tiff():
    smooth = (np.mgrid[0:64, 0:96].sum(0)[..., None] * np.array([1, 1.5, 0.5])).astype(np.uint8)
    data = saved(Image.fromarray(smooth), "TIFF", compression="jpeg", quality=95)
    np.testing.assert_allclose(read(data).pixels.astype(int), smooth, atol=8)
    inner = tiff(smooth, photometric="rgb", compression="jpeg", rowsperstrip=64)
    frame = inner.index(b"\xff\xc0") + 5
    with pytest.raises(InputError, match="JPEG data within is larger than the image"):
        read(inner[:frame] + b"\xff\xdc\xff\xdc" + inner[frame + 4 :])


def test_cmyk_goes_through_its_profile():
    inks = np.zeros((4, 5, 4), np.uint8)
    inks[:2, :, 0] = 255  # cyan, which has no effect in the made-up profile
    picture = Image.fromarray(inks, mode="CMYK")
    photo = read(saved(picture, "TIFF", icc_profile=cmyk_profile()))
    assert ("through its colour profile" in photo.notes[0], photo.metadata.icc) == (True, None)
    np.testing.assert_allclose(photo.pixels, 255, atol=1)
    plain = read(saved(picture, "TIFF"))
    assert "approximate" in plain.notes[0]
    np.testing.assert_array_equal(plain.pixels, np.asarray(picture.convert("RGB")))


def test_alpha_is_kept_or_divided_out():
    samples = make_samples((6, 7, 4), np.uint16)
    np.testing.assert_array_equal(read(tiff(samples, photometric="rgb", extrasamples="unassalpha")).samples(), samples)
    whole = samples.astype(float)
    whole[..., 3] = samples[..., 3] | 0x8000
    multiplied = whole.copy()
    multiplied[..., :3] = np.rint(whole[..., :3] * whole[..., 3:] / 65535)
    photo = read(tiff(multiplied.astype(np.uint16), photometric="rgb", extrasamples="assocalpha"))
    np.testing.assert_allclose(photo.samples().astype(float), whole, atol=1)


def test_resolution_in_centimetres():
    data = tiff(make_samples((6, 7), np.uint8), resolution=(100, 50), resolutionunit="centimeter")
    np.testing.assert_allclose(read(data).metadata.dpi, (254, 127))


def test_a_thumbnail_beside_the_picture_is_no_second_page():
    out = BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(make_samples((16, 16), np.uint8), metadata=None)
        file.write(make_samples((4, 4), np.uint8), subfiletype=1, metadata=None)
    assert read(out.getvalue()).pixels.shape == (16, 16, 1)
