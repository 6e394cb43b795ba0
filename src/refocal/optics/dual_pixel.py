"""Simulation of a dual-pixel sensor: left view, right view and the combined photo, their mean.

Each pixel of such a sensor is split in two. Its left half receives light through one half of the lens, its right half
through the other, so that a point out of focus is blurred by the two halves of its kernel:

    K_left = K ramp / sum,   K_right = K (1 - ramp) / sum,   ramp = 0 at the first column of K ... 1 at the last

in front of the plane of focus; behind it the views are swapped. The disparity between the views therefore encodes the
signed defocus of a point: in front of the plane of focus, its left image lies to the right of its right image.

Reference: Abuolaim, Delbracio, Kelly, Brown, Milanfar, "Learning to reduce defocus blur by realistically modeling
dual-pixel data", ICCV 2021 (kernels and parameters of the authors' simulator); layers are composited as in
``optics.render``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from refocal.images.colour import linear_to_srgb, srgb_to_linear
from refocal.optics.kernels import Kernel, butterworth_ring, dual_pixel_ramp
from refocal.optics.render import render_layers
from refocal.types import Array, Boundary, Encoding, Image


@dataclass(frozen=True)
class RingSet:
    """One lens of the simulator: soft rings with a dark centre of any radius; see ``kernels.butterworth_ring``.

    Attributes:
        order: Order n of the Butterworth profile.
        cutoff: Divides the kernel's diameter to give D0, the distance at which the profile reaches half its maximum.
        floor: Smallest weight inside the ring, beta in the paper.
    """

    order: int
    cutoff: float
    floor: float

    def __call__(self, radius_px: float) -> Kernel:
        """Combined kernel of a radius in pixels, at least 0; cached and read-only.

        Raises:
            ValueError: If the radius is negative or not finite.
        """
        return _ring(self, radius_px)


RING_SETS = tuple(RingSet(*values) for values in product((3, 6, 9), (2.5, 2.0), (0.1, 0.2)))
"""The twelve lenses of the simulator; learnable_blur_kernel_defocusgan uses the first alone."""


@dataclass(frozen=True)
class Views:
    """Photos of one dual-pixel exposure, each (..., C, H, W) in [0, 1] and of the same encoding."""

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
    """Render a scene as a dual-pixel sensor records it, with occlusion in each view.

    Changing the sign of every radius swaps the views, except at occlusions, whose order is reversed. For a depth map,
    pass ``ThinLens.signed_radius_px`` of it.

    Args:
        sharp: (..., C, H, W) in [0, 1].
        signed_radius_px: Circle-of-confusion radius (H, W), or (..., H, W) for a batch; positive behind the plane of
            focus.
        kernel_at: From a radius of at least 0 to the combined kernel of both halves, symmetric under a half turn.
        step_px: Difference in radius between layers, with linear interpolation between them. One pixel as in
            learnable_blur_kernel_defocusgan, eq. 4, whose kernels have the radii 0, 1, ... 24.
        boundary: Padding rule at the edges of the image.
        encoding: Encoding of ``sharp`` and of the views; blur and compositing are always in linear light.

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


@lru_cache(maxsize=512)
def _ring(lens: RingSet, radius_px: float) -> Kernel:
    kernel = butterworth_ring(radius_px, lens.order, lens.cutoff, lens.floor)
    kernel.flags.writeable = False
    return kernel
