import numpy as np
import pytest
from skimage.color import rgb2lab

from refocal.images.colour import srgb_to_linear
from refocal.methods import zhang_superpixel
from refocal.methods.hyper_laplacian import HyperLaplacian
from refocal.methods.zhang_superpixel import ZhangSuperpixel, _lab, superpixels
from refocal.optics.blur import BlurMap, Psf
from refocal.optics.kernels import disk
from samples import kodim19_crop, natural, psnr


@pytest.mark.parametrize("linear", [False, True])
def test_lab_agrees_with_scikit_image(linear):
    image = np.random.default_rng(0).integers(0, 256, (3, 9, 11)) / 255
    lab = _lab(srgb_to_linear(image) if linear else image, linear)
    # In linear light the steps of 1/255 are coarse in the dark
    np.testing.assert_allclose(lab, rgb2lab(image, channel_axis=0), atol=6 if linear else 0.02)
    grey = _lab(image[:1], False)
    np.testing.assert_allclose(grey[1:], 0, atol=1e-3)


@pytest.mark.parametrize("size", [(40, 60), (61, 17), (1, 1), (1, 3), (3, 1), (2, 2)])
@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_superpixels_of_a_flat_image_have_similar_sizes(size, count):
    labels = superpixels(np.zeros((3, *size)), count)
    assert labels.shape == size
    _, sizes = np.unique(labels, return_counts=True)
    assert len(sizes) == min(count, size[0] * size[1])
    if size == (40, 60):
        assert sizes.max() < 2.5 * sizes.min()


def test_superpixels_follow_the_borders_of_colours():
    """Two objects with a border oblique to the grid of seeds."""
    y, x = np.mgrid[:80, :100]
    left = x + 0.4 * y < 55
    lab = np.where(left, 20.0, 90.0) * np.array([1, 0, 0])[:, None, None]
    labels = superpixels(lab, 5)
    for label in np.unique(labels):
        fraction = left[labels == label].mean()
        assert min(fraction, 1 - fraction) < 0.03


def test_large_images_are_divided_on_a_coarser_grid(monkeypatch):
    lab = 100 * natural(1, 120, 160) * np.array([1, 0, 0])[:, None, None]
    fine = superpixels(lab, 5)
    monkeypatch.setattr(zhang_superpixel, "GRID_MP", 0.005)
    assert np.mean(superpixels(lab, 5) == fine) > 0.9


def test_pixels_are_restored_with_the_mean_radius_or_above_the_error_with_the_smallest():
    y, x = np.mgrid[:60, :80]
    sharp = np.clip(natural(1, 60, 80) * 0.3 + 0.6 * (x > 40), 0, 1)
    radii = np.where(x > 40, 2.0, 1.0) + 0.5 * ((x + y) % 2)  # means 2.25 and 1.25
    blurred = BlurMap(radii, encoding="srgb").apply(sharp)
    blur = BlurMap(radii, encoding="srgb")
    labels = superpixels(_lab(blurred, False), 2)
    expected, expected_mild = np.empty_like(sharp), np.empty_like(sharp)
    for choose, radius in ((labels == labels[0, -1], 2), (labels == labels[0, 0], 1)):
        mean, mild = (
            HyperLaplacian()(blurred, BlurMap(np.full((60, 80), value), step_px=0.25))
            for value in (radius + 0.25, radius)
        )
        expected[:, choose] = mean[:, choose]
        expected_mild[:, choose] = mild[:, choose]
    error = np.mean((blurred - blur.apply(expected)) ** 2, axis=0)
    assert 0.01 < np.mean(error > 1e-4) < 0.9
    expected = np.where(error > 1e-4, expected_mild, expected)
    # The border between the two may differ by a pixel, where the superpixels' means are rounded differently
    found = ZhangSuperpixel(2, 1e-4)(blurred, blur)
    assert np.mean(np.abs(found - expected) > 2e-3) < 0.05


def test_internal_tiles_agree_with_the_whole(monkeypatch):
    sharp = natural(3, 90, 260)
    blur = BlurMap(np.linspace(0, 1.5, 260, dtype=np.float32) * np.ones((90, 1), np.float32))
    blurred = blur.apply(sharp).astype(np.float32)
    whole = ZhangSuperpixel()(blurred, blur)
    monkeypatch.setattr(zhang_superpixel, "tile_size", lambda *_, **__: 70)
    tiled = ZhangSuperpixel()(blurred, blur)
    assert tiled.dtype == np.float32
    assert np.mean(np.abs(tiled - whole) > 1e-3) < 1e-3  # a pixel on the threshold may fall to either side


def test_every_image_of_a_batch_has_its_own_superpixels():
    blur = BlurMap(np.linspace(0, 3, 50) * np.ones((40, 1)))
    images = np.stack([natural(3, 40, 50, seed) for seed in (1, 2)])
    maps = BlurMap(np.stack([blur.radius_px, blur.radius_px[:, ::-1]]))
    restored = ZhangSuperpixel()(images, maps)
    for image, radii, one in zip(images, maps.radius_px, restored, strict=True):
        np.testing.assert_array_equal(one, ZhangSuperpixel()(image, BlurMap(radii)))


def test_milder_restoration_is_better_where_the_mean_is_wrong(shared):
    sharp = kodim19_crop(shared).astype(np.float32)
    blur = BlurMap(np.linspace(0, 4, 128) * np.ones((128, 1)), step_px=0.25)
    y = blur.apply(sharp)
    replaced, kept = (psnr(ZhangSuperpixel(max_error=error)(y, blur), sharp) for error in (8e-4, 1.0))
    assert replaced > kept
    assert replaced > psnr(y, sharp) + 0.5


def test_a_psf_is_one_superpixel(shared):
    sharp, psf = kodim19_crop(shared), Psf(disk(3.0), "periodic")
    assert psnr(ZhangSuperpixel()(psf.apply(sharp), psf), sharp) == pytest.approx(27.44, abs=0.05)


@pytest.mark.parametrize(
    "options", [{"num_superpixels": 0}, {"max_error": 0.0}, {"max_error": np.nan}, {"weight": -1.0}]
)
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ZhangSuperpixel(**options)
