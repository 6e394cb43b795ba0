"""What a dual-pixel sensor sees of a scene: the left and the right view, and the combined photo that is their sum.

Each pixel of such a sensor is split in two. Its left half sees the scene through one half of the lens, its right half
through the other, so that a point out of focus lands in the two views with the two halves of its kernel:

    K_left = K ramp / sum,   K_right = K (1 - ramp) / sum,   ramp = 0 at the first column of K ... 1 at the last

in front of the plane of focus; behind it the views change places. The parallax between the views so tells how far out
of focus a point is, and on which side: in front, its left image lies to the right of its right one.

Reference: Abuolaim, Delbracio, Kelly, Brown, Milanfar, "Learning to reduce defocus blur by realistically modeling
dual-pixel data", ICCV 2021 (the kernels and the parameters of the authors' simulator); the layers lie over each other
as in ``optics.render``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.kernels import Kernel, butterworth_ring, dual_pixel_ramp
from refocal.optics.render import render_layers, signed_radius_of
from refocal.optics.thin_lens import ThinLens
from refocal.types import Array, Boundary, Encoding, Image


@dataclass(frozen=True)
class RingSet:
    """One lens of the simulator: soft rings with a dark centre, of any radius; see ``kernels.butterworth_ring``.

    Attributes:
        order: Order n of the Butterworth profile.
        cutoff: Divides the kernel's diameter to give D0, the distance at which the profile is half its most.
        floor: Smallest weight inside the ring, beta in that work.
    """

    order: int
    cutoff: float
    floor: float

    def __call__(self, radius_px: float) -> Kernel:
        """The combined kernel of a radius in pixels, at least 0; kept and read-only.

        Raises:
            ValueError: If the radius is negative or not finite.
        """
        return _ring(self, radius_px)


RING_SETS = tuple(RingSet(*values) for values in product((3, 6, 9), (2.5, 2.0), (0.1, 0.2)))
"""The twelve lenses of the simulator; the first alone makes the kernels of learnable_blur_kernel_defocusgan."""


@dataclass(frozen=True)
class Views:
    """The photos of one dual-pixel exposure, each (..., C, H, W) in [0, 1] and of the same encoding."""

    left: Image
    right: Image
    combined: Image


def render_views(
    sharp: Image,
    signed_radius_px: Array,
    kernel_at: Callable[[float], Kernel] = RING_SETS[0],
    *,
    step_px: float = 1.0,
    boundary: Boundary = "mirror",
    encoding: Encoding = "srgb",
) -> Views:
    """Photograph a scene with a dual-pixel sensor: near things cover far ones, in each view as its half of the lens
    sees it.

    Changing the sign of every radius swaps the views, except where things hide each other: what was near is then far.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: Circle-of-confusion radius (H, W), or (..., H, W) for a batch; positive behind the plane of
            focus.
        kernel_at: From a radius of at least 0 to the kernel of both halves together, symmetric under a half turn.
        step_px: Difference of radius between layers; between two layers the light is mixed linearly. One pixel as in
            learnable_blur_kernel_defocusgan, eq. 4, whose kernels have the radii 0, 1, ... 24.
        boundary: What lies beyond the edge.
        encoding: Of ``sharp`` and of the views; light itself is always added up linearly.

    Returns:
        The two views, each as bright as ``combined``, which is their mean in linear light.

    Raises:
        InputError: If the sizes differ or a radius isn't finite.
    """

    def halves(radius_px: float) -> Kernel:
        left, right = dual_pixel_ramp(kernel_at(abs(radius_px)))
        return np.stack([right, left] if radius_px > 0 else [left, right])

    light = srgb_to_linear(sharp) if encoding == "srgb" else sharp
    left, right = render_layers(light, signed_radius_px, halves, step_px=step_px, boundary=boundary, encoding="linear")
    combined = (left + right) / 2
    if encoding == "srgb":
        left, right, combined = linear_to_srgb(left), linear_to_srgb(right), linear_to_srgb(combined)
    return Views(left, right, combined)


def render_depth_views(
    sharp: Image,
    depth_m: Array,
    lens: ThinLens,
    kernel_at: Callable[[float], Kernel] = RING_SETS[0],
    *,
    encoding: Encoding = "srgb",
) -> Views:
    """The same of a scene whose depth is known, through a thin lens.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        depth_m: (H, W) distances in metres, positive; infinity is allowed.
        lens: Lens, focus and sensor.
        kernel_at: As in ``render_views``.
        encoding: As in ``render_views``.

    Raises:
        InputError: If a depth isn't positive or the sizes differ.
    """
    return render_views(sharp, signed_radius_of(depth_m, lens), kernel_at, encoding=encoding)


@lru_cache(maxsize=512)
def _ring(lens: RingSet, radius_px: float) -> Kernel:
    kernel = butterworth_ring(radius_px, lens.order, lens.cutoff, lens.floor)
    kernel.flags.writeable = False
    return kernel
