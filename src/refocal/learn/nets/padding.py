"""Sides of any length for networks that halve them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from refocal.optics.boundary import pad


def padded(body: Callable[..., Any], images: tuple[Tensor, ...], multiple: int) -> Any:
    """Run ``body`` on images grown to the next multiple of ``multiple``, and cut what comes out to the old size.

    The images are continued by their mirror image, below and to the right only: so a tile that begins at a multiple
    lies on the same grid as the whole photo.

    Args:
        body: Takes and gives (N, C, H, W), or gives a tuple of such.
        images: (N, C, H, W) each, of one height and width.
        multiple: Of which the sides must be multiples.
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
