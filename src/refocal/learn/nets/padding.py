"""Padding of images for networks that need sides of certain multiples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from refocal.optics.boundary import pad


def padded(body: Callable[..., Any], images: tuple[Tensor, ...], multiple: int) -> Any:
    """Run ``body`` on images padded to the next multiple of ``multiple``, and crop its output to the old size.

    Padding is by the mirror image, below and to the right only, so that a tile that begins at a multiple is on the same
    grid as the whole photo.

    Args:
        body: Function of (N, C, H, W) tensors, to one such tensor or a tuple of them.
        images: (N, C, H, W) each, of one height and width.
        multiple: Divisor of the sides that ``body`` requires.

    Returns:
        The output of ``body``, cropped.
    """
    height, width = images[0].shape[-2:]
    rows, columns = -height % multiple, -width % multiple
    if rows or columns:
        grown = (pad(image, (rows, columns), "mirror") for image in images)
        images = tuple(image[..., rows:, columns:] for image in grown)
    given = body(*images)
    if isinstance(given, tuple):
        return tuple(part[..., :height, :width] for part in given)
    return given[..., :height, :width]
