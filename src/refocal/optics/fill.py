"""Fill unknown pixels from the known ones around them, coarse to fine (the push-pull algorithm).

Reference: Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from refocal.types import Array, Image


def fill_unknown(image: Image, known: Array) -> Image:
    """Replace the pixels of (..., C, H, W) whose ``known`` (..., 1, H, W) is 0 by smooth values from where it is 1.

    Known pixels stay as they are; with nothing known the result is 0 there.
    """
    xp = array_namespace(image)
    height, width = image.shape[-2:]
    if height == 1 and width == 1:
        return image * known
    total = _halve(known)
    colour = _halve(image * known) / xp.clip(total, min=1e-12)
    weight = xp.clip(total, max=1.0)
    coarse = fill_unknown(colour, weight) if not bool(xp.all(weight > 0)) else colour
    return known * image + (1 - known) * _double(coarse)[..., :height, :width]


def _halve(image: Image) -> Image:
    """Sums over 2x2 blocks; an odd last row or column stands alone."""
    xp = array_namespace(image)
    for axis in (-2, -1):
        if image.shape[axis] % 2:
            edge = image[..., -1:, :] if axis == -2 else image[..., -1:]
            image = xp.concat([image, xp.zeros_like(edge)], axis=axis)
    return image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]


def _double(image: Image) -> Image:
    """Twice the size, bilinear: each new pixel takes 3/4 of its block and 1/4 of the nearer neighbour."""
    xp = array_namespace(image)
    for axis in (-2, -1):
        first = image[..., :1, :] if axis == -2 else image[..., :1]
        last = image[..., -1:, :] if axis == -2 else image[..., -1:]
        inner_low = image[..., :-1, :] if axis == -2 else image[..., :-1]
        inner_high = image[..., 1:, :] if axis == -2 else image[..., 1:]
        before = 0.75 * image + 0.25 * xp.concat([first, inner_low], axis=axis)
        after = 0.75 * image + 0.25 * xp.concat([inner_high, last], axis=axis)
        shape = list(image.shape)
        shape[axis] *= 2
        image = xp.reshape(xp.stack([before, after], axis=-1 if axis == -1 else -2), tuple(shape))
    return image
