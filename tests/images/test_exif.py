"""EXIF of a photo that is turned, against a marked pixel that is turned with it."""

import struct

import numpy as np
import pytest
from images_samples import MAKER_NOTE, saved
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from refocal.images.exif import upright_exif
from refocal.images.io import encode, read

WIDTH, HEIGHT, COLUMN, ROW = 24, 16, 5, 3
AREA, LOCATION = 0x9214, 0xA214
NOTE = bytes(range(200))


def block(orientation, area=(COLUMN, ROW, 8, 4), endian="<", main=None, inner=None):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112] = orientation
    sizes = {0x0100: WIDTH, 0x0101: HEIGHT, 0x011A: IFDRational(300, 1), 0x011B: IFDRational(240, 1)}
    for tag, value in (sizes if main is None else main).items():
        exif[tag] = value
    sizes = {0xA002: WIDTH, 0xA003: HEIGHT, 0xA20E: 1000.0, 0xA20F: 900.0}
    exif[0x8769] = (sizes if inner is None else inner) | {AREA: area, LOCATION: (COLUMN, ROW), MAKER_NOTE: NOTE}
    return exif.tobytes().removeprefix(b"Exif\0\0")


def parsed(exif):
    found = Image.Exif()
    found.load(b"Exif\0\0" + exif)
    return found, found.get_ifd(0x8769)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_and_subject_follow_the_turning(orientation, endian):
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[ROW, COLUMN] = 255
    before = block(orientation, endian=endian)
    photo = read(saved(Image.fromarray(pixels), "PNG", exif=b"Exif\0\0" + before, dpi=(300, 240)))
    height, width = photo.pixels.shape[:2]
    row, column = np.argwhere(photo.pixels[..., 0] == 255)[0]
    main, inner = parsed(photo.metadata.exif)
    upright = width == WIDTH
    assert (main[0x0112], main[0x0100], main[0x0101]) == (1, width, height)
    assert (main[0x011A], main[0x011B]) == ((300, 240) if upright else (240, 300))
    assert (inner[0xA002], inner[0xA003]) == (width, height)
    assert (inner[0xA20E], inner[0xA20F]) == ((1000, 900) if upright else (900, 1000))
    assert inner[AREA] == (column, row, *((8, 4) if upright else (4, 8)))
    assert inner[LOCATION] == (column, row)
    np.testing.assert_allclose(photo.metadata.dpi, (300, 240) if upright else (240, 300), atol=0.02)
    assert len(photo.metadata.exif) == len(before)
    assert photo.metadata.exif.index(NOTE) == before.index(NOTE)  # its own offsets still hold


@pytest.mark.parametrize("area", [(COLUMN, ROW), (COLUMN, ROW, 7)])
def test_a_point_and_a_circle(area):
    _, exif = upright_exif(block(6, area), (WIDTH, HEIGHT))
    assert parsed(exif)[1][AREA] == (HEIGHT - 1 - ROW, COLUMN, *area[2:])


def test_the_subject_counts_in_the_size_that_exif_states():
    """As in a reduced copy whose EXIF is still that of the camera's file."""
    _, exif = upright_exif(block(3, inner={0xA002: 1000, 0xA003: 800}), (WIDTH, HEIGHT))
    assert parsed(exif)[1][LOCATION] == (999 - COLUMN, 799 - ROW)


def test_a_size_that_is_alone_changes_its_name():
    _, exif = upright_exif(block(8, main={0x0100: WIDTH}, inner={0xA003: HEIGHT}), (WIDTH, HEIGHT))
    main, inner = parsed(exif)
    assert (0x0100 in main, main[0x0101]) == (False, WIDTH)
    assert (0xA003 in inner, inner[0xA002]) == (False, HEIGHT)


@pytest.mark.parametrize("length", range(0, 420, 7))
def test_a_block_cut_off_is_kept_as_far_as_it_goes(length):
    whole = block(6)
    _, exif = upright_exif(whole[:length], (WIDTH, HEIGHT))
    assert len(exif) == len(whole[:length])


def test_an_exif_directory_outside_of_the_block():
    broken = bytearray(block(6))
    at = next(at for at in range(10, 200, 12) if struct.unpack_from("<H", broken, at)[0] == 0x8769)
    struct.pack_into("<I", broken, at + 8, 1 << 30)
    assert upright_exif(bytes(broken), (WIDTH, HEIGHT))[0] == 6


def test_a_photo_turned_once_stays_as_it_is():
    photo = read(saved(Image.new("L", (WIDTH, HEIGHT)), "JPEG", exif=b"Exif\0\0" + block(6)))
    again = read(encode(photo))
    assert again.pixels.shape == photo.pixels.shape
    assert again.metadata.exif == photo.metadata.exif
