"""Point-spread functions of an out-of-focus lens, as small float64 NumPy arrays: odd side, sum 1.

Every kernel of a *family* (``FAMILIES``) is a function of one number, the circle-of-confusion radius in pixels, so that
a blur map needs one kernel per radius.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float64]


def disk(radius_px: float) -> Kernel:
    """Uniform disk, the kernel of an ideal lens; each pixel's weight is the exact area covered by the disk.

    A radius of at most 0.5 px lies inside one pixel and gives the identity.

    Raises:
        ValueError: If the radius is negative or not finite.
    """
    _check(radius_px, "radius_px")
    half = max(math.ceil(radius_px - 0.5), 0)
    if half == 0:
        return np.ones((1, 1))
    edges = np.arange(-half - 0.5, half + 1.0)
    corner = _disk_corner_area(edges[:, None], edges[None, :], radius_px)
    area = corner[1:, 1:] - corner[:-1, 1:] - corner[1:, :-1] + corner[:-1, :-1]
    return _normalised(np.maximum(area, 0))  # outside the disk, differences round to either side of 0


def _disk_corner_area(x: NDArray[np.float64], y: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Signed area of the disk inside the rectangle from the origin to (x, y): odd in x and in y."""
    sign = np.sign(x) * np.sign(y)
    x, y = np.minimum(np.abs(x), radius), np.minimum(np.abs(y), radius)
    # Up to `knee` the area is bounded by the rectangle's top, from there to x by the circle.
    knee = np.minimum(np.sqrt(radius**2 - y**2), x)

    def under_arc(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return (t * np.sqrt(radius**2 - t**2) + radius**2 * np.arcsin(t / radius)) / 2

    return sign * (y * knee + under_arc(x) - under_arc(knee))


def gaussian(sigma_px: float) -> Kernel:
    """Sampled Gaussian, truncated at four sigma (scipy.ndimage's default); sigma 0 gives the identity.

    Raises:
        ValueError: If sigma is negative or not finite.
    """
    _check(sigma_px, "sigma_px")
    half = math.ceil(4 * sigma_px)
    if half == 0:
        return np.ones((1, 1))
    row = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma_px) ** 2)
    return _normalised(np.outer(row, row))


def polygon(radius_px: float, blades: int = 6, rotation_deg: float = 0.0, roundness: float = 0.0) -> Kernel:
    """Aperture of straight blades: a regular polygon inscribed in the circle of ``radius_px``.

    Args:
        radius_px: Circumscribed radius in pixels, so that ``roundness`` 1 gives the disk of the same radius.
        blades: Number of sides, at least 3.
        rotation_deg: Anticlockwise rotation; at 0 one corner points to the right.
        roundness: Curvature of the blades: 0 straight, 1 a circle, linear in between along each ray.

    Raises:
        ValueError: If a value is outside its range.
    """
    _check(radius_px, "radius_px")
    if blades < 3 or not 0 <= roundness <= 1 or not math.isfinite(rotation_deg):
        raise ValueError(
            f"Give at least 3 blades, a finite rotation_deg and a roundness in [0, 1], "
            f"not {blades}, {rotation_deg} and {roundness}."
        )
    half = max(math.ceil(radius_px - 0.5), 0)
    if half == 0:
        return np.ones((1, 1))
    samples = 16  # per pixel side, each with a soft edge of its own width: weights exact to 6 parts in 1000
    side = 2 * half + 1
    grid = (np.arange(side * samples) + 0.5) / samples - half - 0.5
    x, y = grid[None, :], -grid[:, None]  # y points upwards
    sector = 2 * math.pi / blades
    angle = np.mod(np.arctan2(y, x) - math.radians(rotation_deg), sector) - sector / 2
    straight = math.cos(sector / 2) / np.cos(angle)
    reach = radius_px * ((1 - roundness) * straight + roundness)
    inside = np.clip((reach - np.hypot(x, y)) * samples + 0.5, 0, 1)
    coverage = inside.reshape(side, samples, side, samples).mean(axis=(1, 3))
    return _normalised(coverage)


def butterworth_ring(radius_px: float, order: int = 3, cutoff: float = 2.5, floor: float = 0.1) -> Kernel:
    """Soft ring with a dark centre, as of dual-pixel cameras (learnable_blur_kernel_defocusgan, eq. 3).

    B = floor..1 rescaled [1 + (D0/rho)^(2 order)]^-1 inside the disk rho <= radius, D0 = 2 radius / cutoff, smoothed by
    a small Gaussian whose size grows with the kernel. A radius below 1, that is one pixel, gives the identity.

    Args:
        radius_px: Radius in pixels.
        order: Order n of the Butterworth profile (3, 6 and 9 in the simulator of Abuolaim et al., ICCV 2021).
        cutoff: Divides the kernel's side to give D0 (2.5 and 2 in the simulator).
        floor: Smallest weight before smoothing, beta in the paper (0.1 and 0.2 in the simulator).

    Raises:
        ValueError: If the radius is negative or not finite.
    """
    _check(radius_px, "radius_px")
    if radius_px < 1:
        return np.ones((1, 1))
    half = math.ceil(radius_px)
    grid = np.arange(-half, half + 1)
    rho2 = (grid[:, None] ** 2 + grid[None, :] ** 2).astype(np.float64)
    energy = (rho2 / (2 * radius_px / cutoff) ** 2) ** order
    profile = energy / (1 + energy)
    profile = floor + (1 - floor) * (profile - profile.min()) / (profile.max() - profile.min())
    profile *= rho2 <= radius_px**2
    size = round((2 * half + 1) / 7) + 1
    size += 1 - size % 2
    if size > 1:
        margin = size // 2
        sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8  # OpenCV's rule for a Gaussian of a given size
        row = np.exp(-0.5 * (np.arange(-margin, margin + 1) / sigma) ** 2)
        row /= row.sum()
        # Mirroring at the edge of the zero margin roughly doubles the outermost ring, as in the published kernels.
        padded = np.pad(np.pad(profile, margin), margin, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
        profile = np.einsum("ijkl,k,l->ij", windows, row, row)
    return _normalised(profile)


def dual_pixel_ramp(kernel: Kernel) -> tuple[Kernel, Kernel]:
    """Left and right kernel of a combined kernel: times a horizontal ramp 0..1, and times its mirror; each sums to 1.

    For a point in front of the focal plane; behind it the two are swapped. Their mean is the combined kernel if that is
    symmetric under a half turn (Abuolaim et al., "Learning to reduce defocus blur by realistically modeling dual-pixel
    data", ICCV 2021).
    """
    ramp = np.linspace(0.0, 1.0, kernel.shape[1])[None, :] if kernel.shape[1] > 1 else np.ones((1, 1))
    return _normalised(kernel * ramp), _normalised(kernel * ramp[:, ::-1])


def dual_pixel_half_disk(radius: int) -> tuple[Kernel, Kernel]:
    """Left and right kernel of a disk, each the sum of progressively narrower parts (BaMBNet, Liang et al., 2021).

    The disk is a filled circle of integer radius; part i of 2 radius keeps the columns from i on. The right kernel is
    the mirror image of the left one.

    Raises:
        ValueError: If the radius is negative.
    """
    if radius < 0:
        raise ValueError(f"Give a radius of at least 0 px, not {radius}.")
    if radius == 0:
        return np.ones((1, 1)), np.ones((1, 1))
    grid = np.arange(-radius, radius + 1)
    filled = (grid[:, None] ** 2 + grid[None, :] ** 2 <= radius**2).astype(np.float64)
    parts = np.minimum(np.arange(2 * radius + 1) + 1, 2 * radius)  # number of parts that cover each column
    left = _normalised(filled * parts)
    return left, left[:, ::-1].copy()


def _gaussian_of_radius(radius_px: float) -> Kernel:
    return gaussian(radius_px / 2)  # the Gaussian with the disk's second moment


FAMILIES: dict[str, Callable[[float], Kernel]] = {
    "disk": disk,
    "gaussian": _gaussian_of_radius,
    "polygon": polygon,
    "ring": butterworth_ring,
}


@lru_cache(maxsize=512)
def family_kernel(family: str, radius_px: float) -> Kernel:
    """Kernel of a named family at a radius; cached, because blur maps repeat the same radii, and read-only.

    Raises:
        ValueError: If there is no such family.
    """
    if family not in FAMILIES:
        raise ValueError(f"There is no kernel family {family!r}: choose one of {', '.join(FAMILIES)}.")
    kernel = FAMILIES[family](radius_px)
    kernel.flags.writeable = False
    return kernel


def _normalised(kernel: NDArray[np.float64]) -> Kernel:
    return kernel / kernel.sum()


def _check(value: float, name: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"Give {name} as a number of pixels that is at least 0, not {value}.")
