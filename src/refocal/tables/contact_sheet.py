"""Sheets of images in rows, with a heading above each, and blur maps in colours."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np

from refocal.images.colour_map import palette
from refocal.types import Array, Image

Tile = tuple[str, Image | str]
"""A heading, and an image (1 or 3, H, W) in [0, 1]; or a few words in its place, of which none leave the place
empty."""

MAX_RADIUS_PX = 6.0
"""The radius of the last colour of a map."""

MARGIN_PX, HEAD_PX, BAR_PX, GREY = 6, 20, 14, 225


def coloured(radius_px: Array) -> Image:
    """The map (H, W) in colours (3, H, W), 0 to 6 px, with the scale along its lower edge."""
    shown = np.array(radius_px, np.float32)
    shown[-BAR_PX:] = np.linspace(0, MAX_RADIUS_PX, shown.shape[1])
    levels = np.rint(np.clip(shown / MAX_RADIUS_PX, 0, 1) * 255).astype(np.uint8)
    return palette()[levels].transpose(2, 0, 1) / np.float32(255)


def montage(rows: Sequence[Sequence[Tile]], scale: int = 1) -> bytes:
    """Rows of images (1 or 3, H, W) of one size under their headings, as a PNG file.

    Args:
        rows: At least one tile is an image.
        scale: Whole factor by which images are enlarged, pixel by pixel.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    first = next(image for row in rows for _, image in row if not isinstance(image, str))
    height, width = (scale * side for side in first.shape[1:])
    across, down = width + MARGIN_PX, height + HEAD_PX + MARGIN_PX
    sheet = Pillow.new("RGB", (max(map(len, rows)) * across + MARGIN_PX, len(rows) * down + MARGIN_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, tiles in enumerate(rows):
        for column, (head, image) in enumerate(tiles):
            left, top = MARGIN_PX + column * across, MARGIN_PX + row * down
            if isinstance(image, str) and not image:
                continue
            draw.text((left, top), head, "black", font)
            top += HEAD_PX
            if isinstance(image, str):
                draw.rectangle((left, top, left + width - 1, top + height - 1), (GREY,) * 3)
                draw.text((left + width // 4, top + height // 2), image, "black", font)
                continue
            planes = np.broadcast_to(image, (3, *image.shape[1:])).repeat(scale, 1).repeat(scale, 2)
            levels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
            sheet.paste(Pillow.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0))), (left, top))
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
