"""Pixel-wise differences: PSNR and mean absolute error."""

from __future__ import annotations

from refocal.metrics.inputs import check_pair, fit_mask, image_mean
from refocal.types import Array, Image


def psnr(restored: Image, sharp: Image, mask: Array | None = None) -> Array:
    """Peak signal-to-noise ratio in dB, one number per image: 10 log10(1 / MSE).

    The data range is 1, the mean runs over all pixels and channels of one image, and nothing is rounded or clipped
    (the protocol of the DPDD benchmark; Abuolaim and Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020).

    Args:
        restored: (..., C, H, W), float32 or float64, in [0, 1].
        sharp: The reference, same shape.
        mask: Weight of each pixel in the mean, (..., H, W) or (..., 1, H, W), in [0, 1].

    Returns:
        (...): dB, in the images' dtype. Identical images score ``inf``, and their gradient is 0.

    Raises:
        InputError: If dtype or shape don't fit, or the mask is empty.
    """
    xp = check_pair(restored, sharp)
    difference = restored - sharp
    error = image_mean(difference * difference, fit_mask(mask, restored))
    # No logarithm of 0: it would warn and have an infinite gradient.
    decibel = -10 * xp.log10(xp.where(error == 0, 1.0, error))  # NaN stays NaN
    return xp.where(error == 0, float("inf"), decibel)


def mae(restored: Image, sharp: Image, mask: Array | None = None) -> Array:
    """Mean absolute error, one number per image, in the images' unit ([0, 1] is the full range).

    Args:
        restored: (..., C, H, W), float32 or float64, in [0, 1].
        sharp: The reference, same shape.
        mask: Weight of each pixel in the mean, (..., H, W) or (..., 1, H, W), in [0, 1].

    Returns:
        (...): in the images' dtype.

    Raises:
        InputError: If dtype or shape don't fit, or the mask is empty.
    """
    check_pair(restored, sharp)
    return image_mean(abs(restored - sharp), fit_mask(mask, restored))
