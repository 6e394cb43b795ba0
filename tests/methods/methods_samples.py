"""Pictures that look like photos to a deconvolution: edges, texture that falls off as 1/f, black and white."""

import numpy as np


def natural(channels=1, height=128, width=128, seed=0):
    """(C, H, W) float64 in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    texture = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=(channels, height, width))) / (frequency + 0.01), s=(height, width)
    )
    picture = 0.5 + 0.12 * texture / texture.std()
    for _ in range(max(3, height * width // 2500)):
        centre_y, centre_x, size = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 25)
        if rng.random() < 0.5:
            inside = np.hypot(y - centre_y, x - centre_x) < size
        else:
            inside = (abs(y - centre_y) < size) & (abs(x - centre_x) < 0.6 * size)
        picture[:, inside] = 0.3 * picture[:, inside] + 0.7 * rng.random((channels, 1))
    return np.clip(picture, 0, 1)


def psnr(restored, sharp):
    return -10 * np.log10(np.mean((np.asarray(restored, np.float64) - sharp) ** 2))


def asymmetric_kernel():
    """5x7, no symmetry, most of its light below and right of the centre."""
    kernel = np.random.default_rng(9).random((5, 7)) * np.add.outer(np.arange(5), np.arange(7))
    return kernel / kernel.sum()


def kodim19_crop(shared):
    """The middle 128x128 of kodim19's luma, truncated to whole grey levels: the picture of the golden values."""
    from PIL import Image

    with Image.open(shared / "data/test/kodak24/kodim19.png") as photo:
        pixels = np.asarray(photo.convert("RGB"), np.float64)
    luma = np.floor(pixels @ [0.299, 0.587, 0.114])
    top, left = (luma.shape[0] - 128) // 2, (luma.shape[1] - 128) // 2
    return luma[None, top : top + 128, left : left + 128] / 255
