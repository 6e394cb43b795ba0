"""JPEGs that end too early: the rows that are whole, against a picture of the whole file."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import refocal
from refocal.images.io import read
from refocal.images.jpeg_segments import segments

KINDS = [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 4}, {"restart_marker_rows": 1}]


def _jpeg(channels, **options):
    y, x = np.mgrid[:160, :224]
    grey = 128 + 60 * np.sin(x / 9) * np.cos(y / 7) + np.random.default_rng(0).normal(0, 12, x.shape)
    pixels = np.clip(grey, 0, 255).astype(np.uint8)
    stream = BytesIO()
    picture = Image.fromarray(pixels if channels == 1 else np.dstack([pixels, pixels // 2, 255 - pixels]))
    (picture.convert("CMYK") if channels == 4 else picture).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", KINDS)
def test_a_whole_file_has_no_note(channels, options):
    photo = read(_jpeg(channels, **options))
    assert not photo.damaged and photo.notes == ()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", KINDS)
def test_without_its_end_marker_every_row_is_there(channels, options):
    data = _jpeg(channels, **options)
    photo = read(data[:-2])
    np.testing.assert_array_equal(photo.pixels, read(data).pixels)
    assert not photo.damaged and "every row of the photo was there" in photo.notes[0]


@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_half_a_file_gives_its_whole_rows_and_a_note(channels, options, share, end):
    data = _jpeg(channels, **options)
    photo = read(data[: int(share * len(data))] + end)
    assert photo.damaged
    (note,) = photo.notes
    if "progressive" in options and share == 0.5:
        assert "its last passes are missing" in note
        return
    rows = int(note.split("the first ")[1].split(" of 160 rows")[0])
    np.testing.assert_array_equal(photo.pixels[:rows], read(data).pixels[:rows])
    if "progressive" not in options:  # its passes go over the whole picture
        assert abs(rows - share * 160) < 32


@pytest.mark.parametrize("options", KINDS)
def test_half_a_cmyk_file_is_damaged(options):
    data = _jpeg(4, **options)
    whole, half = read(data), read(data[: len(data) // 2])
    assert half.damaged and not whole.damaged
    if "progressive" not in options:
        rows = int(half.notes[0].split("the first ")[1].split(" of 160 rows")[0])
        np.testing.assert_array_equal(half.pixels[:rows], whole.pixels[:rows])
        assert abs(rows - 80) < 32


@pytest.mark.parametrize("interval", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 4}])
def test_a_cut_before_a_restart_marker_is_found(interval):
    data = _jpeg(3, **interval)
    markers = [i for i in range(len(data) // 3, len(data) - 9) if data[i] == 255 and 0xD0 <= data[i + 1] <= 0xD7]
    for place in markers[:: max(1, len(markers) // 6)]:
        for cut in (data[:place], data[: place + 1]):
            photo = read(cut)
            assert photo.damaged and "rows are whole" in photo.notes[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_few_missing_bytes_are_missing_rows(channels):
    data = _jpeg(channels)
    whole = read(data).pixels
    for missing in (6, 12, 30):
        photo = read(data[:-missing])
        assert photo.damaged or np.array_equal(photo.pixels, whole)
    assert read(data[:-30]).damaged


def test_damage_that_the_decoder_warns_of_is_noted():
    data = bytearray(_jpeg(3, restart_marker_rows=1))
    place = data.index(b"\xff\xd3")
    data[place + 1] = 0xD6  # another restart marker than the one that is due
    photo = read(bytes(data))
    assert photo.damaged and photo.notes == ("The file's data are damaged, so parts of the photo may be wrong.",)


def test_a_stray_marker_in_the_middle_is_damage():
    for marker in (0xFE, 0x01):
        data = bytearray(_jpeg(3))
        data[len(data) // 2 : len(data) // 2 + 4] = bytes((0xFF, marker, 0, 4))
        assert read(bytes(data)).damaged


def test_a_component_whose_pass_is_missing_is_damage():
    """Baseline JPEG with a pass per component, put together from three grey files."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 48, 64), np.uint8)
    found, ends = b"\xff\xd8", []
    for number, plane in enumerate(pixels, 1):
        stream = BytesIO()
        Image.fromarray(plane).save(stream, "JPEG", quality=90)
        parts = list(segments(stream.getvalue()))
        if number == 1:
            found += b"".join(_segment(one.marker, one.payload) for one in parts if one.marker == 0xDB)
            shape = struct.pack(">HH", 48, 64)
            found += _segment(0xC0, b"\x08" + shape + bytes((3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)))
        found += b"".join(_segment(one.marker, one.payload) for one in parts if one.marker == 0xC4)
        found += _segment(0xDA, bytes((1, number, 0, 0, 63, 0)))
        found += stream.getvalue()[next(one.end for one in parts if one.marker == 0xDA) : -2]
        ends.append(len(found))
    assert not read(found + b"\xff\xd9").damaged
    for end in (ends[0], (ends[0] + ends[1]) // 2, ends[1], (ends[1] + ends[2]) // 2):
        for marker in (b"", b"\xff\xd9"):
            assert read(found[:end] + marker).damaged


def _segment(marker, payload):
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def test_a_progressive_file_cut_anywhere_behind_its_first_pass_is_restored():
    data = _jpeg(3, progressive=True)
    first = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    for end in range(first, len(data), (len(data) - first) // 12):
        assert read(data[:end]).damaged


def test_zeros_before_the_end_marker_are_no_damage():
    for channels in (1, 3, 4):
        for options in KINDS:
            data = _jpeg(channels, **options)
            assert not read(data[:-2] + bytes(5) + data[-2:]).damaged


def test_bytes_behind_the_picture_are_no_damage():
    data = _jpeg(3)
    assert not read(data + data).damaged and not read(data + b"\0" * 100).damaged


def test_an_incomplete_photo_is_restored_with_a_warning():
    data = _jpeg(1)
    with pytest.warns(UserWarning, match="ends too early"):
        restored = refocal.deblur(data[: len(data) // 2], "unsharp-mask")
    with Image.open(BytesIO(restored)) as found:
        assert found.size == (224, 160)


def test_unchanged_lossy_files_are_copied_and_others_encoded():
    data = _jpeg(3)
    assert refocal.deblur(data, strength=0) == data
    assert refocal.deblur(data, "identity") == data
    assert refocal.deblur(data, "unsharp-mask") != data
    webp = BytesIO()
    Image.fromarray(np.asarray(Image.open(BytesIO(data)))).save(webp, "WEBP", quality=80)
    assert refocal.deblur(webp.getvalue(), "identity") == webp.getvalue()
    assert refocal.deblur(data[:-2], "identity") == data[:-2]  # every row is there
    with pytest.warns(UserWarning, match="ends too early"):
        assert refocal.deblur(data[: len(data) // 2], "identity") != data[: len(data) // 2]
