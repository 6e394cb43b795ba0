"""The photo as it is: the row every table starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from refocal.types import Blur, Image, Needs, Tiling


@dataclass(frozen=True)
class Identity:
    """Return the image itself, whatever its blur."""

    needs: ClassVar[Needs] = ""

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """The image, unchanged."""
        return image

    def tiling(self, half_px: int) -> Tiling:
        """No context: an output pixel depends on one input pixel."""
        return Tiling(0)
