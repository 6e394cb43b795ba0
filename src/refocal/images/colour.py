"""Between display-referred sRGB and linear light, and between colour and luma."""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace

from refocal.types import Array, Image

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601-7, section 2.5.1, full range


def srgb_to_linear(image: Array) -> Array:
    """Undo the sRGB transfer curve; [0, 1] to [0, 1], any shape (IEC 61966-2-1:1999)."""
    xp = array_namespace(image)
    toe = image / 12.92
    # The power is taken of a value kept away from 0, so that its gradient stays finite where the toe is chosen.
    power = ((xp.clip(image, min=0.04045) + 0.055) / 1.055) ** 2.4
    return xp.where(image <= 0.04045, toe, power)


def linear_to_srgb(image: Array) -> Array:
    """Apply the sRGB transfer curve; [0, 1] to [0, 1], any shape (IEC 61966-2-1:1999)."""
    xp = array_namespace(image)
    toe = image * 12.92
    power = 1.055 * xp.clip(image, min=0.0031308) ** (1 / 2.4) - 0.055
    return xp.where(image <= 0.0031308, toe, power)


def luma(image: Image) -> Image:
    """BT.601 luma of (..., 3, H, W), or the image itself when it has one channel; returns (..., 1, H, W)."""
    if image.shape[-3] == 1:
        return image
    if image.shape[-3] != 3:
        raise ValueError(f"Luma needs 1 or 3 channels, not {image.shape[-3]}.")
    red, green, blue = (image[..., i : i + 1, :, :] for i in range(3))
    return LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue


def with_luma(image: Image, change: Callable[[Image], Image]) -> Image:
    """The image (..., 1 or 3, H, W) with its luma changed and its chroma kept: the change is added to every channel."""
    grey = luma(image)
    return image + (change(grey) - grey)
