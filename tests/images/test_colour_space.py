"""Profiles and PNG's colour chunks against formulas and against LittleCMS."""

import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from scipy.ndimage import gaussian_filter

import refocal
from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.colour_space import SRGB, STEPS, make_space
from refocal.images.icc import SRGB_COLORANTS, make_profile, space_of_profile
from refocal.images.io import Metadata, Photo, encode, read
from refocal.images.opened import space_of
from refocal.images.png_colour import space_of_chunks, to_srgb_light
from refocal.restore import restore_photo

STORED = np.linspace(0, 1, STEPS + 1)
P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
SRGB_XY = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)


def _profile(gamma=None, curve=None, xy=SRGB_XY):
    return make_profile(STORED**gamma if curve is None else curve, SRGB_COLORANTS @ to_srgb_light(xy))


def _parametric(icc, form, *numbers):
    """The profile with its curve replaced by a parametric one."""
    data = b"para\0\0\0\0" + struct.pack(">HH", form, 0) + struct.pack(">7i", *(round(n * 65536) for n in numbers))
    offset, length = next(
        struct.unpack_from(">II", icc, place + 4) for place in range(132, 500, 12) if icc[place : place + 4] == b"rTRC"
    )
    return icc[:offset] + data.ljust(length, b"\0") + icc[offset + length :]


def _colours(*shape):
    return np.random.default_rng(3).random((3, *shape)).astype(np.float32)


def test_srgb_is_recognised_whoever_wrote_it():
    ours = make_profile(srgb_to_linear(STORED), SRGB_COLORANTS)
    for icc in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), ours):
        assert space_of_profile(icc, 3) is SRGB
        assert space_of_profile(icc, 1) is SRGB


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_a_gamma_is_followed_both_ways(gamma):
    space, image = space_of_profile(_profile(gamma), 3), _colours(40, 50)
    light = space.to_light(image)
    np.testing.assert_allclose(light, image**gamma, atol=3e-5)
    np.testing.assert_allclose(space.from_light(light), image, atol=2e-6)


def test_parametric_curves_follow_the_specification():
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)
    assert space_of_profile(_parametric(_profile(1.0), 3, *numbers), 3) is SRGB
    space = space_of_profile(_parametric(_profile(1.0), 4, 2.0, 0.8, 0.2, 0.5, 0.25, -0.035, 0.0), 3)
    expected = np.where(STORED >= 0.25, (0.8 * STORED + 0.2) ** 2 - 0.035, 0.5 * STORED).clip(0, 1)
    np.testing.assert_allclose(space.curves[0], np.maximum.accumulate(expected), atol=3e-4)
    space = space_of_profile(_parametric(_profile(1.0), 2, 2.0, 0.9, -0.1, 0.05, 0, 0, 0), 3)
    expected = np.where(STORED >= 1 / 9, (0.9 * STORED - 0.1).clip(0) ** 2 + 0.05, 0.05)
    np.testing.assert_allclose(space.curves[0], expected, atol=3e-4)
    assert space_of_profile(_parametric(_profile(1.0), 0, 1.8, 0, 0, 0, 0, 0, 0), 3).curves[0][STEPS // 3] == (
        pytest.approx((1 / 3) ** 1.8, abs=1e-4)
    )


def test_the_conversion_to_srgb_is_littlecms_own():
    icc = make_profile(STORED**2.2, SRGB_COLORANTS @ to_srgb_light(P3))
    pixels = np.random.default_rng(0).integers(60, 180, (30, 40, 3)).astype(np.uint8)  # in sRGB's range, mostly
    srgb, source = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(BytesIO(icc))
    expected = np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), source, srgb)).astype(float)
    found = space_of_profile(icc, 3).to_srgb(np.moveaxis(pixels, -1, 0).astype(np.float32) / 255)
    inside = ((found > 0.01) & (found < 0.99)).all(axis=0)
    assert inside.mean() > 0.9
    assert np.abs(np.moveaxis(found, 0, -1) * 255 - expected)[inside].max() < 1.2


def test_colours_beyond_srgb_survive_a_change_within_it():
    space = make_space((srgb_to_linear(STORED),), to_srgb_light(P3))
    image = np.zeros((3, 4, 5), np.float32)
    image[:] = np.array([0.3, 0.9, 0.3])[:, None, None]  # a green of Display P3 that sRGB lacks
    seen = []
    same = space.changed_in_srgb(image, lambda srgb: seen.append(srgb) or srgb)
    np.testing.assert_array_equal(same, image)
    assert seen[0].min() >= 0 and seen[0].max() <= 1 and space.to_srgb(image).min() < -0.1
    darker = space.changed_in_srgb(image, lambda srgb: srgb - np.float32(0.1) * (srgb > 0.5))
    np.testing.assert_allclose(space.to_srgb(darker)[0], space.to_srgb(image)[0], atol=2e-3)
    np.testing.assert_allclose(space.to_srgb(darker)[1], space.to_srgb(image)[1] - 0.1, atol=2e-3)


@pytest.mark.parametrize(
    ("chunks", "light"),
    [
        ({b"gAMA": struct.pack(">I", 100000)}, lambda x: x),
        ({b"gAMA": struct.pack(">I", 45455)}, lambda x: x**2.2),
        ({b"cICP": bytes((1, 8, 0, 1))}, lambda x: x),
        ({b"cHRM": struct.pack(">8I", *(round(value * 100000) for value in P3))}, srgb_to_linear),
        ({b"cICP": bytes((9, 1, 0, 1))}, lambda x: np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45))),
    ],
)
def test_png_chunks_give_their_curve(chunks, light):
    image = _colours(20, 20)
    np.testing.assert_allclose(space_of_chunks(chunks).to_light(image), light(image), atol=3e-5)


def test_hdr_white_is_srgb_white():
    """BT.2408: diffuse white is 58 % of PQ (203 cd/m2) and 75 % of HLG."""
    for transfer, stored in ((16, 0.5807), (18, 0.75)):
        space = space_of_chunks({b"cICP": bytes((9, transfer, 0, 1))})
        grey = np.full((3, 2, 2), stored, np.float32)
        np.testing.assert_allclose(space.to_srgb(grey), 1, atol=3e-3)
        np.testing.assert_allclose(space.from_srgb(space.to_srgb(grey)), grey, atol=1e-4)


def test_what_counts_first():
    linear, gamma = _profile(1.0), (b"gAMA", struct.pack(">I", 55556))
    for metadata, curve in (
        (Metadata(icc=linear, chunks=(gamma, (b"cICP", bytes((1, 4, 0, 1))))), 2.2),
        (Metadata(icc=linear, chunks=(gamma,)), 1.0),
        (Metadata(chunks=(gamma,)), 1.8),
    ):
        np.testing.assert_allclose(space_of(metadata, 3).curves[0], STORED**curve, atol=1e-4)
    for metadata in (Metadata(), Metadata(chunks=((b"sRGB", b"\0"), gamma)), Metadata(icc=b"no profile")):
        assert space_of(metadata, 3) is SRGB


@pytest.mark.parametrize("format", ["TIFF", "JPEG", "WEBP"])
def test_a_png_in_its_own_space_becomes_a_file_with_a_profile_of_it(format):
    corners = (b"cHRM", struct.pack(">8I", *(round(value * 100000) for value in P3)))
    for chunks in (((b"gAMA", struct.pack(">I", 100000)), corners), ((b"cICP", bytes((12, 8, 0, 1))),)):
        photo = Photo(
            np.moveaxis(np.rint(_colours(20, 24) * 255).astype(np.uint8), 0, -1), metadata=Metadata(chunks=chunks)
        )
        found = read(encode(photo, format))
        image = _colours(5, 6)
        before, after = (space_of(metadata, 3) for metadata in (photo.metadata, found.metadata))
        np.testing.assert_allclose(after.to_srgb(image), before.to_srgb(image), atol=2e-3)
        assert np.abs(before.to_srgb(image) - image).max() > 0.2


def test_a_grey_png_with_gamma_becomes_a_file_with_a_profile_for_grey():
    photo = Photo(np.zeros((4, 5, 1), np.uint8), metadata=Metadata(chunks=((b"gAMA", struct.pack(">I", 55556)),)))
    grey = np.random.default_rng(0).random((1, 6, 7)).astype(np.float32)
    for format in ("JPEG", "TIFF"):
        found = read(encode(photo, format)).metadata
        assert found.icc[16:20] == b"GRAY"
        np.testing.assert_allclose(space_of(found, 1).to_light(grey), grey**1.8, atol=1e-3)


def test_a_gamma_beyond_all_use_is_ignored():
    for gamma in (0, 1, 9999, 1_000_001, 4_000_000_000):
        assert space_of(Metadata(chunks=((b"gAMA", struct.pack(">I", gamma)),)), 3) is SRGB


def test_the_profile_of_a_png_that_cicp_overrules_is_not_carried_over():
    photo = Photo(
        np.zeros((4, 5, 3), np.uint8), metadata=Metadata(icc=_profile(1.8), chunks=((b"cICP", bytes((1, 8, 0, 1))),))
    )
    image = _colours(5, 6)
    found = read(encode(photo, "TIFF"))
    np.testing.assert_allclose(space_of(found.metadata, 3).to_light(image), image, atol=1e-4)


@pytest.mark.parametrize("damaged", [b"", b"x" * 200, b"\0" * 128 + b"\xff" * 40])
def test_a_damaged_profile_is_none(damaged):
    assert space_of_profile(damaged, 3) is None
    assert space_of_profile(_profile(2.2)[:140] + damaged, 3) is None


def test_a_profile_of_tables_gives_its_grey_axis():
    icc = bytearray(_profile(1.8))
    for place in range(132, 500, 12):  # without the curves, LittleCMS still finds a use for the name kept
        if icc[place : place + 4] in (b"gTRC", b"bTRC", b"rTRC"):
            icc[place : place + 4] = b"xxxx"
    assert space_of_profile(bytes(icc), 3) is None  # neither curves nor tables
    lab = _lab_profile()
    image = _colours(8, 8)
    grid = np.linspace(0, 1, 9)
    lightness = np.interp(image**1.8, grid, np.where(grid > 0, 116 * np.cbrt(grid) - 16, 0))
    light = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    np.testing.assert_allclose(space_of_profile(lab, 3).to_light(image), light, atol=0.01)


def _lab_profile():
    """A profile for RGB whose A2B0 table maps grey to the CIE lightness of its power 1.8 (type mft2)."""
    grid, samples = 9, 256
    inputs = np.linspace(0, 1, samples)
    # The grid is even in light, so the input curve is the power itself.
    even = np.linspace(0, 1, grid)
    red, green, blue = np.meshgrid(even, even, even, indexing="ij")
    light = 0.2225 * red + 0.7169 * green + 0.0606 * blue
    lightness = np.where(light > 0.008856, 116 * np.cbrt(light) - 16, 903.3 * light)
    table = np.stack([lightness * 652.8, np.full_like(light, 32768), np.full_like(light, 32768)], -1)
    data = (
        b"mft2\0\0\0\0" + bytes((3, 3, grid, 0)) + struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    )
    data += struct.pack(">HH", samples, 2)
    data += np.rint(np.tile(inputs**1.8, 3) * 65535).astype(">u2").tobytes()
    data += np.rint(table).astype(">u2").tobytes() + np.tile([0, 65535], 3).astype(">u2").tobytes()
    icc = bytearray(_profile(1.0))
    parts = {b"A2B0": data, b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    index, body, start = b"", b"", 132 + 12 * len(parts)
    for name, part in parts.items():
        index += name + struct.pack(">II", start + len(body), len(part))
        body += part + b"\0" * (-len(part) % 4)
    head = icc[:128]
    head[20:24] = b"Lab "
    head[12:16] = b"prtr"
    head[:4] = struct.pack(">I", start + len(body))
    return bytes(head) + struct.pack(">I", len(parts)) + index + body


@pytest.mark.parametrize(("method", "blur"), [("wiener", 2.0), ("classical", "default"), ("default", None)])
def test_one_scene_is_restored_alike_in_both_encodings(method, blur):
    y, x = np.mgrid[:96, :112]
    light = np.where((x // 16 + y // 16) % 2, 0.7, 0.05) * (1 + 0.1 * np.sin(x / 2))
    light = gaussian_filter(light, 1.5)[..., None] * [1, 0.7, 0.4]
    linear = Photo(np.rint(light * 65535).astype(np.uint16), metadata=Metadata(icc=_profile(1.0)))
    encoded = Photo(np.rint(linear_to_srgb(light) * 65535).astype(np.uint16))
    first, second = (restore_photo(photo, method, blur)[0].pixels / 65535 for photo in (linear, encoded))
    # A tenth of the photo stays under an estimated blur, and is mixed in the photo's own encoding.
    assert np.abs(linear_to_srgb(first) - second).max() < (4 if method == "classical" else 0.5) / 255
    assert np.abs(second - encoded.pixels / 65535).max() > 2 / 255


def test_a_pil_image_is_taken_in_the_space_of_its_profile(tmp_path):
    stored = np.rint(_colours(24, 28) * 255).astype(np.uint8)
    picture = Image.fromarray(np.moveaxis(stored, 0, -1))
    plain = np.asarray(refocal.deblur(picture, "wiener", 1.5))
    picture.info["icc_profile"] = _profile(1.0)
    linear = refocal.deblur(picture, "wiener", 1.5)
    assert linear.info["icc_profile"] == _profile(1.0)
    tifffile.imwrite(tmp_path / "a.tif", np.asarray(picture), photometric="rgb", iccprofile=_profile(1.0))
    np.testing.assert_array_equal(np.asarray(linear), np.asarray(refocal.deblur(tmp_path / "a.tif", "wiener", 1.5)))
    assert np.abs(np.asarray(linear).astype(int) - plain).max() > 20
