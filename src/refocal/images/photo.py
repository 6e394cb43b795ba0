"""A photo in memory, and its pixels as the float image that every method takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from refocal.images.limits import Format
from refocal.images.metadata import Metadata
from refocal.types import Array, Image

_ROWS = 64  # converted at a time: a few MB of temporaries, whatever the photo's size


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo, upright (its EXIF orientation is applied), with all that is kept when it is written again.

    Attributes:
        pixels: (H, W, C) uint8 or uint16, C = 1 (grey) or 3 (RGB in the colour space of ``metadata.icc``, else sRGB).
        alpha: (H, W) of the same dtype, straight (not multiplied into the pixels), or ``None``.
        format: The format it was read from, and is encoded in if no other is named.
        metadata: EXIF, ICC profile, XMP, resolution, and what else is kept beside the picture.
        quality: The JPEG or WebP quality that is no worse than the source's; ``None`` if the source was lossless.
        notes: Sentences for the user about what reading changed, such as a conversion from CMYK.
        extra: (H, W, n) of the same dtype, the bands of a TIFF that are neither colour nor transparency (near
            infrared, for instance), which are kept as they are; or ``None``.
        damaged: Whether a part of the picture could not be read; a note says which.
    """

    pixels: Array
    alpha: Array | None = None
    format: Format = "PNG"
    metadata: Metadata = field(default_factory=Metadata)
    quality: int | None = None
    notes: tuple[str, ...] = ()
    extra: Array | None = None
    damaged: bool = False

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or 0 in self.pixels.shape:
            raise ValueError(f"A photo's pixels are (H, W, 1) or (H, W, 3), not {self.pixels.shape}.")
        if self.pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"A photo's pixels are uint8 or uint16, not {self.pixels.dtype}.")
        if self.alpha is not None and (self.alpha.shape, self.alpha.dtype) != (
            self.pixels.shape[:2],
            self.pixels.dtype,
        ):
            raise ValueError("A photo's alpha has the height, width and dtype of its pixels.")

    def samples(self) -> Array:
        """(H, W), (H, W, 2), (H, W, 3) or (H, W, 4): the pixels with their alpha, as encoders take them."""
        if self.alpha is not None:
            return np.dstack([self.pixels, self.alpha])
        return np.ascontiguousarray(self.pixels[..., 0] if self.pixels.shape[2] == 1 else self.pixels)

    def may_be_copied(self, restored: Photo) -> bool:
        """Whether the file that was read can stand for the restored photo, and would only lose by being encoded again.

        So it is for lossy files of which no pixel has changed, unless a part of the picture is missing.
        """
        lossy = self.quality is not None and not self.damaged
        return lossy and restored.format == self.format and np.array_equal(restored.pixels, self.pixels)


def split_samples(samples: Array) -> tuple[Array, Array | None]:
    """The inverse of ``Photo.samples``: pixels (H, W, 1 or 3) and alpha (H, W) or ``None``."""
    if samples.ndim == 2:
        return samples[..., None], None
    if samples.shape[2] in (1, 3):
        return samples, None
    return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])


def to_float(pixels: Array) -> Image:
    """(H, W[, C]) uint8 or uint16 to (C, H, W) float32 in [0, 1]: exactly value / 255 or / 65535, rounded once."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    image = np.empty((pixels.shape[2], *pixels.shape[:2]), np.float32)
    np.divide(np.moveaxis(pixels, -1, 0), np.float32(np.iinfo(pixels.dtype).max), out=image, dtype=np.float32)
    return image


def from_float(image: Image, dtype: npt.DTypeLike) -> Array:
    """(C, H, W) float in [0, 1] to (H, W, C) uint8 or uint16: clipped, rounded to nearest, halves to even."""
    channels, height, width = image.shape
    top = np.iinfo(dtype).max
    pixels = np.empty((height, width, channels), dtype)
    for start in range(0, height, _ROWS):
        band = image[:, start : start + _ROWS] * np.float32(top)
        np.clip(np.rint(band, out=band), 0, top, out=band)
        pixels[start : start + _ROWS] = np.moveaxis(band, 0, -1)
    return pixels


def to_eight_bit(samples: Array) -> Array:
    """Any shape, uint16 to uint8: value / 257, rounded to nearest (65535 / 255 = 257)."""
    return np.rint(np.arange(65536) / 257).astype(np.uint8)[samples]
