from dataclasses import replace
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from images_samples import EXIF_TAGS, make_exif, make_metadata, make_samples, saved
from PIL import Image, ImageOps

from refocal.images.io import SUFFIXES, Photo, check_header, encode, read, write
from refocal.types import InputError

LOSSLESS = ("PNG", "TIFF", "WEBP")


def make_photo(shape=(11, 7), channels=3, dtype=np.uint8, alpha=False, **fields):
    pixels = make_samples((*shape, channels), dtype)
    return Photo(pixels, make_samples(shape, dtype, seed=1) if alpha else None, **fields)


def decoded_by_others(data: bytes, format: str, sixteen: bool) -> np.ndarray:
    if format == "TIFF":
        np.testing.assert_array_equal(imagecodecs.tiff_decode(data), tifffile.imread(BytesIO(data)))
        return tifffile.imread(BytesIO(data))
    return imagecodecs.png_decode(data) if sixteen else np.asarray(Image.open(BytesIO(data)))


@settings(deadline=None, max_examples=60)
@given(
    format=st.sampled_from(LOSSLESS),
    sixteen=st.booleans(),
    channels=st.sampled_from([1, 3]),
    alpha=st.booleans(),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_lossless_round_trip_is_exact(format, sixteen, channels, alpha, height, width):
    if format == "WEBP":
        sixteen = False
    photo = make_photo((height, width), channels, np.uint16 if sixteen else np.uint8, alpha, metadata=make_metadata())
    data = encode(photo, format)
    back = read(data)
    assert (back.format, back.quality, back.notes) == (format, None, ())
    grey_in_webp = format == "WEBP" and channels == 1
    pixels = np.repeat(photo.pixels, 3, axis=2) if grey_in_webp else photo.pixels
    np.testing.assert_array_equal(back.pixels, pixels)
    if not (format == "WEBP" and alpha and (photo.alpha == 255).all()):  # libwebp drops an alpha that says nothing
        assert (back.alpha is None) == (not alpha)
        if alpha:
            np.testing.assert_array_equal(back.alpha, photo.alpha)
        if not grey_in_webp:
            np.testing.assert_array_equal(decoded_by_others(data, format, sixteen), photo.samples())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("source", "sixteen"),
    [("JPEG", False), ("PNG", False), ("TIFF", False), ("WEBP", False), ("PNG", True), ("TIFF", True)],
)
@pytest.mark.parametrize("target", ["JPEG", *LOSSLESS])
def test_metadata_survives_every_way_between_formats(source, target, sixteen, channels):
    metadata = make_metadata()
    photo = make_photo(channels=channels, dtype=np.uint16 if sixteen else np.uint8, metadata=metadata)
    data = encode(read(encode(photo, source)), target)
    found = read(data).metadata
    assert (found.icc, found.xmp) == (metadata.icc, metadata.xmp)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + found.exif)
    assert {tag: exif[tag] for tag in EXIF_TAGS} == EXIF_TAGS
    if "WEBP" not in (source, target):
        np.testing.assert_allclose(found.dpi, metadata.dpi, atol=0.02)  # PNG counts pixels per metre
    if not (sixteen and target == "PNG" and channels == 3):  # Pillow reads it with 8 bits; its header is fine
        assert dict(Image.open(BytesIO(data)).getexif().items()).items() >= EXIF_TAGS.items()
    assert Image.open(BytesIO(data)).info["icc_profile"] == metadata.icc


@pytest.mark.parametrize("format", ["JPEG", *LOSSLESS])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(format, orientation):
    smooth = np.mgrid[0:16, 0:24].sum(0)[..., None] * np.array([6, 3, 1])
    data = saved(
        Image.fromarray(smooth.astype(np.uint8)),
        format,
        exif=b"Exif\0\0" + make_exif(orientation),
        **({"lossless": True} if format == "WEBP" else {}),
    )
    photo = read(data)
    np.testing.assert_array_equal(photo.pixels, np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data)))))
    again = encode(photo)
    assert Image.open(BytesIO(again)).getexif().get(0x0112, 1) == 1
    assert read(again).pixels.shape == photo.pixels.shape


def test_alpha_is_turned_with_the_pixels():
    samples = make_samples((3, 5, 4), np.uint8)
    photo = read(saved(Image.fromarray(samples), "PNG", exif=b"Exif\0\0" + make_exif(6)))
    np.testing.assert_array_equal(photo.samples(), np.rot90(samples, -1))


def test_the_content_determines_the_format_not_the_name(tmp_path):
    path = tmp_path / "really_a_jpeg.png"
    path.write_bytes(encode(make_photo(), "JPEG"))
    assert read(path).format == "JPEG"
    assert read(str(path)).format == "JPEG"


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".JPG", ".Tiff"])
def test_the_suffix_determines_the_format_to_write(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    photo = make_photo()
    assert write(path, photo) == ()
    assert read(path).format == Image.open(BytesIO(path.read_bytes())).format == SUFFIXES[suffix.lower()]
    assert path.read_bytes() == encode(photo, SUFFIXES[suffix.lower()])


def test_losses_of_a_format_are_reported(tmp_path):
    photo = make_photo(dtype=np.uint16, alpha=True, notes=("earlier",))
    given = write(tmp_path / "a.jpg", photo)
    assert [note.split()[0] + note.split()[2] for note in given] == ["JPEG8", "JPEGno"]
    assert [note.split()[0] for note in write(tmp_path / "a.webp", photo)] == ["WebP"]
    np.testing.assert_array_equal(read(tmp_path / "a.webp").pixels, np.rint(photo.pixels / 257))
    assert write(tmp_path / "a.png", photo) == write(tmp_path / "a.tif", photo) == ()
    large = make_photo(metadata=replace(make_metadata(), exif=make_exif() + bytes(70000), xmp=bytes(70000)))
    assert len(write(tmp_path / "b.jpg", large)) == 2
    with pytest.raises(InputError, match="at most 16383 pixels a side, and the photo is 16384 x 1"):
        encode(Photo(np.zeros((1, 16384, 3), np.uint8)), "WEBP")


def test_nothing_is_overwritten_unless_asked(tmp_path):
    path = tmp_path / "photo.png"
    write(path, make_photo())
    with pytest.raises(InputError, match=r"photo\.png exists already"):
        write(path, make_photo())
    write(path, make_photo((2, 2)), overwrite=True)
    assert read(path).pixels.shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.gif", r"use \.jpg, \.jpeg, \.jpe, \.jfif, \.png, \.tif, \.tiff, \.webp"),
        ("none", "suffix"),
        ("no/a.png", "there is no folder"),
    ],
)
def test_places_where_nothing_can_be_written(tmp_path, name, reason):
    with pytest.raises(InputError, match=reason):
        write(tmp_path / name, make_photo())
    assert list(tmp_path.iterdir()) == []


def test_the_disks_refusal_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="can't be written: File name too long"):
        write(tmp_path / ("x" * 300 + ".png"), make_photo())

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"a\.png can't be written: No space left on device\."):
        write(tmp_path / "a.png", make_photo())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match=r"a\.png is a folder"):
        write(tmp_path / "a.png", make_photo(), overwrite=True)
    with pytest.raises(InputError, match=r"a\.png is a folder"):
        read(tmp_path / "a.png")


def test_header_is_the_stored_size(tmp_path):
    header = check_header(saved(Image.new("RGB", (5, 3)), "JPEG", exif=b"Exif\0\0" + make_exif(6)))
    assert (header.format, header.width, header.height, header.bits) == ("JPEG", 5, 3, 8)
    assert check_header(encode(make_photo(dtype=np.uint16), "TIFF")).bits == 16
