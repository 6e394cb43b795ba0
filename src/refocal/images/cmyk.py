"""From a printer's four inks to RGB."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from refocal.types import Array

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


def cmyk_to_rgb(picture: PillowImage, icc: bytes | None) -> tuple[Array, str]:
    """Convert a CMYK picture (0 = no ink) to (H, W, 3) uint8 sRGB, through its profile if that can be used.

    Returns:
        The pixels, and a sentence for the user about the conversion.
    """
    from PIL import ImageCms

    if icc is not None:
        try:
            inks = ImageCms.ImageCmsProfile(BytesIO(icc))
            colours = ImageCms.profileToProfile(picture, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # damaged, or not a profile of four inks: as if there were none
        else:
            return np.asarray(colours), "It was converted from CMYK to sRGB through its colour profile."
    note = "It was converted from CMYK to RGB without a usable colour profile, so colours are approximate."
    return np.asarray(picture.convert("RGB")), note
