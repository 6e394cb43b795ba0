import numpy as np
from PIL import Image as PilImage
from scipy.signal import convolve2d

from refocal.datasets import open_dataset
from refocal.metrics import psnr


def test_mean5_is_the_papers_blur_to_the_last_bit(shared, tmp_path):
    """The published blurred crop is made from the published sharp crop."""
    published = shared / "data/test/mmsp2024_crops/MMSP_Comparisons"
    (tmp_path / "kodak24").mkdir()
    (tmp_path / "kodak24/kodim19.png").write_bytes((published / "kodim19_original.png").read_bytes())
    (pair,) = open_dataset("kodak24", tmp_path)
    expected = np.asarray(PilImage.open(published / "kodim19_blurry.png"))
    np.testing.assert_array_equal(np.rint(pair.blurred[0] * 255), expected)
    assert round(float(psnr(pair.blurred, pair.sharp)), 3) == 24.525


def test_mean5_crops_the_centre_and_truncates_the_luma(shared):
    """From the whole photo: 99.6 % of the published crop's pixels, the rest one level off, and the same score."""
    data = open_dataset("kodak24", shared / "data/test")
    pair = data[18]
    published = shared / "data/test/mmsp2024_crops/MMSP_Comparisons/kodim19_original.png"
    difference = np.rint(pair.sharp[0] * 255) - np.asarray(PilImage.open(published))
    assert pair.name == "kodim19" and pair.sharp.shape == (1, 128, 128)
    assert np.mean(difference == 0) > 0.995 and np.abs(difference).max() == 1
    assert abs(float(psnr(pair.blurred, pair.sharp)) - 24.525) < 1e-3


def decode(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb.astype(np.float64) + 0.055) / 1.055) ** 2.4)


def encode(light):
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def test_the_true_blur_reproduces_the_blurred_image(shared):
    """Within half a level of 8 bit, for each degradation; an independent convolution for the disk."""
    for option in ("mean5", "none", "disk:2.5"):
        pair = open_dataset(f"cid22/{option}", shared / "data/test")[3]
        kernel = pair.extras["blur"].kernel
        half = kernel.shape[0] // 2
        linear = pair.extras["blur"].encoding == "linear"  # a lens blurs light, the 5 x 5 mean of the paper does not
        assert linear == (option != "mean5")
        for blurred, sharp in zip(pair.blurred, pair.sharp, strict=True):
            padded = np.pad(decode(sharp) if linear else sharp.astype(np.float64), half, mode="reflect")
            made = convolve2d(padded, kernel, mode="valid")
            assert np.abs((encode(made) if linear else made) - blurred).max() < 0.5001 / 255
    assert pair.sharp.shape == (3, 512, 512) and kernel.shape[0] >= 5


def test_bsds500_has_its_500_photos(shared):
    data = open_dataset("bsds500", shared / "data/test")
    assert len(data) == 500
    assert data[0].sharp.shape == data[499].blurred.shape == (1, 128, 128)


def test_luma_of_grey_is_grey_without_float_error(tmp_path):
    (tmp_path / "cid22").mkdir()
    levels = np.repeat(np.arange(128, dtype=np.uint8)[:, None, None] + 100, 128, axis=1).repeat(3, axis=2)
    PilImage.fromarray(levels).save(tmp_path / "cid22/grey.png")
    (pair,) = open_dataset("cid22", tmp_path)
    np.testing.assert_array_equal(np.rint(pair.sharp[0] * 255), levels[..., 0])
