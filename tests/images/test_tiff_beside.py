"""What stands beside the picture in a TIFF: further bands, tags about the place, IPTC."""

import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile
from images_samples import make_exif, make_samples, saved
from PIL import Image
from test_photoshop import IPTC, OTHER

from refocal.images.io import encode, read, write
from refocal.types import InputError

RECORD = b"\x1c\x02\x78\x00\x03abc"
SCALE, TIEPOINT, NO_DATA = (0.5, 0.5, 0.0), (0.0, 0.0, 0.0, 4.4e5, 5.1e6, 0.0), "-9999"
KEYS, NAME = (1, 1, 0, 1, 1026, 34737, 5, 0), "WGS|"
PLACE = [
    (33550, 12, 3, SCALE, True),
    (33922, 12, 6, TIEPOINT, True),
    (34735, 3, 8, KEYS, True),
    (34737, 2, len(NAME), NAME, True),
    (42113, 2, len(NO_DATA), NO_DATA, True),
]


def tiff(samples, **options):
    out = BytesIO()
    tifffile.imwrite(out, samples, **{"metadata": None} | options)
    return out.getvalue()


def tags(data):
    with tifffile.TiffFile(BytesIO(data)) as file:
        return {tag.code: tag.value for tag in file.pages.first.tags}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kinds", [(0,), (0, 0), (2, 0), (0, 2), (0, 0, 1, 0)])
@pytest.mark.parametrize("colours", [1, 3])
def test_bands_that_are_not_transparency_are_kept_as_they_are(colours, kinds, dtype, tmp_path):
    samples = make_samples((9, 7, colours + len(kinds)), dtype)
    alpha = [colours + index for index, kind in enumerate(kinds) if kind]
    samples[..., alpha] = np.iinfo(dtype).max  # opaque, so that premultiplied pixels are what they were
    photometric = "rgb" if colours == 3 else "minisblack"
    photo = read(tiff(samples, photometric=photometric, planarconfig="contig", extrasamples=kinds))
    np.testing.assert_array_equal(photo.pixels, samples[..., :colours])
    others = [colours + index for index, kind in enumerate(kinds) if not kind]
    np.testing.assert_array_equal(photo.extra, samples[..., others])
    assert (photo.alpha is None) == (not alpha)
    assert photo.notes == (f"Bands beside colour and transparency ({len(others)}) aren't restored.",)
    data = encode(photo)
    np.testing.assert_array_equal(tifffile.imread(BytesIO(data)), samples[..., [*range(colours), *alpha, *others]])
    assert tuple(np.ravel(tags(data)[338])) == (2,) * len(alpha) + (0,) * len(others)
    assert write(tmp_path / "a.png", photo) == (
        f"PNG holds no bands beside colour and transparency ({len(others)}), so they were left out.",
    )
    back = read(tmp_path / "a.png")
    assert (back.alpha is None) == (not alpha)


def test_near_infrared_is_no_transparency_and_turns_with_the_photo():
    samples = make_samples((3, 5, 4), np.uint8)
    orientation = [(274, 3, 1, 6, True)]
    photo = read(tiff(samples, photometric="rgb", extrasamples=("unspecified",), extratags=orientation))
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.extra[..., 0], np.rot90(samples[..., 3], -1))


def test_more_samples_than_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr("refocal.images.tiff._MAX_SAMPLES", 1000)
    data = tiff(np.zeros((20, 20, 5), np.uint8), photometric="rgb", planarconfig="contig")
    with pytest.raises(InputError, match="samples in 5 channels, and the limit is"):
        read(data)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tags_about_the_place_are_kept_in_a_tiff_and_nowhere_else(byteorder, bigtiff, tmp_path):
    data = tiff(make_samples((6, 7), np.uint8), extratags=PLACE, byteorder=byteorder, bigtiff=bigtiff)
    photo = read(data)
    found = tags(encode(photo))
    assert (found[33550], found[33922], found[34735]) == (SCALE, TIEPOINT, KEYS)
    assert (found[34737], found[42113]) == (NAME, NO_DATA)
    sentence = "holds no tags about the place on the map (GeoTIFF), so they were left out."
    assert write(tmp_path / "a.png", photo) == (f"PNG {sentence}",)
    assert write(tmp_path / "a.jpg", photo) == (f"JPEG {sentence}",)


def test_tags_about_the_place_go_when_the_photo_is_turned():
    photo = read(tiff(make_samples((6, 7), np.uint8), extratags=[*PLACE, (274, 3, 1, 8, True)]))
    assert photo.notes == ("The tags about the place on the map (GeoTIFF) were left out, as the photo was turned.",)
    assert not {33550, 33922, 34735, 34737, 42113}.intersection(tags(encode(photo)))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_iptc_is_found_in_both_tags_and_written_in_both(byteorder):
    grey = make_samples((6, 7), np.uint8)
    numbers = struct.unpack(f"{byteorder}2I", RECORD)  # the type that many writers use
    for extra, block in (
        ([(33723, 4, 2, numbers, True)], IPTC),
        ([(33723, 7, 8, RECORD, True)], IPTC),
        ([(34377, 1, len(IPTC + OTHER), IPTC + OTHER, True)], IPTC + OTHER),
        ([(34377, 7, len(OTHER), OTHER, True), (33723, 7, 8, RECORD, True)], OTHER + IPTC),
        ([(34377, 7, len(IPTC), IPTC, True), (33723, 7, 8, b"\x1c\x02\x78\x00\x03old", True)], IPTC),
    ):
        photo = read(tiff(grey, extratags=extra, byteorder=byteorder))
        assert (photo.metadata.iptc, photo.notes) == (block, ())
        with Image.open(BytesIO(encode(photo))) as picture:
            assert (picture.tag_v2[33723], picture.tag_v2[34377]) == (RECORD, block)
        assert read(encode(photo, "JPEG")).metadata.iptc == block


def test_other_contents_are_named():
    grey = make_samples((6, 7), np.uint8)
    photo = read(tiff(grey, extratags=[(37724, 7, 4, b"8BIM", True), (65000, 3, 1, 5, True), (50839, 1, 1, 5, True)]))
    assert photo.notes == (
        "The layers of the photo were left out, as they show it unrestored.",
        "Tags of the TIFF that refocal doesn't know were left out: 50839, 65000.",
    )
    out = BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(grey, metadata=None)
        file.write(grey > 9, subfiletype=4, photometric="mask", metadata=None)
    assert read(out.getvalue()).notes == ("The mask beside the photo was left out.",)


@pytest.mark.parametrize(("tag", "word"), [(34675, "colour profile"), (700, "XMP"), (34377, "IPTC")])
def test_a_value_beyond_the_end_of_the_file_leaves_a_note(tag, word):
    data = bytearray(tiff(make_samples((6, 7), np.uint8), extratags=[(tag, 7, 200, bytes(200), True)]))
    entry = data.index(struct.pack("<HHI", tag, 7, 200))
    struct.pack_into("<I", data, entry + 8, len(data) - 10)
    (note,) = read(bytes(data)).notes
    assert f"The {word}" in note


def test_a_turned_tiff_has_its_sizes_exchanged():
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + make_exif(6))
    photo = read(saved(Image.fromarray(make_samples((6, 7), np.uint8)), "TIFF", exif=exif, dpi=(300, 240)))
    np.testing.assert_allclose(photo.metadata.dpi, (240, 300))
