from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

import refocal
from refocal.types import InputError


def array(shape, dtype):
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    values = np.random.default_rng(5).uniform(0, top, shape)
    return (np.rint(values) if top > 1 else values).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 11), (9, 11, 1), (9, 11, 2), (9, 11, 3), (9, 11, 4)])
def test_an_array_keeps_its_dtype_and_layout(shape, dtype):
    given = array(shape, dtype)
    kept = given.copy()
    same = refocal.deblur(given, strength=0)
    assert same.dtype == dtype and same is not given
    np.testing.assert_array_equal(same, given)
    sharper = refocal.deblur(given, "unsharp-mask")
    assert sharper.dtype == dtype and sharper.shape == shape
    np.testing.assert_array_equal(given, kept)
    if len(shape) == 3 and shape[2] in (2, 4):
        np.testing.assert_array_equal(sharper[..., -1], given[..., -1])  # alpha is not an intensity
    assert np.abs(sharper.astype(float) - given.astype(float)).max() > 0.1 * float(given.max())


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", ">f8", "<f4"])
def test_the_byte_order_of_an_array_does_not_matter(dtype):
    given = array((9, 11, 3), np.dtype(dtype).newbyteorder("="))
    expected = refocal.deblur(given, "unsharp-mask")
    found = refocal.deblur(given.astype(dtype), "unsharp-mask")
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, expected)


def test_all_layouts_give_the_same_result():
    colour = array((20, 24, 3), np.uint8)
    expected = refocal.deblur(colour, "wiener", blur=1.5)
    np.testing.assert_array_equal(np.asarray(refocal.deblur(Image.fromarray(colour), "wiener", blur=1.5)), expected)
    floats = refocal.deblur((colour / 255.0), "wiener", blur=1.5)
    assert np.abs(floats * 255 - expected).max() <= 0.5 + 1e-4
    deep = refocal.deblur(colour.astype(np.uint16) * 257, "wiener", blur=1.5)
    assert np.abs(deep / 257 - floats * 255).max() < 0.01
    grey = refocal.deblur(colour[..., 0], "wiener", blur=1.5)
    np.testing.assert_array_equal(grey, expected[..., 0])  # channels are restored one by one


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_a_pil_image_comes_back_in_its_kind(mode):
    if mode == "I;16":
        picture = Image.fromarray(array((9, 11), np.uint16))
    else:
        bands = {"1": "L", "P": "RGB"}.get(mode, mode)
        shape = (9, 11) if bands == "L" else (9, 11, len(bands))
        picture = Image.fromarray(array(shape, np.uint8)).convert(mode)
    picture.info["icc_profile"] = b"profile"
    same = refocal.deblur(picture, strength=0)
    assert same.mode == {"1": "L", "P": "RGB"}.get(mode, mode) and same.info["icc_profile"] == b"profile"
    np.testing.assert_array_equal(np.asarray(same), np.asarray(picture.convert(same.mode)))


def test_a_palette_with_transparency_keeps_it():
    picture = Image.new("P", (11, 9), 1)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.info["transparency"] = 1
    same = refocal.deblur(picture, strength=0)
    assert same.mode == "RGBA" and np.asarray(same)[0, 0].tolist() == [0, 255, 0, 0]


def test_bytes_come_back_in_the_same_format_with_their_metadata():
    colour = array((20, 24, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    for form, options in (("PNG", {}), ("JPEG", {"quality": 90}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        stream = BytesIO()
        Image.fromarray(colour).save(stream, form, exif=exif, **options)
        restored = refocal.deblur(stream.getvalue(), "unsharp-mask")
        assert isinstance(restored, bytes)
        with Image.open(BytesIO(restored)) as found:
            assert found.format == form and found.getexif()[0x010F] == "Maker" and found.size == (24, 20)
        if form != "JPEG":
            with Image.open(BytesIO(refocal.deblur(stream.getvalue(), strength=0))) as found:
                np.testing.assert_array_equal(np.asarray(found.convert("RGB")), colour)


def test_a_path_comes_back_as_a_pil_image_that_saves_with_its_metadata(tmp_path):
    colour = array((20, 24, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(colour).save(tmp_path / "a.png", exif=exif, icc_profile=profile)
    restored = refocal.deblur(tmp_path / "a.png", "unsharp-mask")
    np.testing.assert_array_equal(np.asarray(restored), refocal.deblur(colour, "unsharp-mask"))
    restored.save(tmp_path / "b.png", exif=restored.info["exif"])
    with Image.open(tmp_path / "b.png") as found:
        assert found.getexif()[0x010F] == "Maker" and found.info["icc_profile"] == profile


def test_a_16_bit_file_comes_back_as_an_array(tmp_path):
    deep = array((20, 24, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    restored = refocal.deblur(str(tmp_path / "a.png"), strength=0)
    assert restored.dtype == np.uint16
    np.testing.assert_array_equal(restored, deep)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((4, 5), np.int32), "uint8, uint16 or float, not int32"),
        (np.full((4, 5), 2.0), "finite values from 0 to 1"),
        (np.ma.masked_less(np.full((4, 5), 0.5), 0.2), "without a mask"),
        (np.full((4, 5), np.nan), "finite values from 0 to 1"),
        (np.zeros((4, 5, 7), np.uint8), r"not \(4, 5, 7\)"),
        (np.zeros((0, 5), np.uint8), r"not \(0, 5\)"),
        (Image.new("CMYK", (4, 5)), "mode CMYK .* convert it to RGB"),
        (17, "not int"),
        (b"no photo", "."),
        ("missing.png", "missing.png"),
    ],
)
def test_other_objects_get_one_sentence(picture, said):
    with pytest.raises(InputError, match=said) as caught:
        refocal.deblur(picture)
    assert "\n" not in str(caught.value)
