"""The words every file uses; no logic.

Arrays follow the Python array API standard: NumPy arrays and torch tensors are equally welcome in ``optics`` and
``metrics``, and come back as what they were, on their device and in their dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from refocal.optics.blur import BlurMap

Array: TypeAlias = Any
"""A NumPy array or a torch tensor."""

Image: TypeAlias = Any
"""Float array (..., channel, height, width), range [0, 1]; display-referred sRGB unless the name says linear."""

Boundary: TypeAlias = Literal["mirror", "replicate", "periodic", "zero"]
"""What lies beyond the edge, for the row a b c d: ``mirror`` c b|a b c d|c b, ``replicate`` a a|a b c d|d d,
``periodic`` c d|a b c d|a b, ``zero`` 0 0|a b c d|0 0."""

Encoding: TypeAlias = Literal["srgb", "linear"]


class InputError(ValueError):
    """The user's mistake, told in one sentence; the command line prints it and exits with code 2."""


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

    It may tell more: ``multiple``, the grid in pixels on which its tiles must begin (1); ``working_bytes``, what it
    holds at once per pixel of a tile, all channels together (64 per channel); ``encoding``, of the photos that it
    takes, if it isn't to be the blur's; ``max_radius_px``, beyond which it knows no blur. One that needs no blur and
    finds it out by itself may have ``restore_and_map(image)``, which gives the restored image, the radius in pixels and
    the confidence in [0, 1], (..., H, W) each, at once: ``restore`` calls that instead, and its result has the map.
    """

    def __call__(self, image: Image, blur: Blur | None = None) -> Image:
        """Restore ``image`` given its blur, when the method needs one."""
        ...

    def context_px(self, half_px: int) -> int:
        """How far away a pixel still matters to the result, for a kernel that reaches ``half_px``: what tiles overlap
        by.
        """
        ...


class BlurEstimator(Protocol):
    """An estimator: image (channel, height, width) in, circle-of-confusion radius per pixel out."""

    def __call__(self, image: Image) -> BlurMap:
        """Estimate the blur of ``image``."""
        ...
