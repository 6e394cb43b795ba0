import struct
import time
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from images_samples import make_metadata, make_samples, saved
from PIL import Image

from refocal.images.io import Photo, check_header, encode, read
from refocal.types import InputError

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
MAX_CPU_SECONDS = 10  # CPU time, not wall-clock time; decoding 2,500 megapixels takes longer on any machine


def refusal(data: bytes, function=read, **limits: int) -> str:
    """The sentence with which the file is refused, at a few MB and little CPU time: before it is decoded."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(InputError) as caught:
            function(data, **limits)
        assert time.process_time() - start < MAX_CPU_SECONDS
        assert tracemalloc.get_traced_memory()[1] < 4e6 + 2 * len(data)
    finally:
        tracemalloc.stop()
    sentence = str(caught.value)
    assert sentence.startswith("The image ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(format: str, side: int) -> bytes:
    """A file of a few bytes whose header announces ``side`` x ``side`` pixels."""
    small = encode(Photo(np.zeros((8, 8, 3), np.uint8)), format)
    if format == "PNG":
        header = png_chunk(b"IHDR", struct.pack(">II", side, side) + small[24:29])
        return small[:8] + header + small[33:]
    if format == "JPEG":
        frame = small.index(b"\xff\xc0") + 5
        return small[:frame] + struct.pack(">HH", side, side) + small[frame + 4 :]
    if format == "WEBP":
        return small[:21] + struct.pack("<I", (side - 1) | (side - 1) << 14) + small[25:]
    data = bytearray(small)
    for entry in range(10, 10 + 12 * data[8], 12):
        if struct.unpack_from("<H", data, entry)[0] in (256, 257, 278):  # width, height, rows per strip
            struct.pack_into("<HII", data, entry + 2, 4, 1, side)
    return bytes(data)


@pytest.mark.parametrize("function", [read, check_header])
@pytest.mark.parametrize(("format", "side"), [("PNG", 50000), ("TIFF", 50000), ("JPEG", 50000), ("WEBP", 16383)])
def test_bombs_are_refused_by_their_header(format, side, function):
    assert f"has {side} x {side} pixels" in refusal(bomb(format, side), function)


@pytest.mark.parametrize("format", FORMATS)
def test_the_limit_can_be_set(format):
    data = encode(Photo(make_samples((20, 30, 3), np.uint8)), format)
    assert read(data, max_pixels=600).pixels.shape == (20, 30, 3)
    assert "30 x 20 pixels" in refusal(data, max_pixels=599)
    assert "MB, and the limit is" in refusal(data, max_bytes=len(data) - 1)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_off_anywhere_is_refused(format):
    """A JPEG from its first whole row on gives what is there (test_jpeg_damage)."""
    data = encode(Photo(make_samples((40, 30, 3), np.uint8)), format)
    for length in [*range(1, 40), *range(40, len(data), len(data) // 60), len(data) - 20, len(data) - 3]:
        if format == "JPEG" and length > len(data) - len(data) // 4:
            assert read(data[:length]).notes
        elif format != "JPEG" or length < data.index(b"\xff\xda"):
            refusal(data[:length])


def animation(format: str) -> bytes:
    frames = [Image.fromarray(make_samples((8, 8, 3), np.uint8, seed)) for seed in range(3)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (animation("GIF"), "is a GIF, which refocal doesn't read"),
        (saved(Image.new("RGB", (4, 4)), "BMP"), "is a BMP"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "is a HEIC or AVIF file"),
        (animation("PNG"), "is an animated PNG"),
        (animation("WEBP"), "is an animated WebP"),
        (animation("TIFF"), "has several pages"),
        (b"", "is empty"),
        (b"Hello, this is no photo at all.", "isn't a photo that refocal reads"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "isn't a photo"),
    ],
)
def test_other_files_are_refused_with_their_kind(data, words):
    assert words in refusal(data)


def test_the_sentence_names_the_file(tmp_path):
    path = tmp_path / "letter.jpg"
    path.write_text("Dear reader")
    with pytest.raises(InputError, match=r"letter\.jpg isn't a photo"):
        read(path)
    with pytest.raises(InputError, match=r"gone\.jpg doesn't exist\."):
        read(tmp_path / "gone.jpg")
    with pytest.raises(InputError, match="can't be opened"):
        read("nul\0byte.jpg")
    with pytest.raises(InputError, match=r"letter\.jpg/x\.jpg can't be opened: Not a directory"):
        read(path / "x.jpg")


@pytest.mark.skipif("not hasattr(__import__('os'), 'mkfifo')", reason="no named pipes")
def test_a_pipe_does_not_block(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="folder or a device"):
        read(tmp_path / "pipe.jpg")


def tiff(samples: np.ndarray, **options: object) -> bytes:
    out = BytesIO()
    tifffile.imwrite(out, samples, **{"metadata": None} | options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(np.zeros((4, 5), np.float32)), "32-bit floating-point samples"),
        (tiff(np.zeros((4, 5), np.uint32)), "32-bit integer samples"),
        (tiff(np.zeros((4, 5), np.int16)), "16-bit signed samples"),
        (tiff(np.zeros((9, 9, 20), np.uint8), photometric="rgb", planarconfig="contig"), "has 20 channels"),
        (tiff(np.zeros((4, 5, 4), np.uint16), photometric="separated"), "isn't plain 8 bit"),
        (tiff(np.zeros((4, 5), np.uint16), photometric="cfa"), "camera's raw file"),
        (tiff(np.zeros((4, 5), np.uint16), extratags=[(50706, 1, 4, (1, 4, 0, 0), True)]), "camera's raw file"),
        (tiff(np.zeros((4, 5), np.uint16), subfiletype=1), "camera's raw file"),
        (tiff(np.zeros((32, 32, 3), np.uint8), photometric="rgb", compression="jpeg2000"), "is compressed in a way"),
    ],
)
def test_tiffs_of_other_kinds_are_refused(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_compressed_chunks_do_not_blow_up(kind):
    flood = zlib.compress(bytes(100_000_000), 9)
    head = {b"iCCP": b"x\0\0", b"zTXt": b"Raw profile type exif\0\0", b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0"}[kind]
    photo = Photo(make_samples((5, 6, 3), np.uint8))
    data = encode(photo)
    data = data[:33] + png_chunk(kind, head + flood) * 2 + data[33:]
    tracemalloc.start()
    back = read(data)
    assert tracemalloc.get_traced_memory()[1] < 40e6
    tracemalloc.stop()
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    assert back.metadata.icc is back.metadata.xmp is None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(FORMATS), st.data())
def test_hostile_bytes_give_a_photo_or_a_sentence(format, data):
    """With a few bytes of a file changed, read returns or raises InputError; what it returns can be written."""
    file = bytearray(encode(Photo(make_samples((9, 8, 3), np.uint8), metadata=make_metadata()), format))
    for _ in range(data.draw(st.integers(1, 4))):
        # The first bytes, those of EXIF among them, are where structure is.
        file[data.draw(st.integers(12, min(len(file), 1400) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = read(bytes(file), max_pixels=16383)  # so that any side fits into WebP
    except InputError:
        return
    for target in FORMATS:
        read(encode(photo, target))


def test_a_cut_off_header_is_refused_for_its_size():
    """The size is reported first: it is the reason to stop reading."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 50000, 50000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(InputError, match="50000 x 50000 pixels, 2,500 megapixels, and the limit is 250"):
        read(bomb)
