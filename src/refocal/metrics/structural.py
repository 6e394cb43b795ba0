"""Structural similarity index (SSIM), with the two windows in common use."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

from array_api_compat import array_namespace

from refocal.metrics.inputs import check_pair, fit_mask, image_mean
from refocal.types import Array, Image, InputError

C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 with data range L = 1; Wang et al. 2004, section III-C
SIZES = {"uniform7": 7, "gaussian11": 11}
SIGMA_PX = 1.5  # Wang et al. 2004, section III-C; the default of tf.image.ssim


def ssim(
    restored: Image,
    sharp: Image,
    window: Literal["uniform7", "gaussian11"] = "uniform7",
    mask: Array | None = None,
) -> Array:
    """Structural similarity, one number per image, at most 1.

    With local means mu, variances s^2 and covariance s_xy under the window::

        SSIM(x, y) = (2 mu_x mu_y + C1) (2 s_xy + C2) / ((mu_x^2 + mu_y^2 + C1) (s_x^2 + s_y^2 + C2))       (eq. 13)

    averaged over channels and over the positions where the whole window lies inside the image. Results of the two
    windows differ by thousandths to hundredths, so that a table must name its window:

    * ``uniform7``: 7x7 mean, sample covariance (n/(n-1)); scikit-image's default, used by the DPDD literature.
    * ``gaussian11``: 11x11 Gaussian of sigma 1.5 px, biased covariance; Wang's own choice and ``tf.image.ssim``.

    Reference: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", IEEE Transactions on Image Processing 13(4), 2004.

    Args:
        restored: (..., C, H, W), float32 or float64, in [0, 1].
        sharp: The reference, same shape.
        window: ``"uniform7"`` or ``"gaussian11"``.
        mask: Weight of the window centred on each pixel, (..., H, W) or (..., 1, H, W), in [0, 1].

    Returns:
        (...): in the images' dtype; differentiable, also where images are constant or identical.

    Raises:
        InputError: If dtype or shape don't fit, an image is smaller than the window, or the mask is empty.
    """
    check_pair(restored, sharp)
    if window not in SIZES:
        raise InputError(f"SSIM has the windows {' and '.join(map(repr, SIZES))}, not {window!r}.")
    size = SIZES[window]
    if min(restored.shape[-2:]) < size:
        height, width = restored.shape[-2:]
        raise InputError(f"SSIM's {size}x{size} window doesn't fit into an image of {height}x{width} pixels.")
    average = _mean7 if window == "uniform7" else _gaussian11
    unbias = size**2 / (size**2 - 1) if window == "uniform7" else 1.0

    # Variances don't depend on the mean level; relative to mid-grey, float32 cancellation is smaller.
    x, y = restored - 0.5, sharp - 0.5
    mean_x, mean_y = average(x), average(y)
    product, square = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance = unbias * (average(x * y) - product)
    variance = unbias * (average(x * x + y * y) - square)  # s_x^2 + s_y^2: only their sum is needed
    total = mean_x + mean_y  # restores the level: (mu + 1/2) (nu + 1/2) = mu nu + (mu + nu)/2 + 1/4
    luminance = (2 * product + total + (0.5 + C1)) / (square + total + (0.5 + C1))
    similarity = luminance * (2 * covariance + C2) / (variance + C2)

    weight = fit_mask(mask, restored)
    if weight is not None:
        margin = size // 2
        weight = weight[..., margin:-margin, margin:-margin]
    return image_mean(similarity, weight)


ssim_gaussian11 = partial(ssim, window="gaussian11")


def _mean7(image: Image) -> Image:
    """7x7 mean of (..., H, W) where the window fits, (..., H - 6, W - 6)."""
    xp = array_namespace(image)
    for _ in range(2):  # along columns, then transpose; twice, which restores the orientation
        # Seven is 4 + 2 + 1. A running sum needs fewer additions, but its rounding error grows along the image.
        pair = image[..., :-1, :] + image[..., 1:, :]
        four = pair[..., :-2, :] + pair[..., 2:, :]
        seven = four[..., :-3, :] + pair[..., 4:-1, :] + image[..., 6:, :]
        image = xp.matrix_transpose(seven / 7)
    return image


def _gaussian11(image: Image) -> Image:
    """11x11 Gaussian mean of (..., H, W) where the window fits, (..., H - 10, W - 10)."""
    xp = array_namespace(image)
    half = [math.exp(-0.5 * (offset / SIGMA_PX) ** 2) for offset in range(-5, 1)]
    total = 2 * sum(half) - half[-1]
    for _ in range(2):
        size = image.shape[-2]
        mean = image[..., 5:-5, :] * (half[5] / total)
        for k in range(5):  # the window is symmetric: one product for two rows
            mean = mean + (image[..., k : size - 10 + k, :] + image[..., 10 - k : size - k, :]) * (half[k] / total)
        image = xp.matrix_transpose(mean)
    return image
