"""An image as every method takes it, and the way back: what transparency hides and the colour space are seen to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from refocal.images.alpha import fill_hidden, put_back, visibility
from refocal.images.colour_space import SRGB, ColourSpace
from refocal.images.icc import space_of_profile
from refocal.images.metadata import Metadata
from refocal.images.no_data import has_data, kept_apart, no_data_value
from refocal.images.photo import Photo, from_float, to_float
from refocal.images.png_colour import space_of_chunks
from refocal.types import Array, Image


@dataclass(frozen=True, eq=False)
class Opened:
    """An image ready to be restored.

    Attributes:
        image: (1 or 3, H, W) float32 in [0, 1], in the photo's own encoding; colours under alpha 0 are filled in from
            the visible surroundings.
        space: The colour space of the image.
        before: The image before that; ``image`` itself where nothing is hidden.
        visible: (H, W), how far each pixel's colour can be seen; None where all can.
    """

    image: Image
    space: ColourSpace
    before: Image
    visible: Array | None = None

    def put_back(self, restored: Image) -> Image:
        """The restored image with the colours of hidden pixels as they were."""
        return restored if self.visible is None else put_back(self.before, restored, self.image, self.visible)

    def in_srgb(self) -> Image:
        """The image in sRGB, clipped to [0, 1]: what estimators see."""
        return in_srgb(self.image, self.space)


def open_image(image: Image, alpha: Array | None = None, space: ColourSpace = SRGB) -> Opened:
    """Open (1 or 3, H, W) in [0, 1], with alpha (H, W) in [0, 1] where it has any."""
    if alpha is None:
        return Opened(image, space, image)
    visible = visibility(alpha)
    if visible.min() >= 1 or not visible.any():
        return Opened(image, space, image)
    return Opened(fill_hidden(image, visible), space, image, visible)


def open_photo(photo: Photo) -> Opened:
    """Open a photo read from a file; where a TIFF's no-data value stands, nothing can be seen."""
    alpha = None if photo.alpha is None else to_float(photo.alpha)[0]
    value = no_data_value(photo.metadata)
    if value is not None:
        data = has_data(photo.pixels, value).astype(np.float32)
        alpha = data if alpha is None else alpha * data
    return open_image(to_float(photo.pixels), alpha, space_of(photo.metadata, photo.pixels.shape[2]))


def with_restored(photo: Photo, opened: Opened, restored: Image) -> Photo:
    """The photo with restored pixels, in its own bit depth."""
    pixels = from_float(opened.put_back(restored), photo.pixels.dtype)
    value = no_data_value(photo.metadata)
    if value is not None:
        pixels = kept_apart(pixels, value, has_data(photo.pixels, value))
    return replace(photo, pixels=pixels)


def in_srgb(image: Image, space: ColourSpace) -> Image:
    """An image (C, H, W) of a space in sRGB, clipped to [0, 1]; the image itself if it is sRGB."""
    return image if space is SRGB else np.clip(space.to_srgb(image), 0, 1).astype(np.float32)


def space_of(metadata: Metadata, channels: int) -> ColourSpace:
    """The colour space of a photo of 1 or 3 channels: a PNG's cICP, else the ICC profile, else gAMA and cHRM."""
    chunks = dict(metadata.chunks)
    if b"cICP" in chunks and (space := space_of_chunks({b"cICP": chunks[b"cICP"]})):
        return space
    if metadata.icc:
        return space_of_profile(metadata.icc, channels) or SRGB
    if b"sRGB" in chunks:
        return SRGB
    return space_of_chunks({name: chunks[name] for name in (b"gAMA", b"cHRM") if name in chunks}) or SRGB
