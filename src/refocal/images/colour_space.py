"""The colour space of a photo: from its stored values to linear light and to sRGB, and back.

A lens blurs linear light, so that blur is undone there, whatever curve and primaries the photo is stored with. Networks
learned sRGB: they get the photo converted, and their change is converted back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.images.grids import STRIP_PX
from refocal.types import Array, Image

STEPS = 65535
"""Steps of a curve's table: the values of 8 and 16 bits lie on it exactly."""

SAME_CURVE, SAME_COLOURS = 2e-3, 5e-3
"""A space whose curve (in stored values) and matrix differ by less from sRGB's is taken for sRGB."""


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """Curves and primaries of a photo that isn't stored as sRGB.

    Attributes:
        curves: One table for all channels or one each, ``STEPS`` + 1 values of linear light in [0, 1], rising: the
            light of the stored values 0, 1 / ``STEPS``, ..., 1.
        to_srgb_light: (3, 3), from linear light in these primaries to that in sRGB's; None if they are equal.
        white: The linear light of diffuse white; below 1 where a film stores brighter highlights (PQ, HLG).
    """

    curves: tuple[Array, ...]
    to_srgb_light: Array | None = None
    white: float = 1.0

    def to_light(self, image: Image) -> Image:
        """(C, H, W) in [0, 1] to linear light in [0, 1], the same shape and dtype."""
        return _by_channel(image, lambda plane, channel: _looked_up(plane, self._curve(channel)))

    def from_light(self, light: Image) -> Image:
        """The inverse of ``to_light``; light is clipped to [0, 1]."""
        steps = np.linspace(0, 1, STEPS + 1)
        return _by_channel(light, lambda plane, channel: np.interp(plane, self._curve(channel), steps))

    def to_srgb(self, image: Image) -> Image:
        """(C, H, W) in [0, 1] as sRGB, not clipped: colours that sRGB can't hold lie beyond [0, 1]."""
        light = self.to_light(image) / np.float32(self.white)
        return _signed(linear_to_srgb, self._mixed(light, self.to_srgb_light))

    def from_srgb(self, image: Image) -> Image:
        """The inverse of ``to_srgb``, clipped to [0, 1]."""
        inverse = None if self.to_srgb_light is None else np.linalg.inv(self.to_srgb_light)
        light = self._mixed(_signed(srgb_to_linear, image), inverse)
        return self.from_light(light * np.float32(self.white))

    def changed_in_srgb(self, image: Image, change: Callable[[Image], Image]) -> Image:
        """The image after ``change``, which takes and returns sRGB in [0, 1].

        The difference that it makes is added to the unclipped sRGB values, so that colours beyond sRGB are kept; where
        it makes none, the image's values are returned as they are.
        """
        unclipped: Array = self.to_srgb(image)
        seen: Array = np.clip(unclipped, 0, 1)
        difference = change(seen) - seen
        changed = (difference != 0).any(axis=0)
        result: Image = np.where(changed, self.from_srgb(unclipped + difference), image)
        return result.astype(image.dtype, copy=False)

    def _curve(self, channel: int) -> Array:
        return self.curves[channel] if len(self.curves) > 1 else self.curves[0]

    def _mixed(self, light: Image, matrix: Array | None) -> Image:
        if matrix is None or light.shape[0] == 1:
            return light
        return np.einsum("ij,jhw->ihw", matrix.astype(light.dtype), light)


class Srgb(ColourSpace):
    """sRGB: the curve is computed, and nothing is converted."""

    def to_light(self, image: Image) -> Image:
        """See ``ColourSpace``."""
        light: Image = srgb_to_linear(image)
        return light

    def from_light(self, light: Image) -> Image:
        """See ``ColourSpace``; light isn't clipped."""
        image: Image = linear_to_srgb(light)
        return image

    def to_srgb(self, image: Image) -> Image:
        """The image itself."""
        return image

    def from_srgb(self, image: Image) -> Image:
        """The image itself."""
        return image

    def changed_in_srgb(self, image: Image, change: Callable[[Image], Image]) -> Image:
        """See ``ColourSpace``."""
        return change(image)


SRGB = Srgb(())


def make_space(curves: tuple[Array, ...], to_srgb_light: Array | None, white: float = 1.0) -> ColourSpace:
    """A colour space, or ``SRGB`` where it hardly differs from it.

    Args:
        curves: Tables of any length of at least 2: the linear light of evenly spaced stored values.
        to_srgb_light: As for ``ColourSpace``.
        white: As for ``ColourSpace``.

    Raises:
        ValueError: If a table falls, or the matrix can't be inverted.
    """
    steps = np.linspace(0, 1, STEPS + 1)
    for curve in curves:  # BT.709's own falls by 6e-5 where its two parts meet
        if not np.isfinite(curve).all() or (np.diff(curve) < -1e-3).any() or curve[-1] <= curve[0]:
            raise ValueError("A colour space's curves must rise.")
    tables = tuple(
        np.interp(steps, np.linspace(0, 1, len(curve)), _without_steps(np.maximum.accumulate(np.clip(curve, 0, 1))))
        for curve in curves
    )
    if to_srgb_light is not None:
        if not np.isfinite(to_srgb_light).all() or abs(np.linalg.det(to_srgb_light)) < 1e-6:
            raise ValueError("A colour space's primaries must span all colours.")
        if np.abs(to_srgb_light - np.eye(3)).max() < SAME_COLOURS:
            to_srgb_light = None
    alike = all(np.abs(linear_to_srgb(table) - steps).max() < SAME_CURVE for table in tables)
    if alike and to_srgb_light is None and white == 1:
        return SRGB
    return ColourSpace(tables, to_srgb_light, white)


def _without_steps(curve: Array) -> Array:
    """Straight lines between the middles of runs of equal values, so that a rounded curve can be inverted."""
    edges = np.flatnonzero(np.diff(curve)) + 1
    starts, stops = np.array([0, *edges]), np.array([*edges, len(curve)])
    middles = (starts + stops - 1) / 2
    middles[0], middles[-1] = 0, len(curve) - 1
    smooth: Array = np.interp(np.arange(len(curve)), middles, curve[starts])
    return smooth


def _by_channel(image: Image, change: Callable[[Array, int], Array]) -> Image:
    """Apply a function to strips of each channel, whose temporary copies would take much memory otherwise."""
    out = np.empty(image.shape, np.result_type(image, np.float32))
    for channel in range(image.shape[0]):
        for top in range(0, image.shape[1], STRIP_PX):
            out[channel, top : top + STRIP_PX] = change(image[channel, top : top + STRIP_PX], channel)
    return out


def _looked_up(plane: Array, table: Array) -> Array:
    """Linear interpolation in a table over evenly spaced values of [0, 1]."""
    place = np.clip(plane, 0, 1) * STEPS
    first = np.minimum(place.astype(np.int32), STEPS - 1)
    return table[first] + (place - first) * (table[first + 1] - table[first])


def _signed(curve: Callable[[Array], Array], values: Array) -> Array:
    """An sRGB curve for values of both signs, as for extended-range sRGB (IEC 61966-2-1:1999, amendment 1)."""
    return np.copysign(curve(np.abs(values)), values)
