"""Types that every package uses; no logic.

Arrays follow the Python array API standard: ``optics`` and ``metrics`` take NumPy arrays and torch tensors alike and
return the same kind, on the same device and in the same dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from refocal.optics.blur import BlurMap

Array: TypeAlias = Any
"""A NumPy array or a torch tensor."""

SameArray = TypeVar("SameArray")
"""An image of which the same kind is returned."""

Image: TypeAlias = Any
"""Float array (..., channel, height, width), range [0, 1]; display-referred sRGB unless the name says linear."""

Boundary: TypeAlias = Literal["mirror", "replicate", "periodic", "zero"]
"""The values beyond the edge, for the row a b c d: ``mirror`` c b|a b c d|c b, ``replicate`` a a|a b c d|d d,
``periodic`` c d|a b c d|a b, ``zero`` 0 0|a b c d|0 0."""

Encoding: TypeAlias = Literal["srgb", "linear"]

Needs: TypeAlias = Literal["", "blur", "psf", "map"]
"""The blur that a method is called with: none, a ``Psf`` or ``BlurMap``, a ``Psf``, or a ``BlurMap``."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each tile with the number of tiles that are done and the number of all tiles."""


class InputError(ValueError):
    """A mistake in the user's input, described in one sentence; the command line prints it and exits with code 2."""


@dataclass(frozen=True)
class Tiling:
    """How an image may be cut into tiles so that the tiles agree with the whole.

    Attributes:
        context_px: Distance in pixels up to which an input pixel affects an output pixel: the overlap of the tiles.
        multiple: Tiles start on multiples of this many pixels, the grid of a network that halves its input.
        bytes_per_pixel: Peak memory per pixel of a tile, all channels together; 0 if it isn't known.
    """

    context_px: int
    multiple: int = 1
    bytes_per_pixel: int = 0


class Blur(Protocol):
    """A linear operator H on images."""

    def apply(self, sharp: Image) -> Image:
        """H x: blur a sharp image; same shape."""
        ...

    def adjoint(self, image: Image) -> Image:
        """H^T y, exactly: <Hx, y> = <x, H^T y>."""
        ...


class Deblurrer(Protocol):
    """A method: blurred image in, restored image out; same shape, dtype and device, clipped to [0, 1].

    Four facts are optional, and read in one place, ``refocal.restore.facts_of``: ``encoding``, the encoding of the
    images that the method takes (by default the blur's); ``max_radius_px``, the largest radius that it can undo;
    ``restore_and_map(image)`` on a method that needs no blur but predicts it, which returns the restored image, the
    radius in pixels (..., H, W) and the confidence in [0, 1] (..., H, W); and ``prepare(image)`` on such a method that
    must see the whole photo before its tiles, which returns a ``Prepared``.

    Attributes:
        needs: The blur that the method is called with.
    """

    needs: ClassVar[Needs]

    def tiling(self, half_px: int) -> Tiling | None:
        """How to cut the image into tiles for a kernel of half-width ``half_px``; None if it must stay whole."""
        ...

    def __call__(self, image: SameArray, blur: Blur | None = None) -> SameArray:
        """Restore ``image`` under ``blur``, which is None for a method that needs none."""
        ...


class Prepared(Protocol):
    """A method that has seen the whole photo and restores its tiles.

    Attributes:
        decisions: Sentences about what is restored and what is kept.
    """

    @property
    def decisions(self) -> tuple[str, ...]:
        """See above."""
        ...

    def restore_and_map(self, tile: Image, rows: slice, columns: slice) -> tuple[Image, Array, Array]:
        """Restore the tile in these rows and columns of the photo; returns what ``Deblurrer.restore_and_map`` does."""
        ...


Restorer: TypeAlias = Callable[[Image, "Blur | None"], Image]
"""A function of the user's own in place of a ``Deblurrer``: it gets the blur as it was given, and the whole image."""


class BlurEstimator(Protocol):
    """An estimator: image (channel, height, width) in, circle-of-confusion radius per pixel out."""

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image``."""
        ...
