import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.signal import convolve2d

from refocal.datasets import camera_synthetic as recipe
from refocal.datasets.camera_synthetic import (
    MARGIN_PX,
    MAX_RADIUS_PX,
    MIN_RADIUS_PX,
    SIDE_PX,
    Lens,
    camera_synthetic,
    defocused,
    developed,
    draw,
    scene,
)
from refocal.evaluation.evaluate import evaluate_images
from refocal.types import InputError

WIDE_PX = SIDE_PX + 2 * MARGIN_PX


def save(path, pixels):
    path.parent.mkdir(exist_ok=True)
    PilImage.fromarray(pixels).save(path)


def photo(seed, height=500, width=640):
    """Blocks of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


@pytest.fixture
def root(tmp_path):
    for name in ("kodak24/kodim01.png", "kodak24/kodim02.png", "cid22/7.png"):
        save(tmp_path / name, photo(len(name)))
    return tmp_path


def decode(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.asarray(srgb, float) + 0.055) / 1.055) ** 2.4)


def encode(light):
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def blurred_by(sharp, kernel):
    """Light of an sRGB picture under one kernel, by plain convolution; mirrored at the edges."""
    half = kernel.shape[0] // 2
    grown = np.pad(decode(sharp), ((0, 0), (half, half), (half, half)), mode="reflect")
    return np.stack([convolve2d(channel, kernel, mode="valid") for channel in grown])


def test_an_image_depends_on_its_name_alone(root):
    data = camera_synthetic(root / "kodak24")
    assert [pair.name for pair in data] == ["kodim01", "kodim02", "7"]
    first, second, other = data
    again = camera_synthetic(root / "kodak24")[0]
    np.testing.assert_array_equal(again.blurred, first.blurred)
    (root / "kodak24/kodim01.png").unlink()
    alone = camera_synthetic(root / "kodak24")[0]
    np.testing.assert_array_equal(alone.blurred, second.blurred)
    np.testing.assert_array_equal(alone.extras["radius_px"], second.extras["radius_px"])
    # Photos of equal pixels are blurred in different ways.
    np.testing.assert_array_equal(first.sharp, second.sharp)
    assert first.extras["radius_px"].std() != second.extras["radius_px"].std()
    assert other.sharp.shape == other.blurred.shape == (3, SIDE_PX, SIDE_PX)


def test_the_sharp_image_is_the_central_crop(root):
    pair = camera_synthetic(root / "kodak24")[0]
    expected = photo(len("kodak24/kodim01.png"))[58:442, 128:512]
    np.testing.assert_array_equal(np.rint(pair.sharp * 255).transpose(1, 2, 0), expected)
    levels = pair.blurred * 255.0
    assert np.abs(levels - np.rint(levels)).max() < 1e-4  # 8 bits


def test_radii_are_in_range_and_of_all_sizes():
    maps = [draw(np.random.default_rng(seed), 64).signed_radius_px for seed in range(300)]
    sizes = np.abs(np.stack(maps))
    assert sizes.min() >= MIN_RADIUS_PX and sizes.max() <= MAX_RADIUS_PX
    # As many between 1 and 2 px as between 2 and 4, or 4 and 8.
    counts, _ = np.histogram(sizes, bins=(1, 2, 4, 8.01))
    assert (np.abs(counts / sizes.size - 1 / 3) < 0.1).all(), counts / sizes.size
    varying = np.mean([np.ptp(radius) > 0 for radius in maps])
    assert varying == pytest.approx(0.75, abs=0.08)
    assert 0.03 < (np.stack(maps) < 0).mean() < 0.35  # occluders in front of the plane of focus


@pytest.mark.parametrize("seed", range(8))
def test_kinds_match_their_names(seed):
    constant, ramp, layers = (
        scene(kind, np.random.default_rng(seed), 96).astype(float) for kind in ("constant", "ramp", "layers")
    )
    assert np.ptp(constant) == 0
    assert 1.3 <= ramp.max() / ramp.min() <= 2 and ramp.min() >= 1
    assert max(np.abs(np.diff(ramp, axis=axis)).max() for axis in (0, 1)) < 0.25  # no edge in it
    radii, counts = np.unique(layers, return_counts=True)
    assert len(radii) in (2, 3) and (radii * 2 % 1 == 0).all()
    assert counts[0] >= 0.19 * layers.size  # nothing covers the foremost occluder


@pytest.mark.parametrize("lens", [Lens(0.04, 0, 0, 0), Lens(0.1, 5, 20, 0), Lens(0.08, 6, 7, 0.4), Lens(0.1, 9, 90, 1)])
@pytest.mark.parametrize("radius_px", [1.0, 3.3, 8.0])
def test_kernels_have_the_requested_radius(lens, radius_px):
    """Light is kept, nothing shifts, and the variance is that of the disk of equal area and of the rim."""
    kernel = lens.kernel(radius_px)
    half = kernel.shape[0] // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-12) and half <= MARGIN_PX
    axis = np.arange(-half, half + 1)
    across = kernel.sum(0)
    assert abs((across * axis).sum()) < 0.02 * radius_px
    variance = (across * axis**2).sum()
    expected = radius_px**2 / 4 + (lens.rim * radius_px) ** 2 + 1 / 12  # and a pixel's own
    assert variance == pytest.approx(expected, rel=0.05, abs=0.06)  # the error of sampling at whole pixels


@pytest.mark.parametrize("blades", [0, 5])
def test_a_constant_radius_is_one_convolution_of_light(blades):
    lens = Lens(0.07, blades, 11.0, 0.3)
    taken = recipe.Shot(np.full((60, 60), 3.3, np.float32), lens, 0, 0, 90)
    sharp = np.random.default_rng(blades).uniform(size=(3, 60, 60))
    np.testing.assert_allclose(
        defocused(sharp, taken), blurred_by(sharp, lens.kernel(float(np.float32(3.3)))), atol=1e-5
    )


def test_occluders_are_blurred_by_their_own_kernel_and_cover():
    """Away from outlines each surface is one convolution; the rim of the near one covers part of the far one."""
    lens = Lens(0.05, 7, 30.0, 0.5)
    signed = np.full((90, 90), 2.0, np.float32)
    signed[:, 40:] = -4.5
    taken = recipe.Shot(signed, lens, 0, 0, 90)
    sharp = np.random.default_rng(2).uniform(size=(3, 90, 90))
    made = defocused(sharp, taken)
    far, near = (blurred_by(sharp, lens.kernel(radius)) for radius in (2.0, 4.5))
    np.testing.assert_allclose(made[..., :30], far[..., :30], atol=2e-5)
    np.testing.assert_allclose(made[..., 50:], near[..., 50:], atol=2e-5)
    sharp[:] = 0
    sharp[..., 40:] = 1
    spilt = defocused(sharp, taken)[:, 45, 33:40]
    covered = blurred_by(sharp, lens.kernel(4.5))[:, 45, 33:40]  # of a white occluder on black: its coverage
    np.testing.assert_allclose(spilt, covered, atol=2e-5)
    assert spilt[0, 3] > 0.05


def test_the_noise_matches_the_sensor_model():
    """Grey steps, so that JPEG keeps the noise; its variance grows with the light."""
    light = np.repeat(decode(np.array([0.25, 0.6])), 256 * 128).reshape(1, 256, 256).repeat(3, 0)
    taken = recipe.Shot(None, None, 1e-3, 3e-3, 98)
    found = decode(developed(light, taken, np.random.default_rng(0)).astype(float))
    for rows in (slice(8, 120), slice(136, 248)):
        level = light[0, rows.start, 0]
        expected = np.sqrt(taken.shot * level + taken.read**2)
        assert found[:, rows].mean() == pytest.approx(level, rel=0.01)
        # 4:2:0 averages the chroma of the noise; the luma keeps all of it.
        luma = np.tensordot([0.299, 0.587, 0.114], found[:, rows], 1)
        weights = np.sqrt(0.299**2 + 0.587**2 + 0.114**2)
        assert luma.std() == pytest.approx(expected * weights, rel=0.09)  # JPEG adds a level
    quiet = developed(light, recipe.Shot(None, None, 0, 0, 98), np.random.default_rng(0))
    assert np.abs(quiet - encode(light)).max() < 1.01 / 255


def test_the_set_matches_an_independent_simulation(shared):
    """A photo made again from lens and map by plain convolution is as near as noise and JPEG allow."""
    data = camera_synthetic(shared / "data/test/kodak24")
    assert len(data) == 65
    pair = data[0]  # its radius is constant
    radius_px = pair.extras["radius_px"]
    assert np.ptp(radius_px) == 0 and pair.extras["blur"].radius_px is radius_px
    random = np.random.default_rng((recipe.SEED, *b"kodim01"))
    taken = draw(random, WIDE_PX)
    made = encode(np.clip(blurred_by(pair.sharp, taken.lens.kernel(float(radius_px[0, 0]))), 0, 1))
    inner = (..., slice(16, -16), slice(16, -16))
    difference = (pair.blurred - made)[inner] * 255
    assert abs(difference.mean()) < 0.1 and 0.5 < difference.std() < 3.5
    assert (pair.blurred - pair.sharp)[inner].std() * 255 > 8 * difference.std()
    result = evaluate_images(lambda image, blur: image, data, ("psnr",), blur="given", limit=1)
    squared = np.mean((pair.blurred - pair.sharp)[inner].astype(float) ** 2)
    assert result.rows[0].value == pytest.approx(-10 * np.log10(squared), abs=1e-3)
    assert (result.rows[0].data, result.rows[0].border_px, result.rows[0].channels) == ("camera_synthetic", 16, "rgb")


def test_missing_files_are_reported(root):
    with pytest.raises(InputError, match=r"expected kodim01.png \.\.\. kodim24.png"):
        camera_synthetic(root / "cid22")
    (root / "cid22").rename(root / "elsewhere")
    with pytest.raises(InputError, match=r"beside .*kodak24 it expected a folder cid22 or CID22; get it from https"):
        camera_synthetic(root / "kodak24")
    (root / "cid22").mkdir()
    with pytest.raises(InputError, match=r"cid22: expected PNG files"):
        camera_synthetic(root / "kodak24")
    save(root / "cid22/small.png", photo(0, 400, 500))
    with pytest.raises(InputError, match=r"small.png is no 8-bit colour photo of at least 416x416 px"):
        camera_synthetic(root / "kodak24")[2]
