import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from refocal.optics.kernels import (
    FAMILIES,
    butterworth_ring,
    disk,
    dual_pixel_half_disk,
    dual_pixel_ramp,
    family_kernel,
    gaussian,
    polygon,
)

RADII = [0.0, 0.3, 0.5, 0.51, 0.75, 1.0, 1.5, 2.2, 3.0, 4.7, 8.0, 12.5]


def _covered(inside, half, samples):
    """Fraction of each pixel's area where ``inside(x right, y up)`` holds, by supersampling."""
    side = 2 * half + 1
    grid = (np.arange(side * samples) + 0.5) / samples - half - 0.5
    hits = inside(grid[None, :], -grid[:, None])
    return hits.reshape(side, samples, side, samples).mean((1, 3))


def _centroid(kernel):
    """Centre of mass of a kernel, (right, up)."""
    half_y, half_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    rows, columns = np.mgrid[-half_y : half_y + 1, -half_x : half_x + 1]
    return (kernel * columns).sum(), -(kernel * rows).sum()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("radius_px", RADII)
def test_every_family_is_odd_sided_positive_and_sums_to_one(family, radius_px):
    kernel = FAMILIES[family](radius_px)
    assert kernel.dtype == np.float64
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("make", [disk, butterworth_ring, gaussian])
@pytest.mark.parametrize("radius_px", RADII)
def test_round_kernels_have_all_eight_symmetries(make, radius_px):
    kernel = make(radius_px)
    for turned in (kernel.T, kernel[::-1], kernel[:, ::-1], np.rot90(kernel)):
        np.testing.assert_allclose(turned, kernel, rtol=0, atol=1e-15)


def test_disk_has_the_published_values():
    """MATLAB's fspecial("disk", 0.75), used for SVBR-Net's kernels."""
    kernel = disk(0.75)
    np.testing.assert_allclose([kernel[1, 1], kernel[0, 1], kernel[0, 0]], [0.565884, 0.107507, 0.001022], atol=5e-7)


@pytest.mark.parametrize("radius_px", [0.62, 0.75, 1.37, 2.5, 3.3, 6.81])
def test_disk_is_the_area_of_a_circle(radius_px):
    kernel = disk(radius_px)
    half = kernel.shape[0] // 2
    counted = _covered(lambda x, y: x**2 + y**2 <= radius_px**2, half, 160) / (math.pi * radius_px**2)
    np.testing.assert_allclose(kernel, counted, rtol=0, atol=2e-4 / radius_px**2)
    # The kernel is exactly as wide as the circle.
    assert half - 0.5 < radius_px <= half + 0.5


@pytest.mark.parametrize("radius_px", [10.0, 20.3])
def test_disk_has_the_second_moment_of_a_disk(radius_px):
    kernel = disk(radius_px)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    # r^2 / 4 of the disk, and 1 / 12 of the pixel it is integrated over
    assert (kernel.sum(0) * offset**2).sum() == pytest.approx(radius_px**2 / 4 + 1 / 12, rel=1e-3)


@pytest.mark.parametrize("radius_px", [0.0, 0.2, 0.5])
def test_a_disk_within_one_pixel_is_the_identity(radius_px):
    np.testing.assert_array_equal(disk(radius_px), [[1.0]])


def test_disk_is_continuous_in_the_radius():
    for radius_px in (0.5, 1.5, 2.0, 3.5):
        before, after = disk(radius_px - 1e-4), disk(radius_px + 1e-4)
        margin = (after.shape[0] - before.shape[0]) // 2
        np.testing.assert_allclose(np.pad(before, margin), after, atol=3e-4)


@pytest.mark.parametrize("sigma_px", [0.5, 1.0, 1.75, 3.0])
def test_gaussian_equals_scipy(sigma_px):
    kernel = gaussian(sigma_px)
    point = np.zeros((41, 41))
    point[20, 20] = 1
    half = kernel.shape[0] // 2
    assert half == math.ceil(4 * sigma_px)
    oracle = gaussian_filter(point, sigma_px, truncate=4)[20 - half : 21 + half, 20 - half : 21 + half]
    np.testing.assert_allclose(kernel, oracle, atol=1e-15)


def test_the_gaussian_family_has_the_disks_second_moment():
    kernel = family_kernel("gaussian", 10.0)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    assert (kernel.sum(0) * offset**2).sum() == pytest.approx(10.0**2 / 4, rel=2e-3)


@pytest.mark.parametrize("radius_px", [1.5, 3.7, 9.0])
def test_a_round_polygon_is_the_disk(radius_px):
    np.testing.assert_allclose(polygon(radius_px, 6, 20, roundness=1), disk(radius_px), atol=5e-4 / radius_px**2)


@pytest.mark.parametrize("blades", [3, 5, 6, 8])
def test_polygon_covers_the_area_of_a_polygon(blades):
    """The kernel sums to 1, so that a pixel inside the polygon weighs 1 / area."""
    radius_px = 11.3
    area = blades / 2 * radius_px**2 * math.sin(2 * math.pi / blades)
    kernel = polygon(radius_px, blades, 17)
    assert kernel.max() == pytest.approx(1 / area, rel=1e-3)
    assert kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] == kernel.max()


@pytest.mark.parametrize("blades", [3, 5, 6])
def test_a_polygon_rotated_by_one_side_is_the_same(blades):
    np.testing.assert_allclose(polygon(7.2, blades, 13), polygon(7.2, blades, 13 + 360 / blades), atol=2e-5)


def _clipped(corners, axis, bound, keep):
    """The part of a convex polygon where keep * (coordinate - bound) >= 0 (Sutherland & Hodgman)."""
    clipped = []
    for before, here in zip([corners[-1], *corners[:-1]], corners, strict=True):
        if (keep * (before[axis] - bound) >= 0) != (keep * (here[axis] - bound) >= 0):
            share = (bound - before[axis]) / (here[axis] - before[axis])
            clipped.append(before + share * (here - before))
        if keep * (here[axis] - bound) >= 0:
            clipped.append(here)
    return clipped


def _area(corners):
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip([corners[-1], *corners[:-1]], corners, strict=True)) / 2


@pytest.mark.parametrize(("blades", "rotation_deg"), [(5, 0), (5, 17), (5, 90), (3, 30), (6, 0)])
def test_polygon_coverage_equals_exact_polygon_clipping(blades, rotation_deg):
    """Rotation 0 puts a corner on the right and, with five blades, a flat side on the left."""
    radius_px = 3.7
    angles = np.radians(rotation_deg + 360 / blades * np.arange(blades))
    corners = list(radius_px * np.stack([np.cos(angles), np.sin(angles)], 1))
    kernel = polygon(radius_px, blades, rotation_deg)
    half = kernel.shape[0] // 2
    oracle = np.zeros_like(kernel)
    for i, j in np.ndindex(kernel.shape):
        right, up = j - half, half - i
        inside = corners
        for axis, bound, keep in ((0, right - 0.5, 1), (0, right + 0.5, -1), (1, up - 0.5, 1), (1, up + 0.5, -1)):
            inside = _clipped(inside, axis, bound, keep) if inside else inside
        oracle[i, j] = _area(inside) if inside else 0
    np.testing.assert_allclose(kernel * oracle.sum(), oracle, atol=6e-3)


def test_polygon_corners_follow_the_rotation():
    right = polygon(8.0, 5, 0)
    assert right[8, 16] > 0
    assert right[8, 0] == 0  # a flat side on the left
    up = polygon(8.0, 5, 90)
    assert up[0, 8] > 0
    assert up[16, 8] == 0


@pytest.mark.parametrize(
    ("radius", "side", "centre", "most"),
    [
        (1, 3, 0.0290, 0.2427),
        (2, 7, 0.0302, 0.0453),
        (3, 9, 0.0083, 0.0271),
        (5, 13, 0.0028, 0.0162),
        (8, 19, None, None),
        (9, 23, None, None),
        (12, 29, 0.00055, 0.0033),
        (16, 39, None, None),
        (20, 47, None, None),
        (24, 57, 0.00013, 0.00087),
    ],
)
def test_ring_has_the_published_sizes_and_values(radius, side, centre, most):
    kernel = butterworth_ring(radius)
    assert kernel.shape == (side, side)
    if centre is not None:
        last_digit = 10.0 ** -(5 if radius >= 12 else 4)
        assert kernel[side // 2, side // 2] == pytest.approx(centre, abs=0.5 * last_digit)
        assert kernel.max() == pytest.approx(most, abs=0.5 * (1e-4 if radius == 12 else last_digit))


def test_ring_is_the_profile_under_opencvs_gaussian():
    """Radius 2: profile, disk and 3x3 Gaussian (sigma 0.8) with reflect-101 written out."""
    rho2 = np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2)
    energy = (rho2 / (4 / 2.5) ** 2) ** 3
    profile = energy / (1 + energy)
    profile = 0.1 + 0.9 * profile / profile.max()
    profile = np.pad(np.where(rho2 <= 4, profile, 0), 1)
    row = np.exp(-0.5 * (np.array([-1, 0, 1]) / 0.8) ** 2)
    row /= row.sum()
    grown = np.pad(profile, 1, mode="reflect")
    oracle = sum(row[i] * row[j] * grown[i : i + 7, j : j + 7] for i in range(3) for j in range(3))
    np.testing.assert_allclose(butterworth_ring(2), oracle / oracle.sum(), atol=1e-15)


def test_ring_below_one_pixel_is_a_point():
    """With floor 0 and a radius below one pixel the profile is zero: the result is a point, not 0 / 0."""
    np.testing.assert_array_equal(butterworth_ring(0.5, floor=0.0), [[1.0]])


def test_half_disk_has_the_published_columns():
    left, right = dual_pixel_half_disk(2)
    np.testing.assert_allclose(left[2], [0.026, 0.053, 0.079, 0.105, 0.105], atol=5e-4)
    np.testing.assert_array_equal(right, left[:, ::-1])
    assert left.sum() == pytest.approx(1)
    filled = np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) <= 4
    np.testing.assert_array_equal(left > 0, filled)


def test_half_disk_is_the_sum_of_its_parts():
    """Part i of 2 r is the disk from column i on; summed as in the published loop."""
    radius = 5
    filled = (np.add.outer(np.arange(-5, 6) ** 2, np.arange(-5, 6) ** 2) <= 25).astype(float)
    total = np.zeros_like(filled)
    for i in range(2 * radius):
        total[:, i:] += filled[:, i : 2 * radius + 1]
    np.testing.assert_allclose(dual_pixel_half_disk(radius)[0], total / total.sum(), atol=1e-15)


@pytest.mark.parametrize("combined", [disk(4.3), butterworth_ring(6)])
def test_ramped_views_mirror_each_other_and_average_to_the_combined_kernel(combined):
    left, right = dual_pixel_ramp(combined)
    np.testing.assert_allclose(right, left[:, ::-1], atol=1e-16)
    np.testing.assert_allclose((left + right) / 2, combined, atol=1e-15)
    assert _centroid(left)[0] > 0.5
    assert _centroid(right)[0] == pytest.approx(-_centroid(left)[0])


def test_ramp_of_the_identity_is_the_identity():
    for view in dual_pixel_ramp(np.ones((1, 1))):
        np.testing.assert_array_equal(view, [[1.0]])


def test_family_kernels_are_cached_and_read_only():
    kernel = family_kernel("disk", 2.5)
    assert family_kernel("disk", 2.5) is kernel
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


@pytest.mark.parametrize("make", [disk, gaussian, polygon, butterworth_ring])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_invalid_sizes_are_refused(make, value):
    with pytest.raises(ValueError, match="at least 0"):
        make(value)


def test_other_invalid_input_is_refused():
    with pytest.raises(ValueError, match="blades"):
        polygon(3, blades=2)
    with pytest.raises(ValueError, match="roundness"):
        polygon(3, roundness=1.5)
    with pytest.raises(ValueError, match="rotation"):
        polygon(3, rotation_deg=math.nan)
    with pytest.raises(ValueError, match="at least 0"):
        dual_pixel_half_disk(-1)
    with pytest.raises(ValueError, match="no kernel family"):
        family_kernel("star", 2.0)
