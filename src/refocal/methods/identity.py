"""The photo as it is: the row every table starts with."""

from __future__ import annotations

from dataclasses import dataclass

from refocal.types import Blur, Image


@dataclass(frozen=True)
class Identity:
    """Return the image itself, whatever its blur."""

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:  # noqa: ARG002 (the contract's second word)
        """The image, unchanged."""
        return image

    def context_px(self, half_px: int) -> int:  # noqa: ARG002 (the contract's word)
        """No neighbour matters."""
        return 0
